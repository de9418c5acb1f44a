"""A person's journey as it is seen: from the event to what came of it, in both languages, whatever their names."""

import pytest
from playwright.async_api import expect

from engine.tenants import Scope
from rules.words import OutcomeType
from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import EVIL, REASONS_TO_ANSWER, Shop

WORDS = {
    "vi-VN": {"why": "Vì sao?", "message": "Xem tin nhắn", "bought": "đã mua", "no_consent": "Chưa đồng ý"},
    "en-GB": {"why": "Why?", "message": "Show the message", "bought": "bought", "no_consent": "No consent"},
}


@pytest.fixture
async def lived(shop: Shop) -> Shop:
    """Mai left a basket behind, was reminded and bought; the offer went to everybody in Huế whom it might reach."""
    await shop.activate("nhac-gio-hang")
    await shop.abandon_basket()
    await shop.work()
    await shop.answer(*REASONS_TO_ANSWER, profile="kh-000042")
    await shop.activate("uu-dai-hue")
    await shop.work()
    await shop.answer(OutcomeType.DELIVERED)
    return shop


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("language", WORDS)
async def test_a_journey_is_followed_from_event_to_outcome(desks: Desks, language: str) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language)
    page = desk.page
    # Without its marks a name is found all the same.
    await page.fill("#search", "nguyen lam")
    await expect(page.locator("a.row", has_text="Nguyễn Văn Lâm")).to_be_visible()
    assert await desk.faults() == []
    await keep(page, f"people-{language[:2]}")
    await page.fill("#search", "mai.tran@khach.example")
    await page.click("a.row >> text=Trần Thị Mai")
    await expect(page.locator("main h1")).to_have_text("Trần Thị Mai")
    for kind in ("event", "decision", "delivery", "outcome"):
        await expect(page.locator(f".entry.{kind}").first).to_be_visible()
    await expect(page.locator(".entry.outcome", has_text=words["bought"])).to_be_visible()
    # The oldest decision is the one that the basket asked for.
    decision = page.locator(".entry.decision").last
    await decision.get_by_text(words["why"]).click()
    await expect(decision.locator(".candidates li").first).to_be_visible()
    delivery = page.locator(".entry.delivery").last
    await delivery.get_by_text(words["message"]).click()
    frame = delivery.frame_locator("iframe.mail").frame_locator("iframe")
    await expect(frame.get_by_text("Trà sen Huế")).to_be_visible()
    await expect(page.locator(".picture[data-drawn]")).to_be_visible()
    assert int(await page.locator(".picture").get_attribute("data-drawn") or 0) >= 6
    assert await desk.faults() == []
    await delivery.locator("iframe.mail").scroll_into_view_if_needed()
    await keep(page, f"message-{language[:2]}")
    await page.select_option("#why-campaign", label="Ưu đãi cho khách Huế")
    await expect(page.locator("section", has=page.locator("#why-heading")).locator(".lead")).to_be_visible()
    await page.evaluate("scrollTo(0, 0)")
    await keep(page, f"journey-{language[:2]}")


@pytest.mark.usefixtures("lived")
async def test_why_not_is_answered_for_any_campaign_and_each_channel(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", place="people/kh-000043")
    page = desk.page
    allowed = page.locator("section", has=page.locator("#allowed-heading"))
    await expect(allowed.locator("li", has_text="E-mail")).to_contain_text("No consent")
    await page.select_option("#why-campaign", label="Ưu đãi cho khách Huế")
    answer = page.locator("section", has=page.locator("#why-heading"))
    await expect(answer.locator(".lead")).to_contain_text("no consent")
    await expect(answer.locator("table")).to_contain_text("No consent")


@pytest.mark.usefixtures("lived")
async def test_evidence_and_decisions_are_in_vietnamese_on_a_vietnamese_page(desks: Desks) -> None:
    desk = await desks.of(language="vi-VN", place="people/kh-000043")
    page = desk.page
    allowed = page.locator("section", has=page.locator("#allowed-heading"))
    await allowed.get_by_text("Bằng chứng").first.click()
    await expect(allowed).not_to_contain_text("No consent")
    decision = page.locator(".entry.decision").first
    await expect(decision).not_to_contain_text("No consent")
    await decision.get_by_text("Vì sao?").click()
    await expect(decision.locator(".lead")).to_contain_text("không nhận gì từ chiến dịch Ưu đãi cho khách Huế")
    await expect(decision).to_contain_text("quy tắc riêng của chiến dịch")
    assert await desk.faults() == []
    await keep(page, "evidence-vi", whole=True)


@pytest.mark.usefixtures("lived")
async def test_names_that_are_markup_stay_text(desks: Desks) -> None:
    desk = await desks.of(language="vi-VN")
    page = desk.page
    await page.fill("#search", "evil@khach.example")
    await page.locator("a.row", has_text="onerror").click()
    await expect(page.locator("main h1")).to_have_text(EVIL)
    await expect(page.locator(".picture[data-drawn]")).to_be_visible()
    assert await page.locator("main img, main script").count() == 0
    assert await page.title() == f"{EVIL} · LEO"


@pytest.mark.usefixtures("lived")
async def test_it_is_used_on_a_phone_in_the_dark_and_by_keyboard(desks: Desks) -> None:
    desk = await desks.of(language="vi-VN", viewport=PHONE, color_scheme="dark")
    page = desk.page
    await page.focus("#search")
    await page.keyboard.type("Thị Mai")
    await expect(page.locator("a.row")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("main h1")).to_be_focused()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    assert await desk.faults() == []
    await keep(page, "journey-phone")


async def test_a_key_that_is_none_is_refused_and_a_session_ends(desks: Desks) -> None:
    desk = await desks.anonymous(language="vi-VN")
    page = desk.page
    await page.goto(desk.url)
    await page.fill("#key", "leo_wrong")
    await page.press("#key", "Enter")
    await expect(page.locator("[role=alert]")).to_contain_text("Khoá này không tồn tại")
    assert await desk.faults() == []
    await keep(page, "login")
    await desk.login(await desks.key((Scope.READ,)))
    await expect(page.locator(".tenant")).to_contain_text("Kiểm toán")
    await page.click("button[aria-label='Đăng xuất']")
    await expect(page.locator("#key")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0
