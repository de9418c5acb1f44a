"""The archive: what is old and over leaves the live tables and the graph, and nothing else does."""

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from engine import archive, trace
from engine.archive import Moved, Retention
from engine.db import Database
from engine.settings import Settings
from graph import mirror
from rules.errors import InvalidInput
from tests.conftest import Tenant
from tests.engine.acting import acting
from tests.engine.aged import AGO, KEEP, NOTHING, again, aged, archived, asked, counts
from tests.engine.ledger import recorded, sealed, verified
from tests.engine.worker_process import WorkerProcess, until
from tests.engine.world import simple_world


async def test_what_is_old_moves_and_the_ledger_is_whole(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    before = await verified(world)
    assert await archived(world) == Moved(4, 4)
    assert await counts(world) == {
        **dict.fromkeys(("decisions", "deliveries", "attempts"), 0),
        "old_decisions": 4,
        "old_deliveries": 4,
        "old_attempts": 16,
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
    for label in ("Decision", "Delivery", "Outcome", "RESULTED_IN", "DECIDED_FOR"):
        assert await world.one(f'SELECT count(*) FROM {tenant.graph}."{label}"') == 0  # noqa: S608


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
    await world.rows(STAYS[why])
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


async def test_new_decisions_are_live(db: Database, tenant: Tenant) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    assert await archived(world) == NOTHING
    assert timedelta(days=archive.KEEP_DAYS) < AGO


async def test_a_worker_archives_by_the_clock(db: Database, tenant: Tenant, settings: Settings, tmp_path: Path) -> None:
    world = await aged(db, tenant)
    await asked(world, archive.keep, days=KEEP)
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    worker = WorkerProcess("bulk", environment, tmp_path / "worker.log")
    await worker.ready()

    async def is_archived() -> bool:
        return (await counts(world))["old_decisions"] == 4

    try:
        await until(is_archived, seconds=20)
    finally:
        assert await worker.stop() == 0, worker.log_file.read_text(encoding="utf-8")
    assert await world.graph_differences() == 0
