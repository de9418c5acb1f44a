"""Writing a template whole in the console: each language, what is personal, a real person's message, every fault."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from engine.tenants import Scope
from tests.api.console.conftest import PHONE, Desk, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop
from tests.api.story import ok

EDIT = (Scope.READ, Scope.WRITE)
WORDS: dict[str, dict[str, str]] = {
    "vi-VN": {
        "new": "Mẫu tin mới", "first": "Lưu bản nháp", "again": "Lưu thành phiên bản mới", "saved": "Đã lưu phiên bản",
        "insert": "Chèn biến", "english": "Tiếng Anh", "own": "Tiếng Việt", "add": "Thêm ngôn ngữ…",
        "drop": "Bỏ Tiếng Anh", "sure": "Bỏ", "copy": "Nhân bản", "taken": "mang tên đó", "line": "Dòng 3:",
        "shout": "Cú pháp Liquid", "approve": "Duyệt", "sent": "cần duyệt lại", "subject": "cần có tiêu đề",
        "person": "với người đang xem", "parameter": "Thêm tham số", "required": "Thiếu tham số bắt buộc",
        "declared": "Kiểm tra theo khai báo", "json": "chưa phải là một đối tượng JSON",
        "frame": "Dùng khung có sẵn", "lacking": "Một số người thiếu",
    },
    "en-GB": {
        "new": "New template", "first": "Save as a draft", "again": "Save as a new version", "saved": "is saved",
        "insert": "Personalise", "english": "English", "own": "Vietnamese", "add": "Add a language…",
        "drop": "Remove English", "sure": "Remove", "copy": "Duplicate", "taken": "has this name", "line": "Line 3:",
        "shout": "no valid Liquid", "approve": "Approve", "sent": "approved again", "subject": "needs a subject",
        "person": "for the person beside", "parameter": "Add a parameter", "required": "is required and not given",
        "declared": "Hold them to what Zalo declares", "json": "not a JSON object",
        "frame": "Begin with a frame", "lacking": "Some people lack",
    },
}  # fmt: skip


async def _saved(shop: Shop, key: str) -> dict[str, Any]:
    found = (await ok(await shop.caller.get("/templates", params={"limit": 500})))["items"]
    return dict(max((one for one in found if one["key"] == key), key=lambda one: one["version"]))


async def _begin(desks: Desks, channel: str, key: str, language: str = "vi-VN", **more: Any) -> Desk:
    """Open the form of a new template."""
    desk = await desks.of(language=language, place="templates/new", **more)
    await desk.page.fill("#key", key)
    await desk.page.select_option("#channel", channel)
    return desk


async def _insert(page: Page, words: dict[str, str], field: str, search: str, *, instead: str = "") -> None:
    box = page.locator(".field", has=page.locator(field))
    await box.get_by_role("button", name=words["insert"]).click()
    await page.fill("#names-search", search)
    await page.fill("#names-instead", instead)
    await page.press("#names-search", "Enter")
    await expect(page.locator("dialog")).to_have_count(0)


@pytest.mark.parametrize("language", WORDS)
async def test_a_template_is_written_in_two_languages_seen_saved_and_approved(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, place="templates")
    page = desk.page
    await page.get_by_role("link", name=words["new"]).click()
    await expect(page.locator("main h1")).to_have_text(words["new"])
    await page.fill("#key", "chao-moi")
    await page.select_option("#channel", "telegram")
    await page.click("#vi-body_text")
    await page.keyboard.type("Chào ")
    await _insert(page, words, "#vi-body_text", "profile.name")
    await expect(page.locator("#vi-body_text")).to_be_focused()
    await page.keyboard.type(", hạng ")
    await _insert(page, words, "#vi-body_text", "tier", instead="mới")
    await expect(page.locator("#vi-body_text")).to_have_value(
        "Chào {{ profile.name }}, hạng {{ profile.tier | default: 'mới' }}"
    )
    # The first person of the shop is there at once, and anybody else as they are named.
    await expect(page.locator(".look .bubble")).to_have_text("Chào Trần Thị Mai, hạng vàng")
    await expect(page.locator("#vi-body_text-fault")).to_be_hidden()
    await page.fill("#reader", "kh-000044")
    await expect(page.locator(".look .bubble")).to_have_text("Chào Phạm Thu Hà, hạng mới")
    counter = page.locator(".field", has=page.locator("#vi-body_text")).locator(".used")
    await expect(counter).to_contain_text(words["person"])
    await page.get_by_label(words["add"]).select_option("en")
    await expect(page.get_by_role("tab", name=words["english"])).to_be_focused()
    await page.fill("#en-body_text", "Hello {{ profile.name | given_name }}")
    await expect(page.locator(".look .bubble")).to_have_text("Hello Hà")
    await expect(page.locator("#read-in")).to_have_value("en")
    assert await desk.faults() == []
    await page.get_by_role("tab", name=words["english"]).press("ArrowLeft")
    await expect(page.locator("#read-in")).to_have_value("vi")
    await expect(page.locator(".look .bubble")).to_have_text("Chào Phạm Thu Hà, hạng mới")
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, f"template-new-{language[:2]}")
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator(".notice.good")).to_contain_text(words["saved"])
    saved = await _saved(shop, "chao-moi")
    assert (saved["channel"], saved["version"], saved["status"], saved["locale"]) == ("telegram", 1, "draft", "vi")
    assert saved["body_text"] == "Chào {{ profile.name }}, hạng {{ profile.tier | default: 'mới' }}"
    assert saved["translations"]["en"]["body_text"] == "Hello {{ profile.name | given_name }}"
    assert await desk.faults() == []
    # It is approved; what is changed then is a draft again, and says so beforehand.
    await page.get_by_role("button", name=words["approve"], exact=True).click()
    await page.locator("dialog").get_by_role("button", name=words["approve"], exact=True).click()
    await expect(page.locator("form.compose")).to_contain_text(words["sent"])
    await page.get_by_role("tab", name=words["english"]).click()
    await page.get_by_role("button", name=words["drop"]).click()
    await page.locator("dialog").get_by_role("button", name=words["sure"], exact=True).click()
    await expect(page.get_by_role("tab")).to_have_count(1)
    await page.get_by_role("button", name=words["again"]).click()
    await expect(page.locator(".notice.good")).to_contain_text(words["saved"])
    saved = await _saved(shop, "chao-moi")
    assert (saved["version"], saved["status"], saved["translations"]) == (2, "draft", {})


@pytest.mark.parametrize("language", WORDS)
async def test_a_fault_stands_at_its_field_with_its_line_and_the_caret_goes_there(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    desk = await _begin(desks, "email", "thu-sai", language, scopes=EDIT)
    page = desk.page
    # What nobody has typed in yet is told beside the message, and not held against them.
    await page.fill("#vi-body_text", "Chào {{ profile.name }}")
    await expect(page.locator(".look .notice.bad")).to_contain_text(words["subject"])
    await expect(page.locator("#vi-subject-fault")).to_be_hidden()
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator("#vi-subject-fault")).to_contain_text(words["subject"])
    await expect(page.locator("#vi-subject")).to_be_focused()
    await page.fill("#vi-subject", "Chào")
    await expect(page.locator("#vi-subject-fault")).to_be_hidden()
    await page.fill("#vi-body_html", "<p>Chào</p>\n<p>bạn</p>\n<p>{{ profile.name | shout }}</p>")
    await expect(page.locator("#vi-body_html-fault")).to_contain_text(words["line"])
    await page.get_by_role("button", name=words["first"]).click()
    fault = page.locator("#vi-body_html-fault")
    await expect(fault).to_contain_text(words["shout"])
    await expect(page.locator("#vi-body_html")).to_be_focused()
    selected = "(() => { const e = document.activeElement; return e.value.slice(e.selectionStart, e.selectionEnd) })()"
    assert await page.evaluate(selected) == "<p>{{ profile.name | shout }}</p>"
    assert await desk.faults() == []
    await fault.scroll_into_view_if_needed()
    await keep(page, f"template-fault-{language[:2]}")
    await page.locator("[data-locale=vi] summary").click()
    await page.fill("#vi-rest", "{")
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator("#vi-rest-fault")).to_contain_text(words["json"])
    assert [one for one in (await ok(await shop.caller.get("/templates")))["items"] if one["key"] == "thu-sai"] == []


@pytest.mark.parametrize("language", WORDS)
async def test_a_mail_is_seen_in_a_frame_as_it_is_typed_whichever_way_it_is_written(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    desk = await _begin(desks, "email", "thu", language)
    page = desk.page
    await page.fill("#vi-subject", "Chào {{ profile.name }}")
    await page.fill("#vi-body_html", "<h2>Thành phố {{ profile.city }}</h2>")
    heading = page.frame_locator("iframe.mail").frame_locator("iframe").locator("h2")
    await expect(heading).to_have_text("Thành phố Huế")
    # Where it goes, the subject's limit, the label that the law asks for, and the way to refuse that it has not yet.
    await expect(page.locator(".look .facts p")).to_have_count(4)
    await expect(page.locator(".look .facts")).to_contain_text("[QC]")
    await page.fill("#vi-body_html", "<h2>Ở {{ profile.city }}</h2>")
    await expect(heading).to_have_text("Ở Huế")
    await page.press("#vi-body_html", "Control+End")
    await _insert(page, words, "#vi-body_html", "unsubscribe")
    await expect(page.locator("#vi-body_html")).to_have_value(
        '<h2>Ở {{ profile.city }}</h2><a href="{{ unsubscribe_url }}">Từ chối nhận tin</a>'
    )
    await expect(page.locator(".look .facts p")).to_have_count(3)
    await page.fill("#vi-body_html", "")
    await page.get_by_role("button", name=words["frame"]).click()
    await expect(page.locator("input[value=mjml]")).to_be_checked()
    await expect(page.frame_locator("iframe.mail").frame_locator("iframe").locator("a").first).to_have_text("Xem ngay")
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, f"template-mail-{language[:2]}", whole=True)
    await page.fill(
        "#vi-body_html",
        '<mjml><mj-body><mj-section><mj-column><mj-text font-family="Arial"><h2>Xin chào {{ profile.city }}</h2>'
        "</mj-text></mj-column></mj-section></mj-body></mjml>",
    )
    await expect(heading).to_have_text("Xin chào Huế")
    assert await desk.faults() == []
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator(".notice.good")).to_contain_text(words["saved"])
    saved = await _saved(shop, "thu")
    assert "Xin chào {{ profile.city }}" in saved["body_mjml"]
    assert "Xin chào {{ profile.city }}" in saved["body_html"]
    # Opened again it is MJML still, and saying the same makes no version.
    await expect(page.locator("input[value=mjml]")).to_be_checked()
    await page.get_by_role("button", name=words["again"]).click()
    await expect(page.locator("form.compose .notice")).to_be_visible()
    assert (await _saved(shop, "thu"))["version"] == 1


@pytest.mark.parametrize("language", WORDS)
async def test_a_template_of_zalo_is_filled_and_held_to_what_zalo_declares(
    desks: Desks, shop: Shop, language: str
) -> None:
    words = WORDS[language]
    desk = await _begin(desks, "zalo_template", "zns", language)
    page = desk.page
    await page.fill("#vi-template_id", "7895417a7d3f")
    await page.get_by_label(words["declared"]).check()
    for place, (name, value) in enumerate((("customer", "{{ profile.name }}"), ("total", ""))):
        await page.get_by_role("button", name=words["parameter"]).click()
        await expect(page.locator(f"#parameter-vi-{place}-name")).to_be_focused()
        await page.keyboard.type(name)
        await page.fill(f"#parameter-vi-{place}-value", value)
    await page.fill("#parameter-vi-0-most", "30")
    await page.select_option("#parameter-vi-1-type", "NUMBER")
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator("#parameter-vi-1-value-fault")).to_contain_text(words["required"])
    await page.fill("#parameter-vi-1-value", "{{ profile.orders }}")
    await expect(page.locator(".look dl")).to_contain_text("Trần Thị Mai")
    assert await desk.faults() == []
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, f"template-zalo-{language[:2]}", whole=True)
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator(".notice.good")).to_contain_text(words["saved"])
    saved = await _saved(shop, "zns")
    assert saved["data"] == {
        "template_id": "7895417a7d3f",
        "template_data": {"customer": "{{ profile.name }}", "total": "{{ profile.orders }}"},
        "parameters": [
            {"name": "customer", "require": True, "maxLength": 30},
            {"name": "total", "type": "NUMBER", "require": True},
        ],
    }
    await page.get_by_role("button", name=words["again"]).click()
    await expect(page.locator("form.compose .notice")).to_be_visible()
    assert (await _saved(shop, "zns"))["version"] == 1
    # Who lacks what it prints is told before it is approved.
    await expect(page.locator("#lacking")).to_contain_text(words["lacking"])


@pytest.mark.parametrize("language", WORDS)
async def test_a_copy_has_a_name_of_its_own_and_no_name_is_taken_twice(desks: Desks, shop: Shop, language: str) -> None:
    words = WORDS[language]
    data = {"link": "https://shop.example", "ttl": "60", "buttons": [{"title": "Xem", "url": "https://shop.example"}]}
    body = {"key": "goc", "channel": "app_push", "subject": "Chào", "body_text": "Xem nào", "data": data}
    made = await ok(await shop.caller.post("/templates", json=body))
    desk = await desks.of(language=language, scopes=EDIT, place=f"templates/{made['template_id']}")
    page = desk.page
    await page.get_by_role("link", name=words["copy"]).click()
    await expect(page.locator("main h1")).to_have_text(words["new"])
    await expect(page.locator("#vi-subject")).to_have_value("Chào")
    await expect(page.locator("#key")).to_have_value("")
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator("#key")).to_be_focused()
    await page.fill("#key", "goc")
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator("#key-fault")).to_contain_text(words["taken"])
    await expect(page.locator("#overtaken")).to_be_visible()
    assert await desk.faults() == []
    await page.fill("#key", "ban-sao")
    await page.get_by_role("button", name=words["first"]).click()
    await expect(page.locator(".notice.good")).to_contain_text(words["saved"])
    saved = await _saved(shop, "ban-sao")
    # What has no field of its own is kept as it is.
    assert (saved["subject"], saved["body_text"], saved["data"]) == ("Chào", "Xem nào", data)


async def test_what_was_typed_outlives_another_language_and_the_theme(desks: Desks, shop: Shop) -> None:
    del shop
    desk = await _begin(desks, "web_push", "day", "en-GB", scopes=EDIT)
    page = desk.page
    await page.fill("#vi-subject", "Chào")
    await page.fill("#vi-link", "https://shop.example")
    await page.get_by_role("button", name="Tiếng Việt").click()
    await expect(page.locator("main h1")).to_have_text("Mẫu tin mới")
    await expect(page.locator("#vi-subject")).to_have_value("Chào")
    await expect(page.locator("#vi-link")).to_have_value("https://shop.example")
    await expect(page.locator("#channel")).to_have_value("web_push")


async def test_who_may_only_look_makes_no_template(desks: Desks, shop: Shop) -> None:
    del shop
    desk = await desks.of(language="vi-VN", scopes=(Scope.READ,), place="templates")
    await expect(desk.page.get_by_role("link", name="Mẫu tin mới")).to_have_count(0)
    await desk.goto("templates/new")
    await expect(desk.page.get_by_text("cần quyền write")).to_be_visible()
    assert await desk.page.locator("form").count() == 0


async def test_a_template_is_written_on_a_phone_in_the_dark(desks: Desks, shop: Shop) -> None:
    del shop
    desk = await _begin(desks, "chat", "nho", viewport=PHONE, color_scheme="dark")
    page = desk.page
    await page.fill("#vi-body_text", "Chào ")
    await page.locator(".field", has=page.locator("#vi-body_text")).get_by_role("button").click()
    await expect(page.locator("#names-search")).to_be_focused()
    assert await desk.faults() == []
    await keep(page, "template-insert-phone")
    await page.keyboard.press("Escape")
    await expect(page.locator("#vi-body_text")).to_be_focused()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []
    await page.get_by_role("button", name="Xem thử").click()
    await expect(page.locator(".look .bubble")).to_be_in_viewport()
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, "template-editor-phone", whole=True)
