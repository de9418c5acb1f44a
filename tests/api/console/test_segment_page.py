"""Segments as they are seen: the list with rules in words, a rule counted before it is saved, who is in and why."""

import json

import pytest
from playwright.async_api import expect

from engine.tenants import Scope
from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop
from tests.api.story import ok

GOLD = {"all": [{"attribute": "city", "is": "Huế"}, {"attribute": "tier", "is": "vàng"}]}
WORDS = {
    "en-GB": {
        "place": "Segments", "save": "Save", "rule": 'tier is "vàng"', "ask": "Ask", "out": "does not satisfy",
        "next": "version 2", "unknown": "has an unknown key",
    },
    "vi-VN": {
        "place": "Phân khúc", "save": "Lưu", "rule": 'tier là "vàng"', "ask": "Hỏi", "out": "không thoả",
        "next": "phiên bản 2", "unknown": "có khoá không biết",
    },
}  # fmt: skip


@pytest.mark.parametrize("language", ["en-GB", "vi-VN"])
async def test_a_rule_is_counted_before_it_is_saved_and_explained_for_one_person(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    before = {"key": "hue", "name": "Khách ở Huế", "rule": {"all": [{"attribute": "city", "is": "Huế"}]}}
    await ok(await shop.caller.post("/segments", json={**before, "schedule": "0 6 * * *"}))
    desk = await desks.of(language=language, scopes=(Scope.READ, Scope.WRITE), place="campaigns")
    page = desk.page
    await page.get_by_role("link", name=words["place"], exact=True).click()
    await desk.at("segments")
    await expect(page.locator("a.row")).to_contain_text("44")
    assert await desk.faults() == []
    await keep(page, f"segments-{language[:2]}")
    await page.locator("a.row").click()
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "44")
    await page.locator("#rule-tab-json").click()
    await page.fill("#rule", "{")
    await expect(page.locator("#rule-fault")).to_contain_text("JSON")
    await page.fill("#rule", json.dumps({"attribute": "city", "is_like": "Huế"}))
    await expect(page.locator("#rule-fault")).to_contain_text("is_like")
    await expect(page.locator("#rule-fault")).to_contain_text(words["unknown"])
    await page.get_by_role("button", name=words["save"], exact=True).click()
    await expect(page.locator("#rule")).to_be_focused()
    await expect(page.locator("#rule-fault")).to_contain_text(words["unknown"])
    await keep(page, f"segment-fault-{language[:2]}")
    assert await desk.faults() == []
    await page.fill("#rule", json.dumps(GOLD, ensure_ascii=False, indent=2))
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "1")
    await expect(page.locator(".now")).to_contain_text(words["rule"])
    # Counting saved nothing.
    assert (await ok(await shop.caller.get("/segments/hue")))["version"] == 1
    await page.get_by_role("button", name=words["save"], exact=True).click()
    await expect(page.locator("header.head")).to_contain_text(words["next"])
    saved = await ok(await shop.caller.get("/segments/hue"))
    assert (saved["version"], saved["rule"], saved["size"], saved["schedule"]) == (2, GOLD, 1, "0 6 * * *")
    await page.fill("#reader", "kh-000043")
    await page.get_by_role("button", name=words["ask"], exact=True).click()
    await expect(page.locator(".lead")).to_contain_text(words["out"])
    await expect(page.locator("[data-holds=true]", has_text="city")).to_have_count(1)
    await expect(page.locator("li li[data-holds=false]")).to_contain_text(words["rule"])
    assert await desk.faults() == []
    await keep(page, f"segment-{language[:2]}", whole=True)


async def test_a_segment_is_made_on_a_phone_and_a_known_key_is_not_written_over(desks: Desks, shop: Shop) -> None:
    desk = await desks.of(language="vi-VN", place="segments", viewport=PHONE, color_scheme="dark")
    page = desk.page
    await page.get_by_role("link", name="Phân khúc mới").click()
    await page.fill("#name", "Hạng vàng")
    await page.fill("#key", "hue")
    await page.locator("#rule-tab-json").click()
    await page.fill("#rule", json.dumps(GOLD))
    await page.get_by_role("button", name="Lưu", exact=True).click()
    await expect(page.locator("#key-fault")).to_have_text("Đã có phân khúc khác dùng mã này.")
    await page.fill("#key", "hue/vàng")
    await page.get_by_role("button", name="Lưu", exact=True).click()
    await expect(page.locator("main h1")).to_have_text("Hạng vàng")
    assert (await ok(await shop.caller.get("/segments/hue")))["version"] == 1
    assert (await ok(await shop.caller.get("/segments/hue/vàng")))["size"] == 1
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []


@pytest.mark.usefixtures("shop")
async def test_who_may_only_look_counts_a_rule_and_saves_none(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", scopes=(Scope.READ,), place="segments")
    page = desk.page
    assert await page.get_by_role("link", name="New segment").count() == 0
    await page.locator("a.row").click()
    await page.locator("#rule-tab-json").click()
    await page.fill("#rule", json.dumps(GOLD))
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "1")
    assert await page.get_by_role("button", name="Save").count() == 0


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("language", ["en-GB", "vi-VN"])
async def test_the_menu_has_room_at_every_width(desks: Desks, language: str) -> None:
    desk = await desks.of(language=language, place="segments")
    for width in (375, 740, 900, 1100, 1210, 1600):
        await desk.page.set_viewport_size({"width": width, "height": 700})
        wider = await desk.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, width
