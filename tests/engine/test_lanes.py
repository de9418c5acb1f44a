"""Lanes: urgent work goes first, and bulk goes on all the same."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis

from engine import lanes
from rules.words import Lane


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[ArqRedis]:
    found = lanes.connect(redis_url, lane=Lane.BULK)
    await found.flushdb()
    yield found
    await found.aclose()


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
