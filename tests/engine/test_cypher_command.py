"""`leo cypher`, `leo graph export` and `leo graph insight`: what they print, and how they end."""

import asyncio
import json
from pathlib import Path

import networkx as nx
import pytest

from engine.cli import run
from engine.db import Database
from tests.conftest import Tenant
from tests.engine.journeys import Made, world

pytestmark = pytest.mark.usefixtures("leo", "made", "other_tenant")
PERSON = "MATCH (p:Profile) WHERE p.ext_id = $ext_id RETURN p, p.profile_id"


@pytest.fixture
async def made(db: Database, tenant: Tenant) -> Made:
    return await world(db, tenant)


async def _leo(*words: str) -> int:
    """In a thread, because the command runs a loop of its own."""
    return await asyncio.to_thread(run, words)


async def test_a_query_is_answered_as_a_table(tenant: Tenant, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _leo("cypher", PERSON, "-p", "ext_id=KH-1", "--tenant", tenant.slug) == 0
    shown = capsys.readouterr().out
    assert "(Profile KH-1)" in shown
    assert str(made.profile_id) in shown
    assert "1 rows" in shown


async def test_what_is_too_wide_for_the_screen_is_told_one_value_below_the_other(
    tenant: Tenant, made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ("--library", "why_this_decision", "-p", f"decision_id={made.decision_id}")
    assert await _leo("cypher", *words, "--tenant", tenant.slug) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["row", "1"]
    assert [line[0] for line in lines[1:4]] == ["decided_at", "action", "reason"]


async def test_what_looks_like_markup_is_a_value(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    query = "MATCH (p:Profile) WHERE p.ext_id = $ext_id RETURN p.profile_id, $text AS said"
    words = ("-p", "ext_id=KH-1", "-p", "text=[/red]")
    assert await _leo("cypher", query, *words, "--tenant", tenant.slug) == 0
    assert "[/red]" in capsys.readouterr().out


async def test_a_query_of_the_library_is_answered_as_json(
    tenant: Tenant, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--library", "why_this_decision", "-p", f"decision_id={made.decision_id}")
    assert await _leo("cypher", *words, "--tenant", tenant.slug, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["columns"][:3] == ["decided_at", "action", "reason"]
    assert len(document["rows"]) == 1


async def test_a_file_is_run_without_its_header(
    tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.cypher"
    file.write_text(f"// One person.\n{PERSON}\n", encoding="utf-8")
    words = ("--file", str(file), "-p", 'ext_id:="KH-1"', "--tenant", tenant.slug, "--plan")
    assert await _leo("cypher", *words) == 0
    assert "Index Cond" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("MATCH (p:Profile) DELETE p",),
        (PERSON,),
        (PERSON, "--library", "fatigue"),
        (),
        ("--library", "nothing"),
        ("--library", "why_this_decision", "-p", "decision_id=x"),
        (PERSON, "-p", "ext_id"),
        (PERSON, "-p", "ext_id:={"),
        ("--file", "there-is-no-such.cypher"),
    ],
)
async def test_what_cannot_be_asked_ends_with_a_sentence(
    tenant: Tenant, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _leo("cypher", *words, "--tenant", tenant.slug) != 0
    assert "Traceback" not in capsys.readouterr().err


async def test_the_library_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert await _leo("cypher", "--list", "--json") == 0
    assert "held_back" in {item["name"] for item in json.loads(capsys.readouterr().out)["items"]}


async def test_the_graph_is_exported_and_looked_into(
    tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "graph.graphml"
    assert await _leo("graph", "export", "--tenant", tenant.slug, "--out", str(out)) == 0
    labels = set(nx.get_node_attributes(nx.read_graphml(out), "label").values())
    assert {"Profile", "Decision", "Delivery", "Outcome"} <= labels
    capsys.readouterr()
    assert await _leo("graph", "insight", "--tenant", tenant.slug, "--json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"flows", "touchpoints", "communities", "duplicates"}
    assert await _leo("graph", "insight", "--tenant", tenant.slug) == 0
    assert "possible duplicates" in capsys.readouterr().out
