"""A campaign as it is seen: forecast before it starts, its funnel live while it runs, paused and ended by hand."""

import re

import pytest
from playwright.async_api import expect

from engine.tenants import Scope
from rules.words import OutcomeType
from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop


async def test_a_campaign_is_forecast_started_and_watched_live(desks: Desks, shop: Shop) -> None:
    desk = await desks.of(language="en-GB", place="campaigns")
    page = desk.page
    await expect(page.locator("a.row")).to_have_count(2)
    await keep(page, "campaigns-en")
    await page.click("a.row >> text=Ưu đãi cho khách Huế")
    await expect(page.locator("main h1")).to_have_text("Ưu đãi cho khách Huế")
    made = page.locator("section", has=page.locator("#made-heading"))
    await expect(made.get_by_role("link", name="Khách ở Huế")).to_have_attribute("href", "#/segments/hue")
    await expect(made.get_by_role("link", name="uu-dai")).to_be_visible()
    await page.get_by_role("button", name="Forecast").click()
    await expect(page.get_by_text("would get a message")).to_be_visible()
    await page.get_by_role("button", name="Start").click()
    await page.locator("dialog").get_by_role("button", name="Start").click()
    await expect(page.get_by_text("It has started.")).to_be_visible()
    # Nothing is loaded again from here on: the page is told.
    audience = page.locator("[data-stage=audience]")
    await expect(audience).to_have_attribute("data-count", "44")
    ran = page.locator("section", has=page.locator("#runs-heading"))
    await expect(ran).to_contain_text("Everybody in the segment")
    await shop.work()
    await expect(page.locator("[data-stage=sent]")).not_to_have_attribute("data-count", "0")
    await expect(ran).to_contain_text("44 decisions")
    await shop.answer(OutcomeType.DELIVERED, OutcomeType.READ)
    await shop.answer(OutcomeType.CLICKED, OutcomeType.BOUGHT, profile="kh-000042")
    await shop.answer(OutcomeType.BOUGHT, profile="kh-100007")
    await shop.answer(OutcomeType.BOUGHT, profile="kh-100011")
    await expect(page.locator("[data-stage=bought]")).not_to_have_attribute("data-count", "0")
    await expect(page.get_by_role("row", name="Control group for good")).to_be_visible()
    course = page.locator("section", has=page.locator("#course-heading"))
    await expect(course.locator(".chart-box")).to_have_attribute("data-drawn", re.compile(r"[1-9]"))
    # What is drawn is said too: in a sentence, and as a table.
    sends = await page.locator("[data-stage=sent]").get_attribute("data-count")
    await expect(course.get_by_role("img")).to_have_attribute("aria-label", re.compile(f"Sent {sends}, .*Bought 3\\."))
    await course.get_by_text("As a table").click()
    await expect(course.locator("tbody tr").last.locator("td").nth(1)).to_have_text(str(sends))
    await course.get_by_role("button", name="Each interval").click()
    await course.get_by_role("button", name="Decided").click()
    await expect(course.get_by_role("button", name="Decided")).to_have_attribute("aria-pressed", "false")
    await page.reload()
    await expect(page.locator(".interval")).to_have_count(2)
    await expect(page.get_by_role("img", name="Shares with their intervals at 95 %")).to_be_visible()
    await expect(page.locator(".chart-box canvas")).to_be_visible()
    assert await desk.faults() == []
    await keep(page, "campaign-en", whole=True)
    await page.get_by_role("button", name="Pause").click()
    await page.locator("dialog").get_by_role("button", name="Pause").click()
    await expect(page.locator("header .badge")).to_have_text("paused")
    await page.get_by_role("button", name="Tiếng Việt").click()
    await page.get_by_role("button", name="Kết thúc hẳn").click()
    assert await desk.faults() == []
    await page.locator("dialog").get_by_role("button", name="Kết thúc hẳn").click()
    await expect(page.locator("header .badge")).to_have_text("đã kết thúc")


@pytest.mark.usefixtures("shop")
async def test_who_may_only_look_is_offered_nothing_else(desks: Desks) -> None:
    desk = await desks.of(language="vi-VN", scopes=(Scope.READ,), place="campaigns", viewport=PHONE)
    page = desk.page
    await page.locator("a.row").first.click()
    await expect(page.locator(".bars")).to_be_visible()
    assert await page.locator("header.head .tools button").count() == 0
    await expect(page.get_by_text("Chưa có quyết định nào.")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []
    await keep(page, "campaign-phone", whole=True)
