"""`leo trace` and `leo graph`: what they print, and how they end."""

import asyncio
import json

import psycopg
import pytest

from engine.cli import run
from engine.db import Database
from tests.conftest import Tenant
from tests.engine.journeys import Made, world

STEPS = ["event", "task", "decision", "delivery", "outcome"]
pytestmark = pytest.mark.usefixtures("leo", "made", "other_tenant")


@pytest.fixture
async def made(db: Database, tenant: Tenant) -> Made:
    return await world(db, tenant)


async def _leo(*words: str) -> int:
    """In a thread, because the command runs a loop of its own."""
    return await asyncio.to_thread(run, words)


async def test_the_command_draws_the_journey(tenant: Tenant, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _leo("trace", "E-1", "--tenant", tenant.slug) == 0
    shown = capsys.readouterr().out
    for words in (
        "cart_abandoned",
        "It chose e-mail.",
        "send email with template hello v2",
        "attempt 1 ended",
        "read",
        "Chào bạn",
    ):
        assert words in shown
    assert str(made.decision_id) in shown


async def test_the_command_tells_what_is_absent(tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _leo("trace", "KH-1", "--tenant", tenant.slug) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "none: doing nothing sends nothing" in shown
    assert "could not send email hello" in shown


async def test_the_command_prints_one_json_object(
    tenant: Tenant, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _leo("trace", str(made.delivery_id), "--tenant", tenant.slug, "--json") == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["tenant"] == tenant.slug
    assert document["kind"] == "delivery"
    assert [step["step"] for step in document["journeys"][0]["steps"]] == STEPS
    assert document["journeys"][0]["steps"][0]["absent"] is False


async def test_the_command_prints_the_statement(tenant: Tenant, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _leo("trace", "E-1", "--tenant", tenant.slug, "--sql") == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"SELECT set_config('leo.tenant', '{tenant.tenant_id}'")
    assert f"p.profile_id = {made.profile_id} AND ([{made.decision_id}] IS NULL" in shown


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["trace", "nobody", "--tenant", "{slug}"], 1, "There is no profile, event, delivery or decision 'nobody'"),
        (["trace", "x", "--tenant", "nosuch"], 1, "There is no tenant 'nosuch'"),
        (["trace", "KH-1"], 2, "tenants"),
        (["trace"], 2, "A trace is of one record"),
        (["trace", "x", "--orphans"], 2, "A trace is of one record"),
        (["graph", "verify", "--tenant", "nosuch"], 1, "There is no tenant 'nosuch'"),
    ],
)
async def test_the_command_says_what_is_wrong_in_one_sentence(
    tenant: Tenant,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    told: str,
) -> None:
    assert await _leo(*(word.format(slug=tenant.slug) for word in words)) == code
    shown = capsys.readouterr().err
    assert told in shown
    assert "Traceback" not in shown


async def test_the_command_counts_orphans_and_differences_and_ends_with_1(
    tenant: Tenant, admin_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = ("--tenant", tenant.slug, "--json")
    assert await _leo("trace", "--orphans", *ours) == 0
    assert json.loads(capsys.readouterr().out)["orphans"] == 0
    assert await _leo("graph", "verify", *ours) == 0
    assert json.loads(capsys.readouterr().out)["graph_differences"] == 0
    with psycopg.connect(admin_url) as administrator:
        administrator.execute(f'DELETE FROM {tenant.graph}."DECIDED_BY"')  # noqa: S608 - the test's own graph
    assert await _leo("trace", "--orphans", *ours) == 1
    counted = json.loads(capsys.readouterr().out)
    assert counted["tenants"][tenant.slug]["decision without its task"] == counted["orphans"] == 1
    assert await _leo("graph", "verify", "--tenant", tenant.slug) == 1
    assert "DECIDED_BY" in capsys.readouterr().out
    assert await _leo("graph", "rebuild", "--tenant", tenant.slug) == 0
    assert await _leo("graph", "verify", *ours) == 0
    assert await _leo("trace", "--orphans", "--tenant", tenant.slug) == 0
