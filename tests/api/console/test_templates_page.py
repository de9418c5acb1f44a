"""Templates as a marketer sees them: their buttons, the channel's limits and each fault beside its field."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from engine.tenants import Scope
from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop
from tests.api.story import ok

EDIT = (Scope.READ, Scope.WRITE)
SEE = {"title": "Xem giỏ hàng", "url": "https://shop.example/gio"}
LATER = {"title": "Để sau", "reply": "later"}
WORDS: dict[str, dict[str, str]] = {
    "vi-VN": {
        "templates": "Mẫu tin", "add": "Thêm nút", "save": "Lưu thành phiên bản mới",
        "english": "Tiếng Anh", "own": "Tiếng Việt", "saved": "Đã lưu phiên bản 2",
        "long": "có 24 ký tự, tối đa là 20", "address": "chưa đúng", "empty": "chưa có chữ", "up": "Đưa lên: Nút 2",
        "remove": "Bỏ: Nút 1", "later": "gửi một câu trả lời", "over": "Có 4 nút, tối đa là 3",
        "approve": "Duyệt", "approved": "đã duyệt", "used": "24 trên 20 ký tự", "liquid": "Cú pháp Liquid",
        "limits": "tối đa 3 nút (13 nếu", "changed": "Người khác đã lưu", "reload": "Tải cái đang có",
        "draft": "bản nháp",
    },
    "en-GB": {
        "templates": "Templates", "add": "Add a button", "save": "Save as a new version",
        "english": "English", "own": "Vietnamese", "saved": "Version 2 is saved",
        "long": "has 24 characters of 20", "address": "no http or https address", "empty": "has no title",
        "up": "Move up: Button 2", "remove": "Remove: Button 1", "later": "sends an answer",
        "over": "There are 4 buttons of 3", "approve": "Approve", "approved": "approved",
        "used": "24 of 20 characters", "liquid": "no valid Liquid", "limits": "at most 3 buttons (13 where",
        "changed": "Somebody else saved", "reload": "Load what is there now", "draft": "draft",
    },
}  # fmt: skip


async def _template(shop: Shop, **more: Any) -> dict[str, Any]:
    body = {"key": "nhac-gio", "channel": "facebook", "body_text": "{{ profile.name }} ơi, giỏ hàng vẫn còn.", **more}
    return dict(await ok(await shop.caller.post("/templates", json=body)))


async def _newest(shop: Shop) -> dict[str, Any]:
    found = (await ok(await shop.caller.get("/templates", params={"limit": 500})))["items"]
    return dict(max((one for one in found if one["key"] == "nhac-gio"), key=lambda one: one["version"]))


async def _write(page: Page, place: int, title: str, url: str, *, locale: str = "vi") -> None:
    await page.fill(f"#button-{locale}-{place}-title", title)
    await page.fill(f"#button-{locale}-{place}-value", url)


@pytest.mark.parametrize("language", WORDS)
async def test_buttons_are_added_ordered_saved_and_seen(desks: Desks, shop: Shop, language: str) -> None:
    words = WORDS[language]
    await _template(shop)
    desk = await desks.of(language=language, place="templates")
    page = desk.page
    await expect(page.locator("main h1")).to_have_text(words["templates"])
    assert await desk.faults() == []
    await keep(page, f"templates-{language[:2]}")
    await page.get_by_role("link", name="nhac-gio").click()
    await expect(page.locator("form.compose")).to_contain_text(words["limits"])
    await page.get_by_role("button", name=words["add"]).click()
    await expect(page.locator("#button-vi-0-title")).to_be_focused()
    await page.keyboard.type("Để sau")
    await page.select_option("#button-vi-0-kind", label=words["later"])
    await page.fill("#button-vi-0-value", "later")
    await page.get_by_role("button", name=words["add"]).click()
    await _write(page, 1, SEE["title"], SEE["url"])
    await page.get_by_role("button", name=words["up"]).click()
    await expect(page.locator("#button-vi-0-title")).to_have_value(SEE["title"])
    assert await desk.faults() == []
    await page.get_by_role("button", name=words["save"]).click()
    await expect(page.get_by_text(words["saved"])).to_be_visible()
    saved = await _newest(shop)
    assert (saved["version"], saved["status"], saved["data"]) == (2, "draft", {"buttons": [SEE, LATER]})
    await page.fill("#reader", "kh-000042")
    await expect(page.locator(".message .pressed")).to_have_text([SEE["title"], LATER["title"]])
    assert await desk.faults() == []
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, f"template-{language[:2]}", whole=True)
    await page.get_by_role("button", name=words["approve"], exact=True).click()
    await page.locator("dialog").get_by_role("button", name=words["approve"], exact=True).click()
    await expect(page.locator(".head .badge")).to_have_text(words["approved"])
    await page.get_by_role("button", name=words["remove"]).click()
    await page.get_by_role("button", name=words["remove"]).click()
    await page.get_by_role("button", name=words["save"]).click()
    await expect(page.locator(".head .badge")).to_have_text(words["draft"])
    saved = await _newest(shop)
    assert (saved["version"], saved["data"]) == (3, {})


@pytest.mark.parametrize("language", WORDS)
async def test_each_fault_is_said_beside_its_field_and_nothing_is_saved(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    english = {"body_text": "Your basket is still there.", "data": {"buttons": [{**SEE, "title": "See it"}]}}
    made = await _template(shop, data={"buttons": [SEE]}, translations={"en": english})
    desk = await desks.of(language=language, scopes=EDIT, place=f"templates/{made['template_id']}")
    page = desk.page
    await page.fill("#button-vi-0-title", "Xem giỏ hàng của bạn đây")
    await expect(page.locator("[data-locale=vi]")).to_contain_text(words["used"])
    await page.get_by_role("tab", name=words["english"]).click()
    await _write(page, 0, "", "shop.example", locale="en")
    await page.get_by_role("button", name=words["save"]).click()
    await expect(page.locator("#button-vi-0-title-fault")).to_contain_text(words["long"])
    await expect(page.locator("#button-vi-0-value-fault")).to_be_hidden()
    await expect(page.locator("#button-vi-0-title")).to_be_focused()
    await expect(page.locator(".mark-wrong:visible")).to_have_count(2)
    await expect(page.locator(".look .notice.bad")).to_contain_text(f"{words['english']}: ")
    await page.get_by_role("tab", name=words["english"]).click()
    await expect(page.locator("#button-en-0-title-fault")).to_contain_text(words["empty"])
    await expect(page.locator("#button-en-0-value-fault")).to_contain_text(words["address"])
    assert await desk.faults() == []
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, f"template-faults-{language[:2]}", whole=True)
    await _write(page, 0, "See it", SEE["url"], locale="en")
    await page.get_by_role("tab", name=words["own"]).click()
    await page.fill("#button-vi-0-title", "{{ profile.name")
    await page.get_by_role("button", name=words["save"]).click()
    await expect(page.locator("#button-vi-0-title-fault")).to_contain_text(words["liquid"])
    await page.fill("#button-vi-0-title", "Xem ngay")
    for place in (1, 2, 3):
        await page.locator("[data-locale=vi]").get_by_role("button", name=words["add"]).click()
        await _write(page, place, f"Nút {place}", SEE["url"])
    await page.get_by_role("button", name=words["save"]).click()
    await expect(page.locator("#buttons-vi-fault")).to_contain_text(words["over"])
    assert (await _newest(shop))["version"] == 1
    await page.locator("[data-locale=vi] [data-button='3'] [data-by=null]").click()
    await page.get_by_role("button", name=words["save"]).click()
    await expect(page.get_by_text(words["saved"])).to_be_visible()
    saved = await _newest(shop)
    assert [one["title"] for one in saved["data"]["buttons"]] == ["Xem ngay", "Nút 1", "Nút 2"]
    assert saved["translations"]["en"]["data"] == english["data"]
    assert saved["translations"]["en"]["body_text"] == english["body_text"]


@pytest.mark.parametrize("language", WORDS)
async def test_a_template_that_somebody_else_saved_meanwhile_is_not_written_over(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    made = await _template(shop)
    desk = await desks.of(language=language, scopes=EDIT, place=f"templates/{made['template_id']}")
    page = desk.page
    await page.get_by_role("button", name=words["add"]).click()
    await _write(page, 0, SEE["title"], SEE["url"])
    theirs = await _template(shop, data={"buttons": [LATER]})
    await page.get_by_role("button", name=words["save"]).click()
    notice = page.locator("#overtaken")
    await expect(notice).to_contain_text(words["changed"])
    assert await desk.faults() == []
    await notice.get_by_role("button", name=words["reload"]).click()
    await expect(page.locator("#button-vi-0-title")).to_have_value(LATER["title"])
    assert page.url.endswith(f"/templates/{theirs['template_id']}")
    assert (await _newest(shop))["template_id"] == theirs["template_id"]
    # What was seen before is still there to be looked at, and leads to what is newest.
    await desk.goto(f"templates/{made['template_id']}")
    await expect(page.locator(".notice a")).to_have_attribute("href", f"#/templates/{theirs['template_id']}")
    assert await page.locator("form.compose").count() == 0


async def test_what_was_typed_outlives_another_language(desks: Desks, shop: Shop) -> None:
    made = await _template(shop)
    desk = await desks.of(language="en-GB", scopes=EDIT, place=f"templates/{made['template_id']}")
    page = desk.page
    await page.get_by_role("button", name="Add a button").click()
    await _write(page, 0, "Xem", "https://shop.example/{{ profile.city }}")
    await page.get_by_role("button", name="Tiếng Việt").click()
    await expect(page.locator("#buttons-vi-heading")).to_have_text("Nút bấm")
    await expect(page.locator("#button-vi-0-title")).to_have_value("Xem")
    await expect(page.locator("#button-vi-0-value")).to_have_value("https://shop.example/{{ profile.city }}")


@pytest.mark.parametrize("language", WORDS)
async def test_who_may_only_look_sees_all_and_is_offered_nothing(desks: Desks, shop: Shop, language: str) -> None:
    made = await _template(shop, data={"buttons": [SEE]})
    desk = await desks.of(language=language, scopes=(Scope.READ,), place="templates", viewport=PHONE)
    page = desk.page
    await page.get_by_role("link", name="gio-hang").click()
    await expect(page.locator("[data-locale=vi]")).to_contain_text("{{ profile.name }} ơi, giỏ hàng vẫn còn")
    await expect(page.frame_locator("iframe.mail").frame_locator("iframe").locator("h2")).to_contain_text("Mai")
    await desk.goto(f"templates/{made['template_id']}")
    await expect(page.locator("main h1")).to_have_text("nhac-gio")
    await expect(page.locator("[data-locale=vi] .pressed")).to_have_text(SEE["title"])
    await expect(page.locator(".message .pressed")).to_have_text(SEE["title"])
    assert await page.locator("form").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []


async def test_buttons_are_written_on_a_phone_in_the_dark(desks: Desks, shop: Shop) -> None:
    made = await _template(shop, data={"buttons": [SEE, LATER]})
    place = f"templates/{made['template_id']}"
    desk = await desks.of(language="vi-VN", scopes=EDIT, place=place, viewport=PHONE, color_scheme="dark")
    page = desk.page
    await expect(page.locator("#button-vi-1-kind")).to_have_value("reply")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []
    await keep(page, "template-phone", whole=True)
