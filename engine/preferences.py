"""What a person agrees to, per channel and purpose, as the link in a message shows and changes it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.queries import queries
from engine.unsubscribe import Request
from rules.errors import NotFound
from rules.words import Channel

# Nobody reads a page with more boxes than this.
MOST_SHOWN = 200

_SQL = queries("preferences")


@dataclass(frozen=True, slots=True)
class Preference:
    """One purpose on one channel; `granted` is None where the person was never asked."""

    channel: Channel
    purpose: str
    granted: bool | None

    @property
    def name(self) -> str:
        """The name of its form field."""
        return f"{self.channel}:{self.purpose}"


@dataclass(frozen=True, slots=True)
class Preferences:
    """All preferences of a person, and the language they are shown in."""

    locale: str
    items: tuple[Preference, ...]


async def read(conn: Transaction, request: Request) -> Preferences:
    """Give what the person may choose: channels they can be reached on, and purposes of campaigns.

    The transaction must be inside the request's tenant. Raises NotFound if the person no longer exists.
    """
    rows = await _rows(conn, request, most=MOST_SHOWN)
    items = (Preference(Channel(row["channel"]), row["purpose"], row["granted"]) for row in rows)
    return Preferences(rows[0]["locale"], tuple(items))


async def choose(
    conn: Transaction, request: Request, *, shown: Collection[str], wanted: Collection[str], at: datetime
) -> int:
    """Store what the person chose, and give how many preferences changed.

    `shown` are the names of the page's fields, `wanted` those that were ticked: what was not shown does not change, and
    neither does what was never asked before and is not ticked.
    """
    known = await read(conn, request)
    changed = [one for one in known.items if one.name in shown and (one.name in wanted) != bool(one.granted)]
    return await _write(conn, request, [(one.channel, one.purpose, one.name in wanted) for one in changed], at=at)


async def stop(conn: Transaction, request: Request, *, at: datetime) -> int:
    """Withdraw everything on every channel, including what was never asked and channels that are added later."""
    rows = await _rows(conn, request, everywhere=True)
    open_ = [(row["channel"], row["purpose"], False) for row in rows if row["granted"] is not False]
    return await _write(conn, request, open_, at=at)


async def _rows(
    conn: Transaction, request: Request, *, most: int | None = None, everywhere: bool = False
) -> list[DictRow]:
    values = {
        "profile_id": request.profile_id,
        "channel": request.channel,
        "everywhere": everywhere,
        "most": most,
    }
    rows = await (await conn.execute(_SQL["read"], values)).fetchall()
    if not rows:
        raise NotFound("The person this link was for is not known any more.", remedy="Nothing is sent to them.")
    return rows


async def _write(
    conn: Transaction, request: Request, changed: Sequence[tuple[str | None, str, bool]], *, at: datetime
) -> int:
    values = {
        "profile_id": request.profile_id,
        "channels": [channel for channel, _, _ in changed],
        "purposes": [purpose for _, purpose, _ in changed],
        "granted": [granted for _, _, granted in changed],
        "at": at,
    }
    if changed:
        await conn.execute(_SQL["choose"], values)
    return len(changed)
