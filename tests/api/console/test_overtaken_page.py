"""Two people save the same: the second one is told who was first, and nothing is written over."""

import json
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from engine.tenants import Scope
from tests.api.console.conftest import Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop
from tests.api.story import ok

PLAN = (Scope.READ, Scope.WRITE)
WORDS = {
    "vi-VN": {"save": "Lưu", "changed": "Người khác đã lưu", "reload": "Tải cái đang có", "open": "Mở xem"},
    "en-GB": {"save": "Save", "changed": "Somebody else saved", "reload": "Load what is there now", "open": "Open it"},
}


async def _save(page: Page, words: dict[str, str]) -> None:
    await page.get_by_role("button", name=words["save"], exact=True).click()


@pytest.mark.parametrize("language", WORDS)
async def test_a_campaign_that_somebody_else_saved_meanwhile_is_not_written_over(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    place = f"campaigns/{shop.campaigns['uu-dai-hue']}/change"
    desk, other = [await desks.of(language=language, scopes=PLAN, place=place) for _ in range(2)]
    for each in (desk, other):
        await expect(each.page.locator("#name")).to_have_value("Ưu đãi cho khách Huế")
    for each, name in ((other, "Tên của người khác"), (desk, "Tên của tôi")):
        await each.page.fill("#name", name)
        await _save(each.page, words)
    await expect(other.page.locator("main h1")).to_have_text("Tên của người khác")
    notice = desk.page.locator("#overtaken")
    await expect(notice).to_contain_text(words["changed"])
    await expect(notice).to_contain_text("API key")
    await expect(notice).to_contain_text(str(datetime.now(UTC).year))
    await expect(notice.get_by_role("button")).to_be_focused()
    assert await desk.faults() == []
    page = desk.page
    await keep(page, f"overtaken-{language[:2]}")
    await notice.get_by_role("button", name=words["reload"]).click()
    await expect(desk.page.locator("#name")).to_have_value("Tên của người khác")
    await desk.page.fill("#name", "Tên của tôi")
    await _save(desk.page, words)
    await expect(desk.page.locator("main h1")).to_have_text("Tên của tôi")


@pytest.mark.parametrize("language", WORDS)
async def test_a_campaign_with_a_key_that_was_taken_meanwhile_is_not_written_over(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, scopes=PLAN, place="campaigns/new")
    await desk.page.fill("#name", "Quà Tết")
    await desk.page.select_option("#segment", "hue")
    made = await ok(await shop.caller.post("/campaigns", json={"key": "qua-tet", "name": "Quà của người khác"}))
    await _save(desk.page, words)
    notice = desk.page.locator("#overtaken")
    await expect(notice).to_contain_text("“qua-tet”")
    assert await desk.faults() == []
    await notice.get_by_role("link", name=words["open"]).click()
    await expect(desk.page.locator("main h1")).to_have_text("Quà của người khác")
    assert desk.page.url.endswith(f"/campaigns/{made['campaign_id']}")


@pytest.mark.parametrize("language", WORDS)
async def test_a_segment_that_somebody_else_saved_meanwhile_is_not_written_over(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, scopes=PLAN, place="segments/hue")
    await expect(desk.page.locator("[data-count]")).to_be_visible()
    theirs = {"key": "hue", "name": "Huế của họ", "rule": {"attribute": "city", "is": "Huế"}}
    saved = await ok(await shop.caller.post("/segments", json=theirs))
    await desk.page.locator("#rule-tab-json").click()
    await desk.page.fill("#rule", json.dumps({"attribute": "tier", "is": "vàng"}))
    await _save(desk.page, words)
    notice = desk.page.locator("#overtaken")
    await expect(notice).to_contain_text(words["changed"])
    assert await desk.faults() == []
    assert (await ok(await shop.caller.get("/segments/hue")))["rule"] == saved["rule"]
    await notice.get_by_role("button", name=words["reload"]).click()
    await expect(desk.page.locator("main h1")).to_have_text("Huế của họ")
