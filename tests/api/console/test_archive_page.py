"""What was archived is shown with the rest, and every page says where it is."""

import pytest
from playwright.async_api import Page, expect

from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop

WORDS = {
    "vi-VN": {"on": "đã lưu trữ ngày", "why": "Vì sao?", "message": "Xem tin nhắn", "expand": "Mở rộng"},
    "en-GB": {"on": "archived on", "why": "Why?", "message": "Show the message", "expand": "Expand"},
}
MAI = "MATCH (p:Profile) WHERE p.ext_id = 'kh-000042' RETURN p"


@pytest.fixture
async def aged(shop: Shop) -> Shop:
    """Mai was reminded of a basket long ago, which is archived, and got an offer today."""
    await shop.activate("nhac-gio-hang")
    await shop.abandon_basket()
    await shop.archive()
    await shop.activate("uu-dai-hue")
    await shop.work()
    return shop


async def _ask(page: Page, query: str) -> None:
    await page.locator(".editor .cm-content").click()
    await page.keyboard.press("Control+a")
    # Text that takes the place of coloured text would be given its colour, which the page's policy blocks.
    await page.keyboard.press("Delete")
    await page.keyboard.insert_text(query)
    await page.keyboard.press("Control+Enter")


@pytest.mark.usefixtures("aged")
@pytest.mark.parametrize("language", WORDS)
async def test_a_journey_says_what_of_it_is_archived(desks: Desks, language: str) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, place="people/kh-000042")
    page = desk.page
    archived = page.locator(".entry.decision", has_text=words["on"])
    live = page.locator(".entry.decision", has_not_text=words["on"])
    await expect(archived).to_have_count(1)
    await expect(live).to_have_count(1)
    message = page.locator(".entry.delivery", has_text=words["on"])
    await message.get_by_text(words["message"]).click()
    await expect(message.locator("figure.message")).to_contain_text(words["on"])
    await archived.get_by_text(words["why"]).click()
    await expect(archived.locator(".candidates li").first).to_be_visible()
    await expect(page.locator(".picture[data-drawn]")).to_be_visible()
    await expect(page.locator("#path-archived")).to_be_visible()
    assert await desk.faults() == []
    await archived.scroll_into_view_if_needed()
    await keep(page, f"archived-{language[:2]}")


@pytest.mark.usefixtures("aged")
@pytest.mark.parametrize("language", WORDS)
async def test_the_explorer_says_what_queries_do_not_find_and_brings_it(desks: Desks, language: str) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, place="explorer")
    page = desk.page
    await expect(page.locator("#archive-note")).to_be_visible()
    await _ask(page, MAI)
    await expect(page.locator(".answer[data-rows='1']")).to_be_visible()
    await page.select_option("#node-list", index=1)
    await page.get_by_role("button", name=words["expand"]).click()
    await expect(page.locator(".picture[data-expand-ms]")).to_be_visible()
    old = "document.querySelector('.picture').cy.nodes('[?archived]').map((node) => node.id())"
    (decision,) = await page.evaluate(old)
    await page.select_option("#node-list", value=decision)
    await expect(page.locator(".detail")).to_contain_text(words["on"])
    before = await page.locator(".picture").get_attribute("data-drawn")
    await page.get_by_role("button", name=words["expand"]).click()
    await expect(page.locator(".picture")).not_to_have_attribute("data-drawn", before or "")
    assert len(await page.evaluate(old)) == 2
    assert await desk.faults() == []
    await keep(page, f"archived-explorer-{language[:2]}", whole=True)


@pytest.mark.usefixtures("aged")
async def test_an_answer_without_rows_says_where_else_to_look(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", place="explorer", viewport=PHONE)
    page = desk.page
    await _ask(page, "MATCH (d:Decision) WHERE d.decision_id = 1 RETURN d")
    await expect(page.locator("#answer-room")).to_contain_text("may be in the archive")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.usefixtures("shop")
async def test_nothing_is_said_of_an_archive_that_is_empty(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", place="explorer")
    assert await desk.page.locator("#archive-note").count() == 0
    await desk.goto("people/kh-000042")
    assert await desk.page.locator("#path-archived").count() == 0
