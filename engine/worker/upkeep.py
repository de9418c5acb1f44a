"""Looking after a tenant's own data: people to check again, segments to refresh, sources to read from.

What is due is in PostgreSQL; the sweeper rings for it. Rechecks are work of the realtime lane, because somebody waits
for them; the rest is bulk work, each a job of its own, so that a long one keeps nothing else waiting.
"""

import logging
import time
from datetime import datetime
from typing import Any
from uuid import UUID

from arq.worker import Function, func
from psycopg.rows import DictRow

from engine import audit, callbacks, clock, explorer, identity, inbox, lanes, memory, outbox, tokens
from engine.embeddings import centre_compared, embed_profiles
from engine.idempotency import forget_expired
from engine.ingest.sync import sync_due
from engine.metrics import fold
from engine.queries import queries
from engine.segments import refresh_segment
from engine.segments.recheck import recheck_due
from engine.segments.runs import Started
from engine.segments.store import put_off
from engine.think.answers import KEPT, forget
from engine.worker.archive import TIMEOUT_S as ARCHIVE_TIMEOUT_S
from engine.worker.archive import archive_old
from engine.worker.jobs import Hands
from engine.worker.rounds import for_each_tenant, tell_failed
from engine.worker.schedule import by_clock
from rules.errors import LeoError
from rules.words import Cause, Lane

# A recheck takes some milliseconds per person; what is left after this many steps is rung for again, behind other
# tenants.
STEPS = 20
# A sync of a million people takes minutes. One that is cut off continues from the page it had reached.
SYNC_TIMEOUT_S = 6 * 3600
REFRESH_TIMEOUT_S = 1800
EMBED_TIMEOUT_S = 3600
# A second's work.
EMBEDDED_AT_ONCE = 2_000
# As many texts as Gemini takes in one call.
REMEMBERED_AT_ONCE = 100
# One transaction looks for duplicates of this many: a tenth of a second.
COMPARED_AT_ONCE = 5_000
# How often a due job is rung for: two at once would only find each other's rows locked.
RECHECK_EVERY_S = 1.0
TOKENS_EVERY_S = 5.0

_SQL = queries("upkeep")
log = logging.getLogger("leo.worker")


def functions(lane: Lane) -> list[Function]:
    """Give the jobs of a lane."""
    if lane is Lane.REALTIME:
        return [func(recheck, name=lanes.RECHECK, max_tries=2), func(look_at_tokens, name=lanes.TOKENS, max_tries=2)]
    return [
        func(refresh, name=lanes.REFRESH, max_tries=2, timeout=REFRESH_TIMEOUT_S),
        func(sync, name=lanes.SYNC, max_tries=2, timeout=SYNC_TIMEOUT_S),
        by_clock(lanes.EMBED, embed, timeout_s=EMBED_TIMEOUT_S),
        by_clock(lanes.TIDY, tidy),
        by_clock(lanes.SEAL, seal),
        by_clock(lanes.TALLY, tally),
        by_clock(lanes.ARCHIVE, archive_old, timeout_s=ARCHIVE_TIMEOUT_S),
    ]


async def ring_due(hands: Hands) -> None:
    """Ask for what somebody waits for; raises RedisError. Jobs by the clock are engine/worker/schedule.py's."""
    if hands.lane is not Lane.REALTIME:
        return
    async with hands.db.before_tenant() as conn:
        rows = await (await conn.execute(_SQL["due"], {"now": clock.now()})).fetchall()
    await ring_tokens(hands)
    for tenant_id in [row["tenant_id"] for row in rows if row["rechecks"]]:
        await lanes.ring_upkeep(hands.client, hands.lane, lanes.RECHECK, str(tenant_id), every_s=RECHECK_EVERY_S)


async def ring_tokens(hands: Hands) -> None:
    """Ask for tokens to be looked at, in the lane that somebody waits for; raises RedisError."""
    async with hands.db.before_tenant() as conn:
        rows = await (await conn.execute(queries("tokens")["tenants"], {"now": clock.now()})).fetchall()
    for row in rows:
        await lanes.ring_upkeep(hands.client, hands.lane, lanes.TOKENS, str(row["tenant_id"]), every_s=TOKENS_EVERY_S)


async def look_at_tokens(ctx: dict[str, Any], tenant_id: str) -> None:
    """Renew the tokens of a tenant's channels that are due."""
    hands: Hands = ctx["hands"]
    tenant = UUID(tenant_id)
    try:
        await tokens.renew_due(
            hands.db,
            hands.adapters.vault,
            tenant_id=tenant,
            now=clock.now(),
            egress=hands.adapters.egress,
            is_stopping=hands.stop.is_set,
        )
    except Exception as error:  # noqa: BLE001 - a worker goes on, and reports it
        tell_failed(lanes.TOKENS, tenant, error)


async def recheck(ctx: dict[str, Any], tenant_id: str) -> None:
    """Check again the people whom events or changes may have moved, and ring for the runs that this starts."""
    hands: Hands = ctx["hands"]
    tenant = UUID(tenant_id)
    for _ in range(STEPS):
        try:
            async with hands.db.transaction(tenant) as conn:
                rechecked = await recheck_due(conn, tenant_id=tenant, now=clock.now())
        except Exception as error:  # noqa: BLE001 - a worker goes on, and reports it
            tell_failed(lanes.RECHECK, tenant, error)
            return
        if not rechecked.people:
            return
        await _ring(hands, tenant, rechecked.started)


async def refresh(ctx: dict[str, Any], tenant_id: str) -> None:
    """Refresh the tenant's segments that are due, one by one."""
    hands: Hands = ctx["hands"]
    while not hands.stop.is_set():
        if not await _refresh_next(hands, UUID(tenant_id)):
            return


async def sync(ctx: dict[str, Any], tenant_id: str) -> None:
    """Read from the tenant's sources that are due, after those of other tenants that this worker is reading from."""
    hands: Hands = ctx["hands"]
    hands.to_sync[UUID(tenant_id)] = None
    if hands.syncing.locked():
        return
    async with hands.syncing:
        while hands.to_sync and not hands.stop.is_set():
            tenant = next(iter(hands.to_sync))
            del hands.to_sync[tenant]
            try:
                await _sync(hands, tenant)
            except Exception as error:  # noqa: BLE001 - a worker goes on, and reports it
                tell_failed(lanes.SYNC, tenant, error)


async def embed(ctx: dict[str, Any]) -> None:
    """Embed people and texts that changed, of every tenant, while nobody waits for this lane."""
    await for_each_tenant(ctx["hands"], lanes.EMBED, _embed_and_remember)


async def tidy(ctx: dict[str, Any]) -> None:
    """Remove what is kept longer than promised: answers, queries, callbacks, inboxes, and what CDPs were told."""
    await for_each_tenant(ctx["hands"], lanes.TIDY, _tidy)


async def tally(ctx: dict[str, Any]) -> None:
    """Sum up the counts of every tenant."""
    await for_each_tenant(ctx["hands"], lanes.TALLY, _tally)


async def _tidy(hands: Hands, tenant_id: UUID) -> None:
    async with hands.db.transaction(tenant_id) as conn:
        await forget_expired(conn, tenant_id=tenant_id)
        await forget(conn, before=clock.now() - KEPT)
        await explorer.prune(conn, now=clock.now())
        await callbacks.forget(conn, before=clock.now() - callbacks.KEPT)
        await inbox.forget(conn, before=clock.now() - inbox.KEPT)
        await outbox.forget(conn, before=clock.now() - outbox.KEPT)


async def _tally(hands: Hands, tenant_id: UUID) -> None:
    async with hands.db.transaction(tenant_id) as conn:
        await fold(conn)


async def _refresh_next(hands: Hands, tenant_id: UUID) -> bool:
    """Refresh the segment that has been due the longest; False if there is none, or nothing can be done."""
    due: DictRow | None = None
    started = time.perf_counter()
    try:
        async with hands.db.transaction(tenant_id) as conn:
            values = {"now": clock.now()}
            due = await (await conn.execute(queries("segments")["due"], values)).fetchone()
            if due is None:
                return False
            diff = await refresh_segment(conn, tenant_id=tenant_id, segment_id=due["segment_id"], cause=Cause.SCHEDULE)
    except Exception as error:  # noqa: BLE001 - a worker goes on, and reports it
        if due is None:
            tell_failed(lanes.REFRESH, tenant_id, error)
            return False
        tell_failed(lanes.REFRESH, tenant_id, error, segment=due["key"])
        return await _put_off(hands, tenant_id, due["segment_id"])
    counts = {"joined": diff.joined, "left": diff.left, "size": diff.size}
    took = {"ms": round((time.perf_counter() - started) * 1000, 1)}
    log.info("segment refreshed", extra={"tenant": str(tenant_id), "segment": due["key"], **counts, **took})
    await _ring(hands, tenant_id, diff.started)
    return True


async def _put_off(hands: Hands, tenant_id: UUID, segment_id: int) -> bool:
    """Let a segment that cannot be refreshed wait for its next time, or it would be tried again and again."""
    try:
        async with hands.db.transaction(tenant_id) as conn:
            await put_off(conn, tenant_id=tenant_id, segment_id=segment_id, now=clock.now())
    except LeoError as error:
        tell_failed(lanes.REFRESH, tenant_id, error)
        return False
    return True


async def _sync(hands: Hands, tenant_id: UUID) -> None:
    async with hands.db.transaction(tenant_id) as conn:
        last = await (await conn.execute(_SQL["last_sync"], {"tenant_id": tenant_id})).fetchone() or {}
    done = await sync_due(hands.db, hands.adapters.vault, tenant_id=tenant_id, now=clock.now())
    if done:
        # Also those of runs that were cut off in between.
        await _find_duplicates(hands, tenant_id, since=last["started_at"])


async def _find_duplicates(hands: Hands, tenant_id: UUID, *, since: datetime | None) -> None:
    new, after = 0, 0
    while not hands.stop.is_set():
        async with hands.db.transaction(tenant_id) as conn:
            values = {"since": since, "after": after, "most": COMPARED_AT_ONCE}
            ids = [row["profile_id"] for row in await (await conn.execute(_SQL["written_since"], values)).fetchall()]
            if not ids:
                break
            found = await identity.find_duplicates(conn, tenant_id=tenant_id, profile_ids=ids)
        new, after = new + found.new, ids[-1]
    if new:
        log.info("duplicates proposed", extra={"tenant": str(tenant_id), "pairs": new})


async def seal(ctx: dict[str, Any]) -> None:
    """Seal the final records of every tenant into its ledger."""
    await for_each_tenant(ctx["hands"], lanes.SEAL, _seal)


async def _seal(hands: Hands, tenant_id: UUID) -> None:
    is_behind = True
    while is_behind and not hands.stop.is_set():
        async with hands.db.transaction(tenant_id) as conn:
            is_behind = (await audit.seal(conn, tenant_id=tenant_id)).is_behind


async def _embed_and_remember(hands: Hands, tenant_id: UUID) -> None:
    await _embed(hands, tenant_id)
    await _remember(hands, tenant_id)


async def _embed(hands: Hands, tenant_id: UUID) -> None:
    some, looked_at = False, EMBEDDED_AT_ONCE
    while looked_at == EMBEDDED_AT_ONCE:
        if hands.stop.is_set() or await _is_busy(hands):
            return
        async with hands.db.transaction(tenant_id) as conn:
            turn = await (await conn.execute(_SQL["turn"], {"job": lanes.EMBED})).fetchone()
            if turn is None or not turn["is_mine"]:
                return
            looked_at = await embed_profiles(conn, tenant_id=tenant_id, most=EMBEDDED_AT_ONCE)
        some = some or looked_at > 0
    if some:
        async with hands.db.transaction(tenant_id) as conn:
            await centre_compared(conn, tenant_id=tenant_id)


async def _remember(hands: Hands, tenant_id: UUID) -> None:
    """Embed templates and tasks: meanwhile no transaction is open, because a provider may be asked."""
    for remember in (memory.embed_templates, memory.embed_tasks):
        looked_at = REMEMBERED_AT_ONCE
        while looked_at == REMEMBERED_AT_ONCE and not hands.stop.is_set():
            looked_at = await remember(hands.db, hands.embedder, tenant_id=tenant_id, most=REMEMBERED_AT_ONCE)


async def _is_busy(hands: Hands) -> bool:
    """Whether somebody is to be decided for or sent to in this lane."""
    async with hands.db.before_tenant() as conn:
        values = {"lane": hands.lane, "now": clock.now()}
        rows = await (await conn.execute(queries("lanes")["due"], values)).fetchall()
    return any(row["batches"] or row["deliveries"] for row in rows)


async def _ring(hands: Hands, tenant_id: UUID, started: Started) -> None:
    for lane in Lane:
        if batch_ids := started.of(lane):
            await lanes.ring_batches(hands.client, lane=lane, tenant_id=tenant_id, batch_ids=batch_ids)
