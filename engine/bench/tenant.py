"""The tenant that benchmarks decide in: its people, its runs, its ledger."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from engine.audit import Verified, seal, verify
from engine.bench import Place
from engine.bench.campaign import vacuum
from engine.campaigns import start_run
from engine.db import Database
from engine.decide import BatchState, decide_batch
from engine.lanes import DECIDING
from engine.queries import queries
from rules.errors import Conflict
from rules.policy import DEFAULT_POLICY
from rules.words import Channel, Lane, RunKind

# People written per statement, and decided for per transaction.
PART = 50_000
BATCH = 500
CHANNELS = (
    *(Channel.EMAIL, Channel.ZALO_OA, Channel.ZALO_TEMPLATE),
    *(Channel.FACEBOOK, Channel.TELEGRAM, Channel.APP_PUSH),
)
# Every gate has something to look at, and most people pass: the most expensive case.
POLICY: Mapping[str, Any] = {
    **DEFAULT_POLICY,
    "eligibility": [{"name": "of age", "when": {"attribute": "age", "at_least": 18}}],
    "costs": {channel.value: 200.0 for channel in CHANNELS},
    "caps": [
        {"limit": 1, "days": 1},
        {"limit": 3, "days": 7},
        {"limit": 2, "per": "week", "scope": "channel"},
    ],
    "control_share": 0.02,
}
# The horizon advances in at most this many calls: a barrier behind an old mark, its passing, and the same for a new
# mark.
_STEPS = 5
_SQL = queries("bench_decide")


@dataclass(frozen=True, slots=True)
class Bench:
    """The benchmark's tenant; `now` is ten in the morning there, whenever the benchmark runs."""

    place: Place
    db: Database
    tenant_id: UUID
    campaign_id: int
    now: datetime


async def begin(place: Place, db: Database) -> Bench:
    """Make the tenant, its channels, templates and campaign."""
    tenant_id = uuid4()
    async with db.transaction(tenant_id) as conn:
        await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": "bench"})
        row = await (
            await conn.execute(_SQL["campaign"], {"channels": list(CHANNELS), "policy": Jsonb(dict(POLICY))})
        ).fetchone()
    morning = datetime.combine(datetime.now(UTC).date(), time(3), tzinfo=UTC)
    return Bench(place, db, tenant_id, row["campaign_id"] if row else 0, morning)


async def fill(bench: Bench, *, first: int, last: int) -> None:
    """Write people who agreed to everything and can be reached on every channel."""
    for begin in range(first, last + 1, PART):
        bench.place.say(f"writing {last:,} people: {begin - 1:,}")
        async with bench.db.transaction(bench.tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            values = {"first": begin, "last": min(begin + PART - 1, last), "channels": list(CHANNELS)}
            await conn.execute(_SQL["people"], values)
    vacuum(bench.place.admin_url)


async def start(bench: Bench, profile_ids: Sequence[int]) -> Sequence[int]:
    """Start a run for people; gives its batches."""
    async with bench.db.transaction(bench.tenant_id) as conn:
        started = await start_run(
            conn,
            tenant_id=bench.tenant_id,
            campaign_id=bench.campaign_id,
            kind=RunKind.REQUEST,
            lane=Lane.BULK,
            profile_ids=profile_ids,
        )
    return started.batch_ids


async def decide_all(bench: Bench, batch_ids: Sequence[int], *, least: int = BATCH // 2) -> None:
    """Decide batches as one worker does, this many at once; `least` is the fewest messages that one may give."""
    waiting = iter(batch_ids)

    async def decide() -> None:
        for batch_id in waiting:
            async with bench.db.transaction(bench.tenant_id) as conn:
                done = await decide_batch(conn, tenant_id=bench.tenant_id, batch_id=batch_id, now=bench.now)
            if done.state is not BatchState.DECIDED or done.deliveries < least:
                raise Conflict(f"Batch {batch_id} came to {done}.", remedy="Run it again and report it.")

    await asyncio.gather(*(decide() for _ in range(DECIDING)))


async def seal_all(bench: Bench) -> int:
    """Seal everything, one transaction per batch as the worker does; gives the number of records."""
    records = idle = 0
    while idle < _STEPS:
        async with bench.db.transaction(bench.tenant_id) as conn:
            sealed = await seal(conn, tenant_id=bench.tenant_id, grace_s=0)
        records += sealed.records
        idle = 0 if sealed.batches else idle + 1
    return records


async def verify_all(bench: Bench, *, least: int) -> Verified:
    """Recompute the ledger; raises Conflict if it is not whole, or has fewer records than `least`."""
    async with bench.db.transaction(bench.tenant_id, read_only=True) as conn:
        verified = await verify(conn, tenant_id=bench.tenant_id)
    if verified.finding is not None or verified.records < least:
        raise Conflict(f"The ledger came to {verified}.", remedy="Run it again and report it.")
    return verified
