"""What people show together, as it is seen: journeys as flows, touchpoints, groups, and the graph as a file."""

import json
import xml.etree.ElementTree as ET

import pytest
from playwright.async_api import expect

from engine.tenants import Scope
from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop


@pytest.mark.parametrize(
    ("language", "bought", "table"), [("en-GB", "Bought", "As a table"), ("vi-VN", "Đã mua", "Xem dạng bảng")]
)
async def test_journeys_are_seen_as_flows_in_a_picture_and_in_figures(
    desks: Desks, shop: Shop, language: str, bought: str, table: str
) -> None:
    await shop.browse()
    desk = await desks.of(language=language, scopes=(Scope.READ,), place="insight")
    page = desk.page
    picture = page.locator("svg.flows")
    await expect(picture).to_be_visible()
    await expect(picture.locator("text", has_text=bought)).to_have_count(1)
    assert await picture.locator(".ribbon").count() > 8
    await page.get_by_text(table).click()
    journeys = page.locator("section", has=page.locator("#flows-heading")).locator("tbody tr")
    assert await journeys.count() > 8
    await page.get_by_text(table).click()
    await expect(page.locator(".points li").first).to_be_visible()
    await expect(page.locator("section", has=page.locator("#groups-heading")).locator("li").first).to_be_visible()
    assert await desk.faults() == []
    await keep(page, f"insight-{language[:2]}", whole=True)
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="GraphML").click()
    document = ET.fromstring((await (await waiting.value).path()).read_bytes())  # noqa: S314 - made by LEO
    assert len(list(document.iter("{http://graphml.graphdrawing.org/xmlns}node"))) > 44
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="JSON").click()
    assert len(json.loads((await (await waiting.value).path()).read_bytes())["nodes"]) > 44


@pytest.mark.usefixtures("shop")
async def test_where_nobody_did_anything_the_page_says_so_also_on_a_phone(desks: Desks) -> None:
    desk = await desks.of(language="vi-VN", place="insight", viewport=PHONE, color_scheme="dark")
    page = desk.page
    await expect(page.get_by_text("Chưa ai tương tác với điểm chạm nào.")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []
