"""Clocks that are wrong: work goes by the database's time, whatever the host's own clock says or jumps to."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from arq.connections import ArqRedis

from engine import clock, lanes
from engine.db import Database
from engine.dispatch import Adapters
from engine.worker.jobs import Hands
from engine.worker.sweep import Sweeper
from rules.words import Lane
from tests.conftest import Tenant
from tests.engine.acts import Act
from tests.engine.wall import Wall


@pytest.fixture(params=[timedelta(hours=1), timedelta(hours=-1)], ids=["an hour ahead", "an hour behind"])
def wall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[timedelta]:
    monkeypatch.setattr(clock, "datetime", Wall)
    monkeypatch.setattr(Wall, "ahead", request.param)
    # Whoever ran before in this process may have looked.
    clock.forget()
    yield request.param
    clock.forget()


async def test_after_a_look_the_time_is_the_databases_however_the_hosts_clock_jumps(
    db: Database, wall: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert abs(clock.now() - datetime.now(UTC) - wall) < timedelta(seconds=5)
    ahead_s = await clock.look(db)
    assert abs(ahead_s - wall.total_seconds()) < 5
    async with db.before_tenant() as conn:
        row = await (await conn.execute("SELECT clock_timestamp() AS at")).fetchone()
    assert row is not None
    assert abs(clock.now() - row["at"]) < timedelta(seconds=1)
    monkeypatch.setattr(Wall, "ahead", timedelta(days=-400))
    assert abs(clock.now() - row["at"]) < timedelta(seconds=2)


@pytest.mark.usefixtures("wall")
async def test_what_another_worker_has_in_hand_is_left_to_it_and_what_waits_is_not_sent_early(
    act: Act, adapters: Adapters, client: ArqRedis
) -> None:
    await act.queue(4)
    world = act.world
    await world.rows(
        """
        UPDATE delivery_log SET status = 'sending', lease_owner = 'api@other', lease_until = now() + interval '60 s'
        WHERE delivery_id = (SELECT min(delivery_id) FROM delivery_log)
        """
    )
    await world.rows("UPDATE delivery_log SET due_at = now() + interval '30 min' WHERE status = 'queued'")
    soon = "UPDATE delivery_log SET due_at = now() WHERE delivery_id = (SELECT max(delivery_id) FROM delivery_log)"
    await world.rows(soon)
    hands = Hands(world.db, adapters, client, lane=Lane.BULK, owner="worker-bulk@this")
    await Sweeper(hands).sweep()
    assert (await act.send()).sent == 1
    assert await world.statuses() == {"sending": 1, "queued": 2, "sent": 1}
    assert len(await act.sandbox.messages()) == 1
    await client.aclose()


async def test_a_bell_that_was_rung_by_a_clock_ahead_is_heard_now(client: ArqRedis, tenant: Tenant) -> None:
    name, queue = f"{tenant.slug}:0", lanes.queue_name(Lane.BULK)
    hour_ms = 3_600_000
    await client.enqueue_job("decide", str(tenant.tenant_id), 1, _job_id=name, _queue_name=queue, _defer_by=3600)
    assert await client.zscore(queue, name) > datetime.now(UTC).timestamp() * 1000 + hour_ms / 2
    assert not await lanes.ring(client, Lane.BULK, "decide", str(tenant.tenant_id), 1, job_id=name)
    assert await client.zscore(queue, name) <= datetime.now(UTC).timestamp() * 1000 + 1
    first = await client.zscore(queue, name)
    await asyncio.sleep(0.01)
    await lanes.ring(client, Lane.BULK, "decide", str(tenant.tenant_id), 1, job_id=name)
    assert await client.zscore(queue, name) == first
    await client.aclose()
