"""Renewing one token: marked as begun, locked, read again, asked for, committed, and only then used.

Zalo takes a refresh token once, so this order is what protects the grant: of any number of workers one asks, the others
wait for its commit and find nothing to do. Facebook's tokens go the same way.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from channels.egress import Egress
from channels.tokens import GrantEnded, Keeper, Kept, TryAgain
from channels.tokens.keepers import keeper
from engine import clock
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.dispatch.gates import pause_channel, resume_channel
from engine.queries import queries
from engine.tokens import store
from engine.tokens.store import Locked
from rules.errors import LeoError, Unavailable
from rules.faults import Fault

AT_ONCE = 16
TRY_AGAIN = timedelta(minutes=1)
# While the database is away a new pair is held in memory this long, because nobody can ask for it a second time.
HOLD_S, PAUSE_S = 120.0, 0.5
# The reasons for a pause that a good token ends.
OURS = ("token_expired", "grant_ended")

_SQL = queries("tokens")
log = logging.getLogger("leo.tokens")


class Renewal(StrEnum):
    """The result of looking at a token."""

    NOT_DUE = "not due"
    """Somebody else has just looked at it, or there is none to keep."""
    GOOD = "good"
    RENEWED = "renewed"
    LATER = "later"
    """The provider could not be asked; it is tried again automatically."""
    ENDED = "ended"
    """Only a person who authorises again can fix it."""


async def renew_due(
    db: Database,
    vault: Vault,
    *,
    tenant_id: UUID,
    now: datetime,
    egress: Egress,
    is_stopping: Callable[[], bool] = bool,
) -> dict[int, Renewal]:
    """Look at every token of the tenant whose time has come; what came of each, by channel.

    None is begun once `is_stopping` says so: what ends in a few seconds has no time for another.
    """
    async with db.transaction(tenant_id) as conn:
        rows = await (await conn.execute(_SQL["due"], {"now": now, "most": AT_ONCE})).fetchall()
    done: dict[int, Renewal] = {}
    for row in rows:
        if is_stopping():
            break
        channel_id = row["channel_id"]
        done[channel_id] = await renew(db, vault, tenant_id=tenant_id, channel_id=channel_id, egress=egress)
    return done


async def renew(db: Database, vault: Vault, *, tenant_id: UUID, channel_id: int, egress: Egress) -> Renewal:
    """Look at one token if it is due, and renew it where that is wanted. Being cancelled, it ends first."""
    renewing = asyncio.ensure_future(_renew(db, vault, tenant_id, channel_id, egress))
    try:
        return await asyncio.shield(renewing)
    except asyncio.CancelledError:
        # Whoever ends after us closes the database, and a new pair that is not stored is lost for good.
        await asyncio.wait([renewing])
        raise


async def _renew(db: Database, vault: Vault, tenant_id: UUID, channel_id: int, egress: Egress) -> Renewal:
    now = clock.now()
    async with db.transaction(tenant_id) as conn:
        await conn.execute(_SQL["begun"], {"channel_id": channel_id, "now": now})
    kept, sharing = None, [channel_id]
    try:
        async with db.transaction(tenant_id) as conn:
            locked = await store.lock(conn, vault, tenant_id=tenant_id, channel_id=channel_id)
            own = next((one for one in locked if one.channel_id == channel_id), None)
            found = None if own is None else keeper(own.kind, own.settings)
            if own is None or found is None or own.due_at is None or own.due_at > now:
                return Renewal.NOT_DUE
            try:
                kept = await found.keep(own.settings, now, egress)
            except TryAgain as error:
                return await _put_off(conn, own, error, now)
            except GrantEnded as error:
                return await _end(conn, own, error, now)
            sharing = _sharing(found, own, locked)
            return await _keep(conn, vault, tenant_id, own, sharing, kept, now)
    except Unavailable:
        if kept is None or not kept.secrets:
            raise
        return await _hold(db, vault, tenant_id, channel_id, sharing, kept, now)


def _sharing(found: Keeper, own: Locked, locked: list[Locked]) -> list[int]:
    """Name the channels with the same grant: two channels of one account are renewed together."""

    def grant(one: Locked) -> list[str]:
        return [str(one.settings.get(name) or "") for name in found.shared_by]

    alike = [one.channel_id for one in locked if keeper(one.kind, one.settings) is found and grant(one) == grant(own)]
    return sorted({own.channel_id, *alike}) if all(grant(own)) else [own.channel_id]


async def _keep(
    conn: Transaction, vault: Vault, tenant_id: UUID, own: Locked, sharing: list[int], kept: Kept, now: datetime
) -> Renewal:
    await store.keep(conn, vault, tenant_id=tenant_id, sharing=sharing, kept=kept, now=now)
    extra = {"tenant": str(tenant_id), "channel": own.channel_id, "name_of_channel": own.name}
    if kept.warning:
        log.warning("token ends soon: %s", kept.warning, extra=extra)
    if own.status == "paused" and (own.reason or "").startswith(OURS):
        await resume_channel(conn, channel_id=own.channel_id)
    if not kept.secrets:
        return Renewal.GOOD
    log.info("token renewed", extra={**extra, "ends_at": str(kept.ends_at), "channels": sharing})
    return Renewal.RENEWED


async def _put_off(conn: Transaction, own: Locked, error: LeoError, now: datetime) -> Renewal:
    await store.put_off(
        conn, channel_id=own.channel_id, due_at=now + TRY_AGAIN, warning=error.message, fault=error.fault
    )
    log.warning("token not renewed: %s", error.message, extra={"channel": own.channel_id, "name_of_channel": own.name})
    return Renewal.LATER


async def _end(conn: Transaction, own: Locked, error: GrantEnded, now: datetime) -> Renewal:
    """Pause the channel; if its token is known to end later, let it send until then."""
    words, fault = f"{error.message} {error.remedy}", error.fault
    if own.begun_at is not None and own.begun_at < now:
        began = f"{own.begun_at:%Y-%m-%d %H:%M:%S}"
        words = f"A renewal that began at {began} UTC was cut off, and its answer lost. {words}"
        fault = None if fault is None else Fault("token.cut_off", "token", {"at": began, "why": fault})
    extra = {"channel": own.channel_id, "name_of_channel": own.name}
    if own.status == "connected" and own.ends_at is not None and own.ends_at > now:
        await store.put_off(conn, channel_id=own.channel_id, due_at=own.ends_at, warning=words[:500], fault=fault)
        log.error("token cannot be renewed, the channel sends until %s: %s", own.ends_at, words, extra=extra)
        return Renewal.ENDED
    await store.put_off(conn, channel_id=own.channel_id, due_at=None, warning=words[:500], fault=fault)
    reason = f"grant_ended: {words}"
    await pause_channel(conn, channel_id=own.channel_id, reason=reason)
    await conn.execute(_SQL["say_why"], {"channel_id": own.channel_id, "reason": reason})
    log.error("channel waits for a new token: %s", words, extra=extra)
    return Renewal.ENDED


async def _hold(
    db: Database, vault: Vault, tenant_id: UUID, channel_id: int, sharing: list[int], kept: Kept, now: datetime
) -> Renewal:
    """Store a new pair after all, although the transaction that asked for it was lost; raises Unavailable."""
    waited_s = 0.0
    while True:
        try:
            async with db.transaction(tenant_id) as conn:
                locked = await store.lock(conn, vault, tenant_id=tenant_id, channel_id=channel_id)
                own = next((one for one in locked if one.channel_id == channel_id), None)
                if own is None:
                    return Renewal.NOT_DUE
                return await _keep(conn, vault, tenant_id, own, sharing, kept, now)
        except Unavailable as error:
            if waited_s >= HOLD_S:
                log.critical("a new token could not be stored and is lost", extra={"channel": channel_id})
                raise
            log.warning("a new token waits for the database", extra={"channel": channel_id, "error": str(error)})
            await asyncio.sleep(PAUSE_S)
            waited_s += PAUSE_S
