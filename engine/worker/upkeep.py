"""Looking after a tenant's own data: people to look at again, segments to refresh, sources to take from.

What is due stands in PostgreSQL; the sweeper rings for it. Rechecks are work of the realtime lane, for somebody waits
for them; refreshes and syncs are bulk work, each a job of its own so that a long one keeps nothing else waiting.
"""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from arq.worker import Function, func

from engine import identity, lanes
from engine.embeddings import embed_profiles
from engine.idempotency import forget_expired
from engine.ingest.sync import sync_due
from engine.queries import queries
from engine.segments import refresh_segment
from engine.segments.recheck import recheck_due
from engine.segments.runs import Started
from engine.segments.store import put_off
from engine.worker.jobs import Hands
from rules.errors import LeoError
from rules.words import Cause, Lane

# A recheck takes some milliseconds a person; what is left after so many steps is rung for again, behind other tenants.
STEPS = 20
# A sync of a million people takes minutes. One that is cut off goes on from the page it had reached.
SYNC_TIMEOUT_S = 6 * 3600
REFRESH_TIMEOUT_S = 1800
EMBEDDED_AT_ONCE = 1_000
TIDY_EVERY_S = 3600.0
# How often a job that is due is rung for while it is due: two at once only find each other's rows locked.
EVERY_S: Mapping[Lane, Mapping[str, float]] = {
    Lane.REALTIME: {lanes.RECHECK: 1.0},
    Lane.BULK: {lanes.REFRESH: 10.0, lanes.SYNC: 60.0},
}

log = logging.getLogger("leo.worker")


def functions(lane: Lane) -> list[Function]:
    """Give the jobs of a lane."""
    if lane is Lane.REALTIME:
        return [func(recheck, name=lanes.RECHECK, max_tries=2)]
    return [
        func(refresh, name=lanes.REFRESH, max_tries=2, timeout=REFRESH_TIMEOUT_S),
        func(sync, name=lanes.SYNC, max_tries=2, timeout=SYNC_TIMEOUT_S),
    ]


async def recheck(ctx: dict[str, Any], tenant_id: str) -> None:
    """Look again at the people whom events or changes may have moved, and ring for the runs that this starts."""
    hands: Hands = ctx["hands"]
    tenant = UUID(tenant_id)
    for _ in range(STEPS):
        try:
            async with hands.db.transaction(tenant) as conn:
                rechecked = await recheck_due(conn, tenant_id=tenant, now=datetime.now(UTC))
        except LeoError as error:
            _tell_failed(lanes.RECHECK, tenant_id, error)
            return
        if not rechecked.people:
            return
        await _ring(hands, tenant, rechecked.started)


async def refresh(ctx: dict[str, Any], tenant_id: str) -> None:
    """Refresh the tenant's segments whose time has come, one by one."""
    hands: Hands = ctx["hands"]
    tenant = UUID(tenant_id)
    while not hands.stop.is_set():
        async with hands.db.transaction(tenant) as conn:
            due = await (await conn.execute(queries("segments")["due"], {"now": datetime.now(UTC)})).fetchone()
        if due is None:
            return
        started = time.perf_counter()
        try:
            async with hands.db.transaction(tenant) as conn:
                diff = await refresh_segment(conn, tenant_id=tenant, segment_id=due["segment_id"], cause=Cause.SCHEDULE)
        except LeoError as error:
            _tell_failed(lanes.REFRESH, tenant_id, error, segment=due["key"])
            # Its next time, not this one again and again.
            async with hands.db.transaction(tenant) as conn:
                await put_off(conn, tenant_id=tenant, segment_id=due["segment_id"], now=datetime.now(UTC))
            continue
        counts = {"joined": diff.joined, "left": diff.left, "size": diff.size}
        took = {"ms": round((time.perf_counter() - started) * 1000, 1)}
        log.info("segment refreshed", extra={"tenant": tenant_id, "segment": due["key"], **counts, **took})
        await _ring(hands, tenant, diff.started)


async def sync(ctx: dict[str, Any], tenant_id: str) -> None:
    """Take from the tenant's sources whose time has come; then find duplicates among, and embed, who changed."""
    hands: Hands = ctx["hands"]
    tenant = UUID(tenant_id)
    try:
        done = await sync_due(hands.db, hands.adapters.vault, tenant_id=tenant, now=datetime.now(UTC))
        if not done:
            return
        async with hands.db.transaction(tenant) as conn:
            found = await identity.find_duplicates(conn, tenant_id=tenant)
        if found.new:
            log.info("duplicates proposed", extra={"tenant": tenant_id, "pairs": found.new})
        await _embed(hands, tenant)
    except LeoError as error:
        _tell_failed(lanes.SYNC, tenant_id, error)


async def tidy(hands: Hands) -> None:
    """Forget answers that are kept for repeated requests longer than promised."""
    async with hands.db.before_tenant() as conn:
        rows = await (await conn.execute(queries("lanes")["tenants"])).fetchall()
    for row in rows:
        async with hands.db.transaction(row["tenant_id"]) as conn:
            await forget_expired(conn, tenant_id=row["tenant_id"])


async def ring_upkeep(hands: Hands) -> None:
    """Ask for what is due in this lane; raises RedisError."""
    async with hands.db.before_tenant() as conn:
        rows = await (await conn.execute(queries("lanes")["upkeep"], {"now": datetime.now(UTC)})).fetchall()
    for row in rows:
        tenant_id = row["tenant_id"]
        due = {lanes.RECHECK: row["rechecks"], lanes.REFRESH: row["segments"], lanes.SYNC: row["sources"]}
        for job, every_s in EVERY_S[hands.lane].items():
            if due[job]:
                await lanes.ring_upkeep(hands.client, hands.lane, job, tenant_id, every_s=every_s)


async def _embed(hands: Hands, tenant_id: UUID) -> None:
    """Embed who changed, a few at a time: nobody waits for it, and others wait for the connection."""
    looked_at = EMBEDDED_AT_ONCE
    while looked_at == EMBEDDED_AT_ONCE and not hands.stop.is_set():
        async with hands.db.transaction(tenant_id) as conn:
            looked_at = await embed_profiles(conn, tenant_id=tenant_id, most=EMBEDDED_AT_ONCE)


async def _ring(hands: Hands, tenant_id: UUID, started: Started) -> None:
    for lane in Lane:
        if batch_ids := started.of(lane):
            await lanes.ring_batches(hands.client, lane=lane, tenant_id=tenant_id, batch_ids=batch_ids)


def _tell_failed(job: str, tenant_id: str, error: LeoError, **about: str) -> None:
    extra = {"job": job, "tenant": tenant_id, "code": error.code, "error": str(error)}
    log.error("upkeep failed", extra=extra | about)
