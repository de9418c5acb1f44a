"""How the work stands, as it is seen, and an agent's task that is approved by hand."""

import re

import pytest
from playwright.async_api import expect

from engine.tenants import Scope
from tests.api.console.conftest import Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop
from tests.api.story import ok

SCOPES = (Scope.READ, Scope.APPROVE)


async def _ask(shop: Shop) -> None:
    """Have an agent mean to start the offer, which reaches more people than it may without a human."""
    await shop.needs_approval()
    call = {"name": "activate_campaign", "arguments": {"campaign": "uu-dai-hue"}}
    await ok(await shop.caller.post("/activate/agent", json={"calls": [call]}))
    await shop.work_on_tasks()


async def test_a_task_that_waits_is_approved_and_followed_to_its_end(desks: Desks, shop: Shop) -> None:
    await _ask(shop)
    desk = await desks.of(language="vi-VN", scopes=SCOPES, place="operations")
    page = desk.page
    await expect(page.locator("[data-lane=bulk]")).to_be_visible()
    assert await desk.faults() == []
    await keep(page, "operations-vi", whole=True)
    await page.click("text=activate_campaign")
    await expect(page.locator(".notice.wait")).to_contain_text("44")
    assert await desk.faults() == []
    await keep(page, "task-vi")
    await page.get_by_role("button", name="Duyệt").click()
    await page.fill("#note", "Đã xem với nhóm thương hiệu.")
    await page.locator("dialog").get_by_role("button", name="Duyệt").click()
    await expect(page.locator(".notice", has_text="Đã duyệt.")).to_be_visible()
    await shop.work_on_tasks()
    # Nobody loads the page again: it follows.
    await expect(page.locator("header.head .badge").first).to_have_text("xong")
    await expect(page.locator("header.head")).to_contain_text("Đã xem với nhóm thương hiệu.")


async def test_why_a_task_failed_is_said_in_the_readers_language(desks: Desks, shop: Shop) -> None:
    asked = await ok(await shop.caller.post("/activate/agent", json={"text": "Gửi ưu đãi cho khách ở Huế"}))
    await shop.work_on_tasks()
    desk = await desks.of(language="vi-VN", scopes=SCOPES, place=f"tasks/{asked['task_id']}")
    told = desk.page.locator(".notice.bad")
    await expect(told.locator("[data-kind='task.no_model']")).to_contain_text("Chưa cấu hình mô hình nào")
    await expect(told).not_to_contain_text("No model")
    assert await desk.faults() == []


async def test_a_task_is_refused_by_whoever_may_and_only_shown_to_others(desks: Desks, shop: Shop) -> None:
    await _ask(shop)
    auditor = await desks.of(language="en-GB", scopes=(Scope.READ,), place="operations")
    await auditor.page.click("text=activate_campaign")
    await expect(auditor.page.get_by_text("Your key may not approve it.")).to_be_visible()
    desk = await desks.of(language="en-GB", scopes=SCOPES, place="operations")
    page = desk.page
    await page.click("text=activate_campaign")
    await page.get_by_role("button", name="Refuse").click()
    await page.locator("dialog").get_by_role("button", name="Refuse").click()
    await expect(page.locator("header.head .badge").first).to_have_text("cancelled")


async def test_messages_in_trouble_are_told_apart_and_settled(desks: Desks, shop: Shop) -> None:
    await shop.activate("nhac-gio-hang")
    await shop.abandon_basket()
    await shop.lose_a_message()
    desk = await desks.of(language="en-GB", place="operations")
    page = desk.page
    await expect(page.get_by_role("button", name="uncertain 1")).to_be_visible()
    pace = page.locator("section", has=page.locator("#pace-heading"))
    await expect(pace.get_by_role("img", name="Messages that waited. Now: mail 0.")).to_be_visible()
    await expect(pace.locator("canvas")).to_have_count(2)
    await pace.get_by_role("button", name="24 h").click()
    await expect(pace.locator(".chart-box").first).to_have_attribute("data-drawn", re.compile("9[67]"))
    letters = page.locator("section", has=page.locator("#letters-heading"))
    await expect(letters.locator("li")).to_have_count(1)
    await keep(page, "operations-en", whole=True)
    await letters.get_by_role("button", name="It arrived").click()
    await page.fill("#note", "In the provider's log.")
    await page.locator("dialog").get_by_role("button", name="It arrived").click()
    await expect(page.get_by_role("button", name="uncertain 0")).to_be_visible()
    assert await desk.faults() == []
    await page.get_by_role("button", name="given up 0").click()
    await expect(letters.get_by_text("There is none.")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "verb", "done"),
    [("en-GB", "Replay from here", "It goes on: 1 became due."), ("vi-VN", "Chạy tiếp từ đây", "Đang chạy tiếp: 1")],
)
async def test_what_could_not_be_decided_goes_on_for_a_reason(
    desks: Desks, shop: Shop, language: str, verb: str, done: str
) -> None:
    await shop.activate("nhac-gio-hang")
    await shop.abandon_basket()
    await shop.put_off()
    auditor = await desks.of(language=language, scopes=(Scope.READ,), place="operations")
    await expect(auditor.page.locator("[data-batch]")).to_be_visible()
    assert await auditor.page.get_by_role("button", name=verb).count() == 0
    desk = await desks.of(language=language, place="operations")
    page = desk.page
    await keep(page, f"operations-stuck-{language[:2]}", whole=True)
    await page.get_by_role("button", name=verb).click()
    await page.fill("#note", "Đã sửa chính sách.")
    await page.locator("dialog").get_by_role("button", name=verb).click()
    await expect(page.get_by_text(done)).to_be_visible()
    await expect(page.locator("[data-batch]")).to_have_count(0)
    assert await desk.faults() == []
