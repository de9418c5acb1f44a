"""What becomes of messages that nobody is working on: expired leases, and messages that may not be sent now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.registry import factories, providers
from engine.db import Transaction
from engine.queries import queries
from rules.retry import MOST_ATTEMPTS
from rules.words import Lane

# A paused channel's messages are looked at this often, so resuming takes effect within this time.
LOOK_AGAIN = timedelta(seconds=15)
MOST_ASIDE = 2000

_SQL = queries("dispatch")


@dataclass(frozen=True, slots=True)
class GivenUp:
    """How many messages of lost workers were queued again, and how many have an end that nobody knows."""

    requeued: int = 0
    uncertain: int = 0


@dataclass(frozen=True, slots=True)
class PutAside:
    """How many messages are past their time, cancelled with their run or campaign, or held by a pause."""

    expired: int = 0
    cancelled: int = 0
    held: int = 0


async def lease_owners(conn: Transaction, *, lane: Lane) -> set[str]:
    """Name the workers that hold messages of the tenant."""
    rows = await (await conn.execute(_SQL["lease_owners"], {"lane": lane})).fetchall()
    return {row["lease_owner"] for row in rows}


async def give_up_leases(conn: Transaction, *, lane: Lane, now: datetime, gone: Collection[str] = ()) -> GivenUp:
    """End expired leases and those of the owners that are `gone`; messages that came back meanwhile have failed."""
    parameters = {
        "lane": lane,
        "now": now,
        "gone": list(gone),
        "deduplicating": _deduplicating(),
        "most_attempts": MOST_ATTEMPTS,
    }
    row = await (await conn.execute(_SQL["give_up_leases"], parameters)).fetchone()
    if row is None:
        return GivenUp()
    if row["came_back"]:
        await conn.execute(_SQL["fall_back"], {"delivery_ids": row["came_back"], "now": now})
    return GivenUp(row["requeued"], row["uncertain"])


async def put_aside(conn: Transaction, *, lane: Lane, now: datetime) -> PutAside:
    """End what is past its time or cancelled, and postpone what is paused."""
    parameters = {"lane": lane, "now": now, "later": now + LOOK_AGAIN, "most": MOST_ASIDE}
    row = await (await conn.execute(_SQL["put_aside"], parameters)).fetchone()
    return PutAside(**row) if row else PutAside()


def _deduplicating() -> list[str]:
    """Name the providers, as <channel>.<provider>, that drop a second message with the same event_id.

    Settings without a provider mean the channel's first, which is therefore listed with an empty name too.
    """
    names = []
    for (channel, provider), made in factories().items():
        if getattr(made, "deduplicates", False):
            names += [f"{channel}.{provider}", *([f"{channel}."] if providers(channel)[0] == provider else [])]
    return sorted(names)
