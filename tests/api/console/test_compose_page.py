"""Planning a campaign by the form: for whom, what is said, under which rules; saved as a draft, changed by the same."""

import json
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from engine.tenants import Scope
from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop
from tests.api.story import ok

LOOK_AND_PLAN = (Scope.READ, Scope.WRITE)
WORDS = {
    "en-GB": {
        "new": "New campaign", "own": "Rules of this campaign alone", "save": "Save", "preview": "Preview",
        "up": "Move up", "change": "Change", "rule": 'city is "Huế"', "cap": "At most 2 messages in any 7 days",
        "whole": "must be a whole number",
        "needed": "This is needed.", "forecast": "Forecast", "theme": "Switch between light and dark",
    },
    "vi-VN": {
        "new": "Chiến dịch mới", "own": "Quy tắc riêng của chiến dịch này", "save": "Lưu", "preview": "Xem thử",
        "up": "Đưa lên", "change": "Sửa", "rule": 'city là "Huế"', "cap": "2 tin trong 7 ngày",
        "whole": "phải là số nguyên",
        "needed": "Mục này là bắt buộc.", "forecast": "Dự báo", "theme": "Đổi giao diện sáng hoặc tối",
    },
}  # fmt: skip


async def _templates(shop: Shop) -> dict[str, int]:
    found = await ok(await shop.caller.get("/templates"))
    return {one["key"]: one["template_id"] for one in found["items"]}


async def _choose_messages(page: Page, shop: Shop, words: dict[str, str]) -> list[int]:
    """Put two templates in order, the second one first, and read the offer as a person would get it."""
    ids = await _templates(shop)
    for key in ("gio-hang", "uu-dai"):
        await page.select_option("#template_ids", str(ids[key]))
    await page.get_by_role("button", name=f"{words['up']}: uu-dai").click()
    await expect(page.locator(".order li").first).to_contain_text("uu-dai")
    await page.fill("#reader", "kh-000042")
    await page.get_by_role("button", name=f"{words['preview']}: uu-dai").click()
    await expect(page.locator(".subject")).to_contain_text("Ưu đãi tháng này cho Trần Thị Mai")
    return [ids["uu-dai"], ids["gio-hang"]]


async def _read_mail(page: Page, words: dict[str, str]) -> None:
    """Read the basket's reminder, which names what only an event would tell."""
    await page.fill("#reader", "kh-000042")
    await page.get_by_role("button", name=f"{words['preview']}: gio-hang").click()
    await expect(page.locator(".notice.wait")).to_contain_text("event.attributes.product")
    await page.locator("iframe.mail").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe.mail").frame_locator("iframe")
    await expect(frame.get_by_text("Trần Thị Mai ơi, giỏ hàng vẫn còn đây")).to_be_visible()
    # A frame is drawn where it is in view: all of the page is.
    await page.set_viewport_size({"width": 1280, "height": 3250})
    await page.evaluate("scrollTo(0, 0)")


async def _write_rules(page: Page, words: dict[str, str]) -> None:
    """Write rules that cannot be read, then some that can, and read them in words."""
    await page.get_by_label(words["own"]).check()
    await expect(page.locator("#policy")).not_to_have_value("")
    await page.fill("#policy", json.dumps({"caps": [{"limit": -1, "days": 7}]}))
    await expect(page.locator("#policy-fault")).to_contain_text("caps[0].limit")
    await expect(page.locator("#policy-fault")).to_contain_text(words["whole"])
    await page.fill("#policy", json.dumps({"quiet_hours": None, "caps": [{"limit": 2, "days": 7}]}))
    await expect(page.locator(".said")).to_contain_text(words["cap"])
    await expect(page.locator("#policy-fault")).to_be_hidden()


@pytest.mark.parametrize("language", ["en-GB", "vi-VN"])
async def test_a_campaign_is_planned_saved_as_a_draft_and_changed(desks: Desks, shop: Shop, language: str) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, place="campaigns")
    page = desk.page
    await page.get_by_role("link", name=words["new"]).click()
    await page.fill("#name", "Quà Tết cho Huế đỏ")
    await expect(page.locator("#key")).to_have_value("qua-tet-cho-hue-do")
    await page.get_by_role("button", name=words["save"], exact=True).click()
    await expect(page.locator("#segment-fault")).to_have_text(words["needed"])
    await expect(page.locator("#segment")).to_be_focused()
    await page.select_option("#segment", "hue")
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "44")
    await expect(page.locator("[data-segment=hue]")).to_contain_text(words["rule"])
    ordered = await _choose_messages(page, shop, words)
    await _write_rules(page, words)
    await page.fill("#control_share", "12.5")
    await page.fill("#good_for_minutes", "2")
    await page.fill("#ends_at", "2999-05-01T07:00")
    await page.fill('[id="budget.messages"]', "999999999999999")
    assert await desk.faults() == []
    await page.get_by_role("button", name=words["save"], exact=True).click()
    # What the API alone knows is said at the field that it is about.
    await expect(page.locator('[id="budget.messages-fault"]')).to_contain_text("281474976710655")
    await expect(page.locator('[id="budget.messages"]')).to_be_focused()
    assert await desk.faults() == []
    await page.fill('[id="budget.messages"]', "500")
    # What was typed outlives the other theme.
    await page.get_by_role("button", name=words["theme"]).click()
    await expect(page.locator("#name")).to_have_value("Quà Tết cho Huế đỏ")
    assert await desk.faults() == []
    await page.get_by_role("button", name=words["theme"]).click()
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "44")
    await _read_mail(page, words)
    await keep(page, f"compose-{language[:2]}")
    await page.get_by_role("button", name=words["save"], exact=True).click()
    await expect(page.locator("main h1")).to_have_text("Quà Tết cho Huế đỏ")
    await expect(page.get_by_role("button", name=words["forecast"])).to_be_visible()
    made = await _only(shop, "qua-tet-cho-hue-do")
    assert (made["status"], made["template_ids"], made["control_share"]) == ("draft", ordered, 0.125)
    assert (made["good_for_minutes"], made["ends_at"]) == (2 * 1440, "2999-05-01T00:00:00Z")
    assert made["budget"] == {"messages": 500, "amount": None, "per": "campaign"}
    await page.get_by_role("link", name=words["change"]).click()
    await expect(page.locator("#control_share")).to_have_value("12.5")
    await expect(page.locator("#ends_at")).to_have_value("2999-05-01T07:00")
    kept = json.loads(await page.input_value("#policy"))
    assert kept == {"quiet_hours": None, "caps": [{"limit": 2, "days": 7}]}
    await page.fill("#name", "Quà Tết")
    await page.get_by_role("button", name=words["save"], exact=True).click()
    await expect(page.locator("main h1")).to_have_text("Quà Tết")
    assert await _only(shop, "qua-tet-cho-hue-do") == {**made, "name": "Quà Tết"}


async def _only(shop: Shop, key: str) -> dict[str, object]:
    found = await ok(await shop.caller.get("/campaigns"))
    [one] = [each for each in found["items"] if each["key"] == key]
    # Who saved it last, and when, is another story.
    return {name: value for name, value in one.items() if name not in {"revision", "saved_by", "saved_at"}}


async def test_a_paused_campaign_is_changed_and_nothing_that_was_not_touched(desks: Desks, shop: Shop) -> None:
    await shop.activate("nhac-gio-hang")
    campaign_id = shop.campaigns["nhac-gio-hang"]
    before = await _only(shop, "nhac-gio-hang")
    ids = {"template_ids": before["template_ids"], "trigger_type": "cart_abandoned", "key": before["key"]}
    await ok(await shop.caller.post(f"/campaigns/{campaign_id}/pause"))
    ends_at = datetime(2999, 1, 1, 10, 30, 17, tzinfo=UTC).isoformat()
    body = {**ids, "name": "Nhắc", "ends_at": ends_at, "purpose": "service", "resend": True, "control_share": 0.07}
    await ok(await shop.caller.post("/campaigns", json=body))
    before = await _only(shop, "nhac-gio-hang")
    desk = await desks.of(language="vi-VN", scopes=LOOK_AND_PLAN, place=f"campaigns/{campaign_id}")
    page = desk.page
    await page.get_by_role("link", name="Sửa").click()
    await expect(page.locator("#trigger_type")).to_have_value("cart_abandoned")
    await expect(page.locator("#key")).to_have_attribute("readonly", "")
    await page.get_by_label("cho người vừa rời một phân khúc").check()
    await page.select_option("#trigger_segment", "hue")
    await page.get_by_role("button", name="Lưu", exact=True).click()
    await expect(page.locator("header .badge")).to_have_text("tạm dừng")
    moved = {"trigger_type": None, "trigger_segment": "hue", "trigger_change": "left"}
    assert await _only(shop, "nhac-gio-hang") == {**before, **moved}


async def test_a_key_that_is_taken_and_an_end_before_the_start_are_told_before_anything_is_saved(
    desks: Desks, shop: Shop
) -> None:
    desk = await desks.of(language="en-GB", scopes=LOOK_AND_PLAN, place="campaigns/new")
    page = desk.page
    await page.fill("#name", "Something else")
    await page.fill("#key", "uu-dai-hue")
    await page.select_option("#segment", "hue")
    await page.fill("#starts_at", "2999-05-02T07:00")
    await page.fill("#ends_at", "2999-05-01T07:00")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator("#key-fault")).to_have_text("Another campaign has this key.")
    await expect(page.locator("#ends_at-fault")).to_have_text("The end has to come after the start.")
    assert (await _only(shop, "uu-dai-hue"))["name"] == "Ưu đãi cho khách Huế"


@pytest.mark.parametrize(
    ("language", "said"), [("vi-VN", "Hãy chọn mẫu khác"), ("en-GB", "There is no template")], ids=["vi", "en"]
)
async def test_what_only_the_api_knows_is_said_at_its_field_in_the_page_s_language(
    desks: Desks, shop: Shop, language: str, said: str
) -> None:
    desk = await desks.of(language=language, scopes=LOOK_AND_PLAN, place="campaigns/new")
    page = desk.page
    await page.fill("#name", "Quà Tết")
    await page.select_option("#segment", "hue")
    template_id = (await _templates(shop))["uu-dai"]
    await page.select_option("#template_ids", str(template_id))
    await shop.retire(template_id)
    await page.locator("button.main").click()
    await expect(page.locator("#template_ids-fault")).to_contain_text(said)
    await expect(page.locator("#template_ids")).to_be_focused()
    assert await desk.faults() == []
    await keep(page, f"compose-fault-{language[:2]}")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("vi-VN", "Không điền được mẫu tin so-tien v1 (telegram): cần một số, ví dụ 199000."),
        ("en-GB", "The template so-tien v1 (telegram) cannot be filled: an amount is needed, such as 199000."),
    ],
    ids=["vi", "en"],
)
async def test_what_stands_against_a_message_is_said_in_the_page_s_language(
    desks: Desks, shop: Shop, language: str, said: str
) -> None:
    body = {"key": "so-tien", "channel": "telegram", "body_text": "{{ profile.name | dong }}"}
    template_id = (await ok(await shop.caller.post("/templates", json=body)))["template_id"]
    await ok(await shop.caller.post(f"/templates/{template_id}/approve"))
    desk = await desks.of(language=language, scopes=LOOK_AND_PLAN, place="campaigns/new")
    page = desk.page
    await page.select_option("#template_ids", str(template_id))
    await page.fill("#reader", "kh-000042")
    await page.get_by_role("button", name=WORDS[language]["preview"]).click()
    await expect(page.locator("[data-kind='template.cannot_be_filled']")).to_have_text(said)
    assert await desk.faults() == []


@pytest.mark.usefixtures("shop")
async def test_who_may_only_look_is_not_offered_to_plan(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", scopes=(Scope.READ,), place="campaigns")
    page = desk.page
    assert await page.get_by_role("link", name="New campaign").count() == 0
    await desk.goto("campaigns/new")
    await expect(page.get_by_text("that takes the scope write.")).to_be_visible()
    assert await page.locator("form").count() == 0


async def test_it_is_planned_on_a_phone_in_the_dark_by_keyboard(desks: Desks, shop: Shop) -> None:
    desk = await desks.of(
        language="vi-VN", scopes=LOOK_AND_PLAN, place="campaigns/new", viewport=PHONE, color_scheme="dark"
    )
    page = desk.page
    await page.focus("#name")
    await page.keyboard.type("Chào bạn mới")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    # The radio that is chosen, then the next one: what happens at every event.
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.type("signed_up")
    await page.select_option("#template_ids", str((await _templates(shop))["uu-dai"]))
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, "compose-phone")
    await page.focus("#name")
    await page.keyboard.press("Enter")
    await expect(page.locator("main h1")).to_have_text("Chào bạn mới")
    made = await _only(shop, "chao-ban-moi")
    assert (made["trigger_type"], made["segment_id"], made["policy_id"]) == ("signed_up", None, None)
