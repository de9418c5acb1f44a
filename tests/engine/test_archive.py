"""The archive: what is old leaves the live tables and the graph, and nothing that was promised about it changes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from channels.contract import Incoming
from engine import archive, explain, trace
from engine.archive import Moved, Retention
from engine.campaigns.figures import campaign_figures
from engine.campaigns.funnel import funnel, lifts
from engine.db import Database
from engine.outcomes import Recorded, record_outcomes
from engine.privacy import erase_profile, export_profile
from engine.series import campaign_series
from graph import mirror
from rules.errors import InvalidInput, LeoError
from rules.words import OutcomeType
from tests.conftest import Tenant
from tests.engine.acting import ROLES, acting, values
from tests.engine.aged import AGO, KEEP, aged, again, archived, counts
from tests.engine.test_audit import forge, recorded, sealed, verified
from tests.engine.world import World, simple_world

NOTHING = Moved()


async def traced(world: World, argument: str, **how: Any) -> dict[str, Any]:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        found = await trace.trace(conn, await trace.find(conn, argument), **how)
    return found.as_document()


async def asked(world: World, what: Callable[..., Awaitable[Any]], **how: Any) -> Any:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await what(conn, **how)


async def test_what_is_old_moves_and_the_ledger_is_whole(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    before = await verified(world)
    assert await archived(world) == Moved(4, 4)
    assert await counts(world) == {
        **dict.fromkeys(("decisions", "deliveries", "attempts"), 0),
        **{"old_decisions": 4, "old_deliveries": 4, "old_attempts": 16},
    }
    assert await verified(world) == before
    assert before.records == 12
    assert await archived(world) == NOTHING


async def test_the_graph_is_of_what_is_live_also_when_it_is_drawn_anew(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    await archived(world)
    assert await world.graph_differences() == 0
    assert sum(one.count for one in await asked(world, trace.orphans)) == 0
    await asked(world, mirror.rebuild)
    assert await world.graph_differences() == 0
    for label in ("Decision", "Delivery", "RESULTED_IN", "DECIDED_FOR"):
        assert await world.one(f'SELECT count(*) FROM {tenant.graph}."{label}"') == 0  # type: ignore[arg-type]  # noqa: S608
    assert await world.one(f'SELECT count(*) FROM {tenant.graph}."Outcome"') == 4  # type: ignore[arg-type]  # noqa: S608


@pytest.mark.parametrize("argument", ["kh-1", "decision", "delivery", "event_id"])
async def test_a_journey_is_told_as_it_was_and_says_where_it_is(db: Database, tenant: Tenant, argument: str) -> None:
    world = await aged(db, tenant)
    (one,) = await world.rows(
        """
        SELECT decision_id AS decision, delivery_id AS delivery, encode(event_id, 'hex') AS event_id FROM delivery_log
        ORDER BY delivery_id LIMIT 1
        """
    )
    name = str(one.get(argument, argument))
    before = await traced(world, name)
    await archived(world)
    after = await traced(world, name)
    assert [journey.pop("archived") for journey in before["journeys"]] == [False]
    assert [journey.pop("archived") for journey in after["journeys"]] == [True]
    assert after == before


async def test_live_journeys_come_before_those_of_the_archive(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    await archived(world)
    (campaign_id,) = [row["campaign_id"] for row in await world.rows("SELECT campaign_id FROM campaign")]
    ids = [row["profile_id"] for row in await world.rows("SELECT profile_id FROM cdp_profiles ORDER BY 1")]
    await again(world, campaign_id, ids, ago=timedelta(days=1))
    shown = [journey["archived"] for journey in (await traced(world, "kh-1"))["journeys"]]
    assert shown == [False, True]
    shown = [journey["archived"] for journey in (await traced(world, "kh-1", newest=1))["journeys"]]
    assert shown == [False]


@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("archive_decision", "inputs", "inputs || '{\"facts\": {}}'"),
        ("archive_decision", "candidates", "'[1]'"),
        ("archive_decision", "arbitration", "'{}'"),
        ("archive_decision", "latency_us", "latency_us + 1"),
        ("archive_delivery", "address", "address || 'x'"),
        ("archive_delivery", "queued_at", "queued_at - interval '1 microsecond'"),
    ],
)
async def test_a_changed_byte_in_the_archive_is_found(
    db: Database, tenant: Tenant, admin_url: str, table: str, column: str, change: str
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    key = table.removeprefix("archive_")
    part = await world.one(f"SELECT tableoid::regclass::text FROM {table} LIMIT 1")  # type: ignore[arg-type]  # noqa: S608
    record_id = await world.one(f"SELECT min({key}_id) FROM {table}")  # type: ignore[arg-type]  # noqa: S608
    forge(admin_url, tenant, part, f"UPDATE {part} SET {column} = {change} WHERE {key}_id = {record_id}")  # noqa: S608
    finding = (await verified(world)).finding
    assert finding is not None
    assert (finding.record_id, finding.kind) == (record_id, key)


async def test_a_record_that_is_gone_from_the_archive_is_found(db: Database, tenant: Tenant, admin_url: str) -> None:
    world = await aged(db, tenant)
    await archived(world)
    part = await world.one("SELECT tableoid::regclass::text FROM archive_delivery LIMIT 1")
    delivery_id = await world.one("SELECT min(delivery_id) FROM archive_delivery")
    forge(admin_url, tenant, part, f"DELETE FROM {part} WHERE delivery_id = {delivery_id}")  # noqa: S608
    finding = (await verified(world)).finding
    assert finding is not None
    assert "is gone" in finding.what


STAYS = {
    "it waits to be sent": "UPDATE delivery_log SET status = 'queued'",
    "it is being sent": "UPDATE delivery_log SET status = 'sending', lease_owner = 'w', lease_until = now()",
    "nobody knows whether it arrived": "UPDATE delivery_log SET status = 'uncertain'",
    "it failed and nobody settled it": "UPDATE delivery_log SET status = 'failed'",
    "it is due later": "UPDATE delivery_log SET due_at = now()",
    "it was sent lately": "UPDATE delivery_log SET sent_at = now()",
    "it was tried lately": "INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status)"
    " SELECT tenant_id, delivery_id, 3, 'started', 'w', 'sending' FROM delivery_log",
    "its run is not over": "UPDATE campaign_run SET status = 'paused'",
    "its run has people to decide for": "UPDATE run_batch SET status = 'pending'",
}


@pytest.mark.parametrize("why", STAYS)
async def test_what_is_not_over_stays(db: Database, tenant: Tenant, why: str) -> None:
    world = await aged(db, tenant)
    await world.rows(STAYS[why])  # type: ignore[arg-type]
    assert await archived(world) == NOTHING
    assert (await counts(world))["decisions"] == 4


async def test_what_somebody_settled_goes(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    await world.rows("UPDATE delivery_log SET status = 'dead', settled = '{\"as\": \"closed\"}'")
    assert await archived(world) == Moved(4, 4)


async def test_what_is_younger_or_not_sealed_stays(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant, ago=timedelta(days=KEEP - 1), is_sealed=False)
    (campaign,) = await world.rows("SELECT campaign_id FROM campaign")
    ids = [row["profile_id"] for row in await world.rows("SELECT profile_id FROM cdp_profiles")]
    await sealed(world)
    await again(world, campaign["campaign_id"], ids)
    assert await archived(world) == NOTHING
    await sealed(world)
    await sealed(world)
    assert await archived(world) == Moved(4, 4)
    assert (await counts(world))["decisions"] == 4


async def test_what_a_run_that_follows_may_look_at_stays(db: Database, tenant: Tenant) -> None:
    """Who decides again for those who waited reads what the runs above came to."""
    world, campaign_id, ids = await simple_world(db, tenant, people=2)
    top = await again(world, campaign_id, ids)
    child = await again(world, campaign_id, ids, kind="fallback")
    grandchild, _ = await world.run(campaign_id, ids, kind="fallback")
    link = "UPDATE campaign_run SET parent_id = %(parent)s WHERE run_id = %(run)s"
    await world.rows(link, parent=top, run=child)
    await world.rows(link, parent=child, run=grandchild)
    await sealed(world)
    assert await archived(world) == NOTHING
    await world.rows("UPDATE run_batch SET status = 'done'")
    await world.rows("UPDATE campaign_run SET status = 'cancelled' WHERE run_id = %(run)s", run=grandchild)
    assert await archived(world) == Moved(4, 4)


async def test_no_retention_is_shorter_than_what_policies_look_back(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await aged(db, tenant)
    assert await asked(world, archive.retention) == Retention(None, 35)
    await world.policy({"caps": [{"limit": 1, "days": 300}, {"limit": 3, "per": "month"}]})
    await world.policy({"caps": [{"limit": 1, "days": 366}]}, key="left", version=1)
    await world.policy({"caps": [{"limit": 1, "hours": 24}]}, key="left", version=2)
    assert await asked(world, archive.retention) == Retention(None, 300)
    with pytest.raises(InvalidInput, match="299 days are too few"):
        await asked(world, archive.keep, days=299)
    with pytest.raises(InvalidInput, match="299 days are too few"):
        await archived(world, days=299)
    with (
        pytest.raises(psycopg.errors.InvalidParameterValue, match="still looked at"),
        acting(admin_url, "leo_app", tenant.tenant_id) as connection,
    ):
        connection.execute("SELECT * FROM leo_archive(now() - interval '299 days', 0, 10)")
    await asked(world, archive.keep, days=300)
    assert await asked(world, archive.retention) == Retention(300, 300)


async def test_nothing_is_archived_unless_a_retention_is_set(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    assert await archive.archive_old(db, tenant_id=tenant.tenant_id) is None
    await asked(world, archive.keep, days=KEEP)
    assert await archive.archive_old(db, tenant_id=tenant.tenant_id) == Moved(4, 4)
    await asked(world, archive.keep, days=None)
    assert await archive.archive_old(db, tenant_id=tenant.tenant_id) is None


@pytest.mark.parametrize("by", ["event_id", "provider_id"])
async def test_what_comes_late_finds_its_message(db: Database, tenant: Tenant, by: str) -> None:
    world = await aged(db, tenant)
    await archived(world)
    (one,) = await world.rows("SELECT * FROM archive_delivery ORDER BY delivery_id LIMIT 1")
    ref = bytes(one["event_id"]).hex() if by == "event_id" else one["provider_id"]
    late = Incoming(
        provider_id="told-1",
        type=OutcomeType("clicked"),
        at=datetime.now(UTC),
        delivery_ref=ref,
        address=None,
        raw={},
    )

    async def tell() -> Recorded:
        return await asked(
            world, record_outcomes, tenant_id=tenant.tenant_id, channel_id=one["channel_id"], incoming=[late]
        )

    assert await tell() == Recorded(new=1)
    assert (await tell()).new == 0
    (came,) = await world.rows("SELECT * FROM outcome WHERE type = 'clicked'")
    assert (came["delivery_id"], came["campaign_id"]) == (one["delivery_id"], one["campaign_id"])
    assert came["delivery_archived"]
    assert await world.graph_differences() == 0
    steps = (await traced(world, str(one["delivery_id"])))["journeys"][0]["steps"]
    assert [step["what"] for step in steps if step["step"] == "outcome"] == ["delivered", "clicked"]
    await sealed(world)
    assert (await verified(world)).finding is None


async def test_an_outcome_of_no_delivery_at_all_is_refused(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    with pytest.raises(LeoError):
        await world.rows(
            "INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at) "
            "SELECT tenant_id, 1, profile_id, 'read', 'y', now() FROM cdp_profiles LIMIT 1"
        )


async def test_figures_of_a_campaign_are_what_they_were(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant, people=12)
    campaign_id = await world.one("SELECT campaign_id FROM campaign")
    await world.rows(
        "INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, value, occurred_at) "
        "SELECT tenant_id, delivery_id, profile_id, campaign_id, 'bought', 'y', 5, now() FROM delivery_log LIMIT 3"
    )

    async def told() -> list[Any]:
        return [
            await asked(world, campaign_figures, tenant_id=tenant.tenant_id, campaign_id=campaign_id),
            await asked(world, funnel, campaign_id=campaign_id),
            await asked(world, lifts, campaign_id=campaign_id),
            await asked(world, campaign_series, campaign_id=campaign_id),
            await world.rows("SELECT metric, labels, sum(n) FROM tally GROUP BY 1, 2 ORDER BY 1, 2"),
        ]

    before = await told()
    assert before[0].deliveries == {"sent": 12}
    assert await archived(world) == Moved(12, 12)
    assert await told() == before


async def test_an_archived_decision_is_explained_and_decided_again_alike(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    decision_id = await world.one("SELECT min(decision_id) FROM decision")
    how = {"tenant_id": tenant.tenant_id, "decision_id": decision_id}
    before = await asked(world, explain.replay, **how)
    await archived(world)
    assert await asked(world, explain.replay, **how) == before


async def test_a_person_is_found_in_the_archive_and_erased_from_it(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await aged(db, tenant)
    before = await asked(world, export_profile, ext_id="kh-1")
    await archived(world)
    after = await asked(world, export_profile, ext_id="kh-1")
    assert len(after["decisions"]) == len(after["deliveries"]) == 1
    for document in (before, after):
        for outcome in document["outcomes"]:
            outcome.pop("delivery_archived")
            outcome.pop("live_delivery_id")
    assert after == before
    await asked(world, erase_profile, ext_id="kh-1", reason="asked", by="test")
    with acting(admin_url, "superuser") as connection:
        for table in ("archive_decision", "archive_delivery"):
            rows = values(connection, f"SELECT t::text FROM {table} t WHERE tenant_id = %s", tenant.tenant_id)  # noqa: S608
            assert len(rows) == 4
            assert not [row for row in rows if "kh-1" in row or "was asked" in row and "kh-" not in row]
    assert (await counts(world))["old_attempts"] == 16
    found = await verified(world)
    assert (found.finding, found.records) == (None, 12)


CHANGES = (
    "UPDATE archive_decision SET reason = 'chosen'",
    "DELETE FROM archive_decision",
    "UPDATE archive_delivery SET status = 'sent'",
    "DELETE FROM archive_delivery",
    "TRUNCATE archive_delivery",
    "UPDATE {decision_part} SET reason = 'chosen'",
    "DELETE FROM {delivery_part}",
    "TRUNCATE {decision_part}",
    "DELETE FROM decision",
    "DELETE FROM delivery_attempt",
)


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_changes_the_archive(db: Database, tenant: Tenant, admin_url: str, role: str) -> None:
    world = await aged(db, tenant)
    await archived(world)
    (campaign,) = await world.rows("SELECT campaign_id FROM campaign")
    ids = [row["profile_id"] for row in await world.rows("SELECT profile_id FROM cdp_profiles")]
    await again(world, campaign["campaign_id"], ids)
    before = await counts(world)
    parts = {
        f"{kind}_part": await world.one(f"SELECT tableoid::regclass::text FROM archive_{kind} LIMIT 1")  # type: ignore[arg-type]  # noqa: S608
        for kind in ("decision", "delivery")
    }
    for change in CHANGES:
        with pytest.raises(psycopg.Error) as refused, acting(admin_url, role, tenant.tenant_id) as connection:
            connection.execute(change.format(**parts).encode())
        assert refused.value.sqlstate in {"LEO03", "42501"}, change
    assert await counts(world) == before


async def test_the_application_writes_the_archive_by_the_function_alone(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    for statement in (
        "INSERT INTO archive_decision SELECT * FROM archive_decision",
        "INSERT INTO archive_delivery SELECT * FROM archive_delivery",
        "SELECT * FROM archive_delivery_03",
    ):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            acting(admin_url, "leo_app", tenant.tenant_id) as connection,
        ):
            connection.execute(statement.encode())


async def test_another_tenants_archive_is_not_there(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    world = await aged(db, tenant)
    assert await archived(world, tenant_id=other_tenant.tenant_id) == NOTHING
    await archived(world)
    assert set((await counts(World(db, other_tenant))).values()) == {0}


async def test_two_at_once_archive_each_record_once(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "AT_ONCE", 3)
    world = await aged(db, tenant, people=20)
    one, other = await asyncio.gather(archived(world), archived(world))
    assert one + other == Moved(20, 20)
    assert (await counts(world))["old_attempts"] == 80
    assert await world.graph_differences() == 0
    assert (await verified(world)).finding is None


async def test_killed_in_the_middle_nothing_is_lost_or_doubled(
    db: Database, tenant: Tenant, admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "AT_ONCE", 4)
    world = await aged(db, tenant, people=12)
    # The second part waits for a message that somebody holds, and its session is ended there.
    with acting(admin_url, "leo_app", tenant.tenant_id) as holder:
        holder.execute("SELECT FROM delivery_log ORDER BY decision_id DESC LIMIT 1 OFFSET 5 FOR UPDATE")
        with pytest.raises(LeoError):
            await asyncio.gather(archived(world), asyncio.to_thread(_end_who_waits, admin_url))
    found = await counts(world)
    assert (found["decisions"], found["old_decisions"]) == (8, 4)
    assert (found["attempts"], found["old_attempts"]) == (32, 16)
    assert await world.graph_differences() == 0
    assert (await verified(world)).finding is None
    assert await archived(world) == Moved(8, 8)
    assert (await verified(world)).records == 36


def _end_who_waits(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for _ in range(500):
            ended = values(
                connection,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%%leo_archive(%%'",
            )
            if ended:
                return
            connection.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waited")


async def test_an_answer_and_the_archive_wait_for_each_other(db: Database, tenant: Tenant) -> None:
    """Whichever comes first, the outcome is there and refers to where its delivery is."""
    world = await aged(db, tenant)
    async with db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at) "
            "SELECT tenant_id, delivery_id, profile_id, 'read', 'late', now() FROM delivery_log"
        )
        move = asyncio.create_task(archived(world))
        await asyncio.sleep(0.1)
        assert not move.done()
    assert await move == Moved(4, 4)
    assert await world.one("SELECT count(*) FROM outcome WHERE delivery_archived") == 8
    assert await world.graph_differences() == 0


async def test_a_tenant_goes_with_its_archive(db: Database, tenant: Tenant, admin_url: str) -> None:
    world = await aged(db, tenant)
    await archived(world)
    with acting(admin_url, "leo_owner") as connection:
        (removed,) = values(connection, "SELECT leo_drop_tenant(%s, 'test')", tenant.tenant_id)
    assert (removed["archive_decision"], removed["archive_delivery"]) == (4, 4)
    assert set((await counts(world)).values()) == {0}


async def test_new_decisions_are_live(db: Database, tenant: Tenant) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    assert await archived(world) == NOTHING
    assert AGO > timedelta(days=archive.KEEP_DAYS)
