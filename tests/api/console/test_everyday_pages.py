"""The pages used most, at a desk and on a phone, in both languages: nothing sticks out and no code is shown."""

import re

import pytest
from playwright.async_api import Page, expect

from rules.words import OutcomeType
from tests.api.console.conftest import DESK, PHONE, Desk, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop

WHY = {"vi-VN": "Vì sao?", "en-GB": "Why?"}
ASK = {"vi-VN": "Hỏi", "en-GB": "Ask"}
# Words of the database that no page says to people.
CODES = re.compile(r"\b(do_nothing|not_approved|frequency_cap|quiet_hours|control_group|zalo_oa|app_push|web_push)\b")
STICKING_OUT = """() => [...document.querySelectorAll("main *, header *")].filter((node) => {
  const box = node.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1) return false;
  for (let around = node.parentElement; around; around = around.parentElement) {
    if (getComputedStyle(around).overflowX !== "visible") return false;
  }
  return true;
}).map((node) => node.outerHTML.slice(0, 120))"""

ALL_IN_SIGHT = """() => [...document.querySelectorAll(".picture[data-drawn]")].every((box) =>
  box.cy.nodes().every((node) => {
    const at = node.renderedPosition();
    return at.x >= 0 && at.x <= box.clientWidth && at.y >= 0 && at.y <= box.clientHeight;
  }))"""


@pytest.fixture
async def lived(shop: Shop) -> Shop:
    await shop.activate("uu-dai-hue")
    await shop.work()
    await shop.answer(OutcomeType.DELIVERED, OutcomeType.READ)
    return shop


async def _campaign(desk: Desk, language: str, shop: Shop) -> None:
    del language
    await desk.goto(f"campaigns/{shop.campaigns['uu-dai-hue']}")
    await expect(desk.page.locator("#made-heading")).to_be_visible()
    await expect(desk.page.locator(".chart-box canvas")).to_be_visible()


async def _decision(desk: Desk, language: str, shop: Shop) -> None:
    del shop
    await desk.goto("people/kh-000043")
    decision = desk.page.locator(".entry.decision").first
    await decision.get_by_text(WHY[language]).click()
    await expect(decision.locator(".candidates li").first).to_be_visible()


async def _segment(desk: Desk, language: str, shop: Shop) -> None:
    del shop, language
    await desk.goto("segments/hue")
    await expect(desk.page.locator("[data-count]")).to_be_visible()


async def _explorer(desk: Desk, language: str, shop: Shop) -> None:
    del shop
    await desk.goto("explorer")
    phrase = desk.page.locator("[data-phrase]").first
    await phrase.locator("summary").click()
    await phrase.locator("input").fill("kh-000042")
    await phrase.get_by_role("button", name=ASK[language]).click()
    await expect(desk.page.locator(".picture[data-drawn]")).to_be_visible()


async def _home(desk: Desk, language: str, shop: Shop) -> None:
    del shop, language
    await desk.goto("people")
    await expect(desk.page.locator("a.row").first).to_be_visible()


PAGES = {"home": _home, "campaign": _campaign, "decision": _decision, "segment": _segment, "explorer": _explorer}


async def _looked_at(page: Page) -> list[str]:
    shown = await page.locator("main").inner_text()
    return [*await page.evaluate(STICKING_OUT), *CODES.findall(shown)]


@pytest.mark.parametrize("language", WHY)
@pytest.mark.parametrize("name", PAGES)
async def test_nothing_sticks_out_and_no_code_is_shown(desks: Desks, lived: Shop, name: str, language: str) -> None:
    desk = await desks.of(language=language)
    page = desk.page
    await PAGES[name](desk, language, lived)
    for size, width in (("desk", DESK), ("phone", PHONE)):
        await page.set_viewport_size({"width": width["width"], "height": width["height"]})
        await page.wait_for_function(ALL_IN_SIGHT)
        assert await _looked_at(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width["width"]
        assert await desk.faults() == []
        await keep(page, f"everyday-{name}-{size}-{language[:2]}", whole=True)
