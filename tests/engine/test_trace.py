"""A trace tells who decided what, when and why, and what came of it; what is not there says why."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from rich.console import Console

from engine import trace as traces
from engine.cli.journey import drawn
from engine.db import Database, Transaction
from engine.trace import Kind, Root, Step, Trace
from rules.errors import InvalidInput, NotFound
from tests.conftest import Tenant
from tests.engine.journeys import QUIET, SQL, base, journey, person

ROOT = Path(__file__).parents[2]
# What a send with everything has, in order.
STEPS = ["event", "task", "decision", "delivery", "outcome"]


async def traced(connection: Transaction, argument: object, **how: Any) -> Trace:
    return await traces.trace(connection, await traces.find(connection, str(argument)), **how)


def by_name(steps: tuple[Step, ...]) -> dict[str, Step]:
    return {step.step: step for step in steps}


async def test_a_whole_journey_is_told_from_event_to_outcome(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        made = await journey(
            connection,
            await base(connection),
            await person(connection, "KH-1"),
            kind="event",
            event="E-1",
            arbiter="gemini",
            outcomes=("delivered", "clicked", "bought"),
        )
        found = await traced(connection, "KH-1")
    (only,) = found.journeys
    assert only.decision_id == made.decision_id
    assert [step.step for step in only.steps] == [*STEPS, "outcome", "outcome"]
    assert not any(step.is_absent for step in only.steps)
    times = [step.at for step in only.steps if step.step != "task" and step.at]
    assert times == sorted(times)
    steps = by_name(only.steps)
    assert [steps[name].record_id for name in STEPS[:4]] == [
        made.event_id,
        made.task_id,
        made.decision_id,
        made.delivery_id,
    ]
    assert steps["event"].what == "cart_abandoned"
    assert steps["task"].why == "It chose e-mail."
    assert steps["decision"].what == "send email with template hello v2"
    assert steps["decision"].why == "chosen by gemini among 2 candidates"
    assert steps["delivery"].what == "email to lan@example.com: sent"
    assert [step.what for step in only.steps if step.step == "outcome"] == ["delivered", "clicked", "bought"]
    assert steps["outcome"].detail is not None
    assert steps["outcome"].detail["value"] == 250_000
    detail = steps["delivery"].detail
    assert detail is not None
    assert detail["event_id"] == made.delivery_event_id
    assert [attempt["phase"] for attempt in detail["attempts"]] == ["started", "ended"]


@pytest.mark.parametrize(
    ("given", "absent"),
    [
        (
            {"kind": "snapshot"},
            {"event": "everyone in a snapshot", "task": "score decided", "outcome": "come back yet"},
        ),
        ({"kind": "wake_up"}, {"event": "a wake-up decided again", "task": "score", "outcome": "yet"}),
        ({"kind": "membership"}, {"event": "came into or left a segment", "task": "score", "outcome": "yet"}),
        ({"kind": "fallback"}, {"event": "message of an earlier run failed", "task": "score", "outcome": "yet"}),
        ({"kind": "request"}, {"event": "a request asked for it", "task": "score", "outcome": "yet"}),
        ({"kind": "event", "event": "E-9"}, {"task": "score", "outcome": "yet"}),
        ({"arbiter": "functiongemma"}, {"event": "snapshot", "outcome": "yet"}),
        ({"status": "queued"}, {"event": "snapshot", "task": "score", "outcome": "not been sent yet"}),
        ({"status": "sending"}, {"event": "snapshot", "task": "score", "outcome": "not been sent yet"}),
        ({"status": "uncertain"}, {"event": "snapshot", "task": "score", "outcome": "nothing has come back yet"}),
        ({"status": "failed"}, {"event": "snapshot", "task": "score", "outcome": "it was not sent"}),
        ({"status": "expired"}, {"event": "snapshot", "task": "score", "outcome": "it was not sent"}),
        ({"outcomes": ("bounced",)}, {"event": "snapshot", "task": "score"}),
        (
            {"action": "do_nothing", "reason": "quiet_hours", "status": None},
            {"event": "snapshot", "task": "score", "delivery": "doing nothing sends", "outcome": "without a delivery"},
        ),
        (
            {"action": "wait", "reason": "quiet_hours", "status": None},
            {"event": "snapshot", "task": "score", "delivery": "before 2026-03-01T18", "outcome": "without a delivery"},
        ),
    ],
)
async def test_a_step_that_is_not_there_names_the_natural_reason(
    db: Database, tenant: Tenant, given: dict[str, Any], absent: dict[str, str]
) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        made = await journey(connection, await base(connection), await person(connection, "KH-1"), **given)
        found = await traced(connection, made.decision_id)
    steps = by_name(found.journeys[0].steps)
    assert list(steps) == STEPS
    told = {name: step.why for name, step in steps.items() if step.is_absent}
    assert told.keys() == absent.keys()
    for name, words in absent.items():
        assert words in (told[name] or "")


async def test_a_decision_that_held_back_gives_the_gates_sentence(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        made = await journey(
            connection,
            await base(connection),
            await person(connection, "KH-1"),
            action="do_nothing",
            reason="quiet_hours",
            status=None,
        )
        found = await traced(connection, made.decision_id)
    decision = by_name(found.journeys[0].steps)["decision"]
    assert decision.what == "do nothing"
    assert decision.why == f"quiet_hours: {QUIET}"


async def test_a_failed_delivery_tells_what_the_provider_said(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        made = await journey(connection, await base(connection), await person(connection, "KH-1"), status="failed")
        found = await traced(connection, made.decision_id)
    assert by_name(found.journeys[0].steps)["delivery"].why == "the provider did not take it, invalid_address, 550"


async def test_any_of_its_records_leads_to_a_journey(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await base(connection)
        profile_id = await person(connection, "KH-1")
        first = await journey(connection, ground, profile_id, kind="event", event="E-1", outcomes=("read",))
        await journey(connection, ground, profile_id, day=1)
        for argument, kind in (
            (first.event_id, Kind.EVENT),
            ("E-1", Kind.EVENT),
            (first.delivery_id, Kind.DELIVERY),
            (first.delivery_event_id, Kind.DELIVERY),
            ((first.delivery_event_id or "").upper(), Kind.DELIVERY),
            (first.decision_id, Kind.DECISION),
        ):
            found = await traced(connection, argument)
            assert found.root.kind is kind
            assert [each.decision_id for each in found.journeys] == [first.decision_id]
        for argument in ("KH-1", profile_id):
            assert len((await traced(connection, argument)).journeys) == 2


async def test_a_person_has_the_newest_journeys_first(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await base(connection)
        profile_id = await person(connection, "KH-1")
        made = [(await journey(connection, ground, profile_id, day=day)).decision_id for day in (0, 3, 1, 2)]
        found = await traced(connection, "KH-1", newest=3)
    assert [each.decision_id for each in found.journeys] == [made[1], made[3], made[2]]


async def test_a_record_that_led_to_no_decision_has_no_journey(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        await person(connection, "KH-1")
        assert (await traced(connection, "KH-1")).journeys == ()


@pytest.mark.parametrize(
    "argument", ["nobody", "0", "999999999999", "9" * 40, "ab" * 32, "", " ", "'; --", "%", "\u00e9"]
)
async def test_a_record_that_is_not_there_is_told_in_one_sentence(db: Database, tenant: Tenant, argument: str) -> None:
    with pytest.raises(NotFound, match="There is no profile, event, delivery or decision"):
        async with db.transaction(tenant.tenant_id) as connection:
            await traces.find(connection, argument)


async def test_what_could_be_several_records_has_to_be_said(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await base(connection)
        made = await journey(connection, ground, await person(connection, "same"), kind="event", event="same")
        with pytest.raises(InvalidInput, match=rf"event {made.event_id} .*profile {made.profile_id} "):
            await traces.find(connection, "same")
        assert (await traces.find(connection, "same", kind=Kind.EVENT)).record_id == made.event_id
        assert (await traces.find(connection, "same", kind=Kind.PROFILE)).record_id == made.profile_id
        with pytest.raises(NotFound, match="There is no delivery 'same'"):
            await traces.find(connection, "same", kind=Kind.DELIVERY)
        # A person whose key is the number of another record.
        await person(connection, str(made.delivery_id))
        with pytest.raises(InvalidInput, match="several"):
            await traces.find(connection, str(made.delivery_id))


async def test_another_tenants_record_is_not_found(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        made = await journey(
            connection, await base(connection), await person(connection, "KH-1"), kind="event", event="E-1"
        )
    everything = (
        made.profile_id,
        "KH-1",
        made.event_id,
        "E-1",
        made.decision_id,
        made.delivery_id,
        made.delivery_event_id,
    )
    for argument in everything:
        with pytest.raises(NotFound):
            async with db.transaction(other_tenant.tenant_id) as connection:
                await traces.find(connection, str(argument))
    root = Root(Kind.PROFILE, made.profile_id, made.profile_id, None, "KH-1")
    async with db.transaction(other_tenant.tenant_id) as connection:
        assert (await traces.trace(connection, root)).journeys == ()


async def test_the_statement_for_psql_gives_the_same_rows_to_whoever_runs_it(
    db: Database, tenant: Tenant, admin_url: str, tmp_path: Path
) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await base(connection)
        profile_id = await person(connection, "KH-1")
        await journey(connection, ground, profile_id, kind="event", event="E-1", outcomes=("read",))
        await journey(connection, ground, profile_id, action="do_nothing", reason="quiet_hours", status=None, day=1)
        root = await traces.find(connection, "KH-1")
        found = await traces.trace(connection, root)
        text = await traces.auditor_sql(connection, root, tenant_id=tenant.tenant_id)
    settings, _, statement = text.partition("\n\n")
    assert settings.startswith(f"SELECT set_config('leo.tenant', '{tenant.tenant_id}'")
    with psycopg.connect(admin_url) as auditor:
        auditor.execute(settings)
        rows = auditor.execute(statement).fetchall()
    assert [row[:6] for row in rows] == [
        (each.decision_id, step.step, step.at, step.record_id, step.what, step.why)
        for each in found.journeys
        for step in each.steps
    ]
    psql = next((ROOT / ".venv").glob("lib/python*/site-packages/pgserver/pginstall/bin/psql"), None)
    if psql is not None:
        script = tmp_path / "trace.sql"
        script.write_text(text, encoding="utf-8")
        argv = [str(psql), "-X", "-v", "ON_ERROR_STOP=1", "-f", str(script), admin_url]
        shown = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr
        assert f"({len(rows)} rows)" in shown.stdout


def test_the_documented_statement_is_the_one_that_runs() -> None:
    page = (ROOT / "docs" / "trace.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    root = Root(Kind.PROFILE, 1001, 1001, None, "KH-0001")
    shipped = traces.for_psql("leo_acme", root, tenant_id=UUID("11111111-2222-4333-8444-555555555555"))
    assert blocks[0].strip() == shipped.strip()


async def test_a_trace_reads_by_index_alone(db: Database, tenant: Tenant, admin_url: str) -> None:
    """As leo_app with the tenant set: what row security costs is in the plan."""
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await base(connection)
        for number in range(60):
            await journey(connection, ground, await person(connection, f"KH-{number}"), outcomes=("read",))
        for more in ("more_people", "more_decisions", "more_deliveries"):
            await connection.execute(SQL[more])
    with psycopg.connect(admin_url, autocommit=True) as administrator:
        administrator.execute("ANALYZE")
    async with db.transaction(tenant.tenant_id) as connection:
        root = await traces.find(connection, "KH-7")
        text = await traces.auditor_sql(connection, root, tenant_id=tenant.tenant_id)
        statement = "EXPLAIN " + text.partition("\n\n")[2]
        plan = "\n".join(row["QUERY PLAN"] for row in await (await connection.execute(statement)).fetchall())
    large = (
        "Profile",
        "Decision",
        "DECIDED_FOR",
        "IN_RUN",
        "UNDER",
        "USED",
        "Delivery",
        "DISPATCHED_AS",
        "cdp_profiles",
    )
    read_whole = set(re.findall(r'Seq Scan on "?(\w+)', plan))
    assert read_whole.isdisjoint({*large, "decision", "delivery_log"}), plan


async def test_a_journey_is_drawn_whatever_its_texts_hold(db: Database, tenant: Tenant) -> None:
    """No text of a customer is taken for markup."""
    async with db.transaction(tenant.tenant_id) as connection:
        await journey(connection, await base(connection), await person(connection, "[bold]x[/nosuch]"))
        found = await traced(connection, "[bold]x[/nosuch]")
    console = Console(record=True, width=200)
    console.print(drawn(found, tenant=tenant.slug))
    assert "[bold]x[/nosuch]" in console.export_text()
