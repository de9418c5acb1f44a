"""The archive keeps what it took: whoever changes it, is killed over it or asks at the same time."""

import asyncio
from functools import partial

import psycopg
import pytest

from engine.archive import Moved, move
from engine.db import Database
from engine.privacy import erase_profile
from rules.errors import LeoError
from tests.conftest import Tenant
from tests.engine.acting import ROLES, acting, values
from tests.engine.aged import NOTHING, again, aged, archived, asked, counts
from tests.engine.ledger import forge, verified
from tests.engine.world import World


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
    part = await world.one(f"SELECT tableoid::regclass::text FROM {table} LIMIT 1")  # noqa: S608
    record_id = await world.one(f"SELECT min({key}_id) FROM {table}")  # noqa: S608
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
        f"{kind}_part": await world.one(f"SELECT tableoid::regclass::text FROM archive_{kind} LIMIT 1")  # noqa: S608
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
        "INSERT INTO archive_delivery_03 SELECT * FROM archive_delivery",
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
    monkeypatch.setattr(move, "AT_ONCE", 3)
    world = await aged(db, tenant, people=20)
    one, other = await asyncio.gather(archived(world), archived(world))
    assert one + other == Moved(20, 20)
    assert (await counts(world))["old_attempts"] == 80
    assert await world.graph_differences() == 0
    assert (await verified(world)).finding is None


async def test_killed_in_the_middle_nothing_is_lost_or_doubled(
    db: Database, tenant: Tenant, admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "AT_ONCE", 4)
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


@pytest.mark.parametrize("first", ["erasing", "archiving"])
async def test_nobody_is_moved_while_they_are_erased(db: Database, tenant: Tenant, admin_url: str, first: str) -> None:
    """Whichever comes first, what is in the archive is what is left."""
    world = await aged(db, tenant)
    erase = partial(erase_profile, ext_id="kh-1", reason="asked", by="test")
    move = "SELECT * FROM leo_archive(now() - interval '400 days', 0, 100)"
    async with db.transaction(tenant.tenant_id) as conn:
        await (erase(conn) if first == "erasing" else conn.execute(move))
        other = asyncio.create_task(archived(world) if first == "erasing" else asked(world, erase))
        await asyncio.sleep(0.1)
        assert not other.done()
    await other
    with acting(admin_url, "superuser") as connection:
        for table in ("archive_decision", "archive_delivery"):
            rows = values(connection, f"SELECT t::text FROM {table} t WHERE tenant_id = %s", tenant.tenant_id)  # noqa: S608
            assert len(rows) == 4
            assert not [row for row in rows if "kh-1" in row]
    assert (await verified(world)).finding is None


async def test_a_tenant_goes_with_its_archive(db: Database, tenant: Tenant, admin_url: str) -> None:
    world = await aged(db, tenant)
    await archived(world)
    with acting(admin_url, "leo_owner") as connection:
        (removed,) = values(connection, "SELECT leo_drop_tenant(%s, 'test')", tenant.tenant_id)
    assert (removed["archive_decision"], removed["archive_delivery"]) == (4, 4)
    assert set((await counts(world)).values()) == {0}


async def test_comparing_the_graph_does_not_read_past_the_outcomes_of_the_archive(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await aged(db, tenant)
    (person,) = await world.rows("SELECT tenant_id, profile_id FROM cdp_profiles LIMIT 1")
    with psycopg.connect(admin_url) as connection:
        # What is copied is the archive's already: neither the mirror nor the references are asked, and nothing is kept.
        connection.execute("ALTER TABLE outcome DISABLE TRIGGER USER")
        connection.execute(
            "INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at, delivery_archived) "
            "SELECT %(tenant_id)s, 900000000 + n, %(profile_id)s, 'read', n::text, now(), true "
            "FROM generate_series(1, 20000) n",
            person,
        )
        connection.execute("ANALYZE outcome")
        connection.execute("SELECT set_config('leo.tenant', %s, true)", (str(tenant.tenant_id),))
        connection.execute("SELECT set_config('search_path', leo_graph_path(leo_graph()), true)")
        row = connection.execute("SELECT compare_sql FROM graph_element WHERE label = 'Outcome'").fetchone()
        assert row is not None
        plan = "\n".join(one[0] for one in connection.execute("EXPLAIN (ANALYZE) " + row[0]))
        connection.rollback()
    assert "outcome_live_idx" in plan, plan
    assert "Rows Removed by Filter" not in plan, plan
