"""The form of a rule as tests use it: its rows, their fields, and what it says as JSON."""

import json
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.api.console.conftest import Desk, Desks


def rows(page: Page) -> Locator:
    return page.locator(".rule-row")


def part(row: Locator, name: str) -> Locator:
    return row.locator(f'[data-part="{name}"]')


async def as_json(page: Page) -> str:
    """Give the rule as the other view has it, and come back."""
    await page.locator("#rule-tab-json").click()
    text = await page.locator("#rule").input_value()
    await page.locator("#rule-tab-builder").click()
    return text


async def shown(page: Page, rule: Any) -> None:
    """Have the form show a rule."""
    await page.locator("#rule-tab-json").click()
    await page.fill("#rule", json.dumps(rule))
    await page.locator("#rule-tab-builder").click()


async def begun(desks: Desks, **options: Any) -> Desk:
    desk = await desks.of(place="new-segment", **options)
    await expect(rows(desk.page)).to_have_count(1)
    return desk


async def row_of(page: Page, kind: str) -> Locator:
    """Add a row of a kind."""
    await page.get_by_role("button", name="+ Condition", exact=True).click()
    row = rows(page).last
    await part(row, "kind").select_option(kind)
    return row
