"""The Cypher explorer as it is seen: ask, look, expand, collapse, export, save, share, and be told of limits."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from contextlib import suppress
from itertools import combinations
from typing import Any

import pytest
from playwright.async_api import Error, Page, expect

from engine.tenants import Scope
from rules.words import OutcomeType
from tests.api.console.conftest import Desks
from tests.api.console.pictures import keep
from tests.api.console.shop import EVIL_KEY, REASONS_TO_ANSWER, Shop

RUN = "Control+Enter"
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


@pytest.fixture
async def lived(shop: Shop) -> Shop:
    await shop.activate("nhac-gio-hang")
    await shop.abandon_basket()
    await shop.abandon_basket("kh-100001")
    await shop.work()
    await shop.answer(*REASONS_TO_ANSWER, profile="kh-000042")
    await shop.answer(OutcomeType.DELIVERED)
    return shop


async def _write(page: Page, query: str) -> None:
    await page.locator(".editor .cm-content").click()
    await page.keyboard.press("Control+a")
    await page.keyboard.press("Delete")
    await page.keyboard.insert_text(query)


async def _saved(page: Page, kind: str) -> bytes:
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name=kind, exact=True).click()
    download = await waiting.value
    return (await download.path()).read_bytes()


async def _drawn(page: Page) -> int:
    return int(await page.locator(".picture[data-drawn]").get_attribute("data-drawn") or 0)


@pytest.mark.usefixtures("lived")
async def test_a_query_is_run_its_graph_expanded_and_collapsed_and_taken_away(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", place="explorer")
    page = desk.page
    await _write(page, "MATCH (d:Decision)-[f:DECIDED_FOR]->(p:Profile) WHERE p.ext_id = $who RETURN d, f, p")
    await page.fill("#parameter-who", "kh-000042")
    await page.locator(".editor .cm-content").press(RUN)
    await expect(page.locator(".answer[data-rows='1']")).to_be_visible()
    assert await _drawn(page) == 2
    await page.select_option("#node-list", index=1)
    await page.get_by_role("button", name="Expand").click()
    await expect(page.locator(".picture[data-expand-ms]")).to_be_visible()
    grown = await _drawn(page)
    assert grown > 4
    assert await desk.faults() == []
    await keep(page, "explorer-en", whole=True)
    whole: dict[str, Any] = json.loads(await _saved(page, "JSON"))
    assert len(whole["graph"]["nodes"]) == grown
    graph = ET.fromstring((await _saved(page, "GRAPHML")).decode())  # noqa: S314 - made by the page under test
    assert len(graph.findall(f"{GRAPHML}graph/{GRAPHML}node")) == grown
    assert (await _saved(page, "PNG")).startswith(b"\x89PNG")
    await page.get_by_role("button", name="Collapse").click()
    assert await _drawn(page) == 2
    for way, seen in (("Table", "(:Profile kh-000042)"), ("JSON", '"ext_id": "kh-000042"'), ("Plan", "cost=")):
        await page.get_by_role("tab", name=way).click()
        await expect(page.locator("#answer-room")).to_contain_text(seen)
        await keep(page, f"explorer-{way.lower()}")


_PLACES = """Object.fromEntries(document.querySelector(".picture").cy.nodes().map(
    (node) => [node.id(), [Math.round(node.position().x), Math.round(node.position().y)]]))"""


async def _expand(page: Page, words: str) -> dict[str, tuple[int, int]]:
    """Expand a node by what the list of nodes says of it; gives where all nodes are then."""
    await page.locator("#node-list").select_option(label=words)
    before = await _drawn(page)
    await page.get_by_role("button", name="Expand").click()
    await expect(page.locator(".picture")).not_to_have_attribute("data-drawn", str(before))
    await expect(page.locator(".picture")).to_have_attribute("data-expand-ms", re.compile(r"\d"))
    places: dict[str, tuple[int, int]] = await page.evaluate(_PLACES)
    return places


@pytest.mark.usefixtures("lived")
async def test_what_is_there_stays_in_its_place_when_a_node_is_expanded(desks: Desks) -> None:
    """And no node stands on another, nor on its name."""
    desk = await desks.of(language="en-GB", place="explorer", color_scheme="dark")
    page = desk.page
    await _write(page, "MATCH (s:Segment) RETURN s")
    await page.locator(".editor .cm-content").press(RUN)
    await expect(page.locator(".answer[data-rows='1']")).to_be_visible()
    first = await _expand(page, "Segment: Khách ở Huế")
    assert len(first) > 40
    second = await _expand(page, "Profile: kh-000042")
    assert len(second) > len(first)
    assert {key: place for key, place in second.items() if key in first} == first
    near = [
        (one, other)
        for one, other in combinations(second.values(), 2)
        if abs(one[0] - other[0]) < 60 and abs(one[1] - other[1]) < 50
    ]
    assert near == []
    assert await desk.faults() == []
    await keep(page, "explorer-dark", whole=True)


@pytest.mark.usefixtures("lived")
async def test_an_auditor_asks_in_words_and_not_in_cypher(desks: Desks) -> None:
    desk = await desks.of(language="vi-VN", scopes=(Scope.READ,), place="explorer")
    page = desk.page
    phrase = page.locator("[data-phrase]").first
    await phrase.locator("summary").click()
    for field in await phrase.locator("input").all():
        await field.fill("kh-000042")
    await phrase.get_by_role("button", name="Hỏi").click()
    await expect(page.locator(".answer")).to_be_visible()
    assert int(await page.locator(".answer").get_attribute("data-rows") or 0) > 0
    assert await page.get_by_role("button", name="Lưu").count() == 0
    assert await desk.faults() == []
    await keep(page, "explorer-vi")


@pytest.mark.usefixtures("lived")
async def test_what_people_wrote_stays_text_in_tables_files_and_refusals(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", place="explorer")
    page = desk.page
    await _write(page, "MATCH (p:Profile) WHERE p.ext_id = $name RETURN p.ext_id AS name, p")
    await page.fill("#parameter-name", EVIL_KEY)
    await page.get_by_role("button", name="Run").click()
    await page.get_by_role("tab", name="Table").click()
    await expect(page.locator("#answer-room td").first).to_have_text(EVIL_KEY)
    rows = list(csv.reader(io.StringIO((await _saved(page, "CSV")).decode())))
    assert (rows[0], rows[1][0]) == (["name", "p"], EVIL_KEY)
    await _write(page, "MATCH (p:Profile) SET p.ext_id = '<script>document.title=9</script>' RETURN p")
    await page.get_by_role("button", name="Run").click()
    await expect(page.locator(".notice.bad")).to_be_visible()
    assert await page.locator("main img, main script").count() == 0
    assert "LEO" in await page.title()


@pytest.mark.usefixtures("lived")
async def test_a_query_is_saved_and_shared_by_a_link_that_runs_nothing(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", place="explorer")
    page = desk.page
    query = "MATCH (p:Profile) WHERE p.ext_id = $who RETURN p.ext_id AS key, p.status AS status"
    await _write(page, query)
    await page.fill("#parameter-who", "kh-000042")
    await page.get_by_role("button", name="Save").click()
    await page.fill("#note", "Tên của Mai <b>")
    await page.locator("dialog").get_by_role("button", name="Save").click()
    await expect(page.get_by_role("button", name="Tên của Mai <b>")).to_be_visible()
    await page.get_by_role("button", name="Share").click()
    await expect(page.locator("[role=status]", has_text="link")).to_be_visible()
    shared = page.url
    other = await desks.of(language="en-GB", scopes=(Scope.READ,))
    await other.page.goto(shared)
    await expect(other.page.get_by_text("This query came by a link.")).to_be_visible()
    assert await other.page.locator(".answer").count() == 0
    assert await other.page.input_value("#parameter-who") == "kh-000042"
    await other.page.get_by_role("button", name="Run").click()
    await expect(other.page.locator("#answer-room")).to_contain_text("active")


@pytest.mark.usefixtures("lived")
async def test_a_query_that_runs_too_long_is_stopped(desks: Desks) -> None:
    desk = await desks.of(language="en-GB", place="explorer")
    page = desk.page
    # Everybody of a segment with everybody of it, and so on: 44 ** 5 rows to count.
    crowd = ", ".join(f"(s)<-[e{letter}:IN_SEGMENT]-({letter}:Profile)" for letter in "bcde")
    await _write(page, f"MATCH (s:Segment)<-[ea:IN_SEGMENT]-(a:Profile), {crowd} RETURN count(*) AS n")
    await page.get_by_role("button", name="Run").click()
    refused = page.locator(".notice.bad")
    # The server knows the query by its ticket once it has a session, so the first click may come too early.
    for _ in range(40):
        if await refused.count():
            break
        with suppress(Error):
            await page.get_by_role("button", name="Stop").click(timeout=500)
    await expect(refused).to_contain_text("stopped")
    await expect(page.get_by_role("button", name="Run")).to_be_enabled()


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("vi-VN", "Cypher, dòng 1, cột 28: Profile không có thuộc tính “city”. Có: ext_id, profile_id, status."),
        ("en-GB", "Cypher, line 1, column 28: Profile has no property 'city'."),
    ],
)
async def test_what_is_refused_is_said_in_the_page_s_language_and_in_no_other(
    desks: Desks, language: str, said: str
) -> None:
    desk = await desks.of(language=language, scopes=(Scope.READ,), place="explorer")
    page = desk.page
    await _write(page, "MATCH (p:Profile) RETURN p.city")
    await page.locator(".editor .cm-content").press(RUN)
    notice = page.locator(".notice.bad")
    await expect(notice.locator("p").first).to_have_text(said)
    assert await notice.locator("[lang=en]").count() == 0
    assert await desk.faults() == []
    await keep(page, f"explorer-refused-{language[:2]}")
