"""Lanes: urgent work goes first, and bulk goes on all the same."""

import asyncio
import time
from uuid import uuid4

import pytest
from arq.connections import ArqRedis

from engine import lanes
from rules.words import Lane


async def urgent(client: ArqRedis, count: int, *, after_s: float | None = None) -> None:
    for number in range(count):
        await lanes.ring(client, Lane.REALTIME, lanes.DECIDE, "t", number, job_id=str(number), after_s=after_s)
    # A job is due from its millisecond on, which may be rounded up.
    await asyncio.sleep(0.01)


async def took_s(client: ArqRedis, lane: Lane) -> float:
    started = time.monotonic()
    await lanes.give_way(client, lane)
    return time.monotonic() - started


async def test_bulk_goes_on_at_once_where_few_urgent_jobs_are_due(client: ArqRedis) -> None:
    await urgent(client, lanes.FEW_URGENT)
    assert await took_s(client, Lane.BULK) < lanes.PATIENCE_S / 2


async def test_jobs_for_later_keep_nobody_waiting(client: ArqRedis) -> None:
    await urgent(client, lanes.FEW_URGENT + 5, after_s=60)
    assert await took_s(client, Lane.BULK) < lanes.PATIENCE_S / 2


async def test_bulk_waits_until_urgent_jobs_are_done(client: ArqRedis) -> None:
    await urgent(client, lanes.FEW_URGENT + 1)
    waiting = asyncio.create_task(lanes.give_way(client, Lane.BULK))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await client.zrem(lanes.queue_name(Lane.REALTIME), "0")
    await asyncio.wait_for(waiting, timeout=lanes.PATIENCE_S)


async def test_bulk_never_stands_still(client: ArqRedis) -> None:
    await urgent(client, lanes.FEW_URGENT + 1)
    assert lanes.PATIENCE_S <= await took_s(client, Lane.BULK) < lanes.PATIENCE_S * 3


async def test_urgent_work_waits_for_nothing(client: ArqRedis) -> None:
    await urgent(client, lanes.FEW_URGENT + 1)
    assert await took_s(client, Lane.REALTIME) < lanes.PATIENCE_S / 2


async def test_without_redis_bulk_goes_on() -> None:
    client = lanes.connect("redis://127.0.0.1:1/0")
    assert await took_s(client, Lane.BULK) < lanes.PATIENCE_S * 3
    await client.aclose()


async def test_urgent_batches_are_taken_once_and_in_order(client: ArqRedis) -> None:
    tenant_id = uuid4()
    await lanes.ring_batches(client, lane=Lane.REALTIME, tenant_id=tenant_id, batch_ids=[3, 1])
    await lanes.ring_batches(client, lane=Lane.REALTIME, tenant_id=tenant_id, batch_ids=[2])
    assert await lanes.take_urgent(client, 2) == [(tenant_id, 3), (tenant_id, 1)]
    assert await lanes.take_urgent(client, 2) == [(tenant_id, 2)]


async def test_who_waits_for_urgent_batches_hears_of_them_at_once(client: ArqRedis) -> None:
    waiting = asyncio.create_task(lanes.take_urgent(client, 2))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await lanes.ring_batches(client, lane=Lane.REALTIME, tenant_id=uuid4(), batch_ids=[1])
    assert len(await waiting) == 1
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("taken_before", [0, 10])
async def test_bulk_waits_for_urgent_batches_until_they_are_out_of_hand(client: ArqRedis, taken_before: int) -> None:
    assert not await lanes.are_urgent_lately(client)
    for _ in range(2):
        await lanes.ring_batches(client, lane=Lane.REALTIME, tenant_id=uuid4(), batch_ids=[1, 2])
    assert await lanes.are_urgent_lately(client)
    taken = await lanes.take_urgent(client, taken_before) if taken_before else []
    waiting = asyncio.create_task(lanes.give_way(client, Lane.BULK))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await lanes.let_go(client, taken or await lanes.take_urgent(client, 10))
    await asyncio.wait_for(waiting, timeout=lanes.PATIENCE_S)
