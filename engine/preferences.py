"""What a person agrees to, per channel and purpose, as the link in a message shows and changes it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from engine.db import Transaction
from engine.queries import queries
from engine.unsubscribe import Request
from rules.errors import NotFound
from rules.words import Channel

_SQL = queries("preferences")


@dataclass(frozen=True, slots=True)
class Preference:
    """One purpose on one channel; `granted` is None where the person was never asked."""

    channel: Channel
    purpose: str
    granted: bool | None

    @property
    def name(self) -> str:
        """The name of its field in a form."""
        return f"{self.channel}:{self.purpose}"


@dataclass(frozen=True, slots=True)
class Preferences:
    """All of a person's, and the language they are spoken to in."""

    locale: str
    items: tuple[Preference, ...]


async def read(conn: Transaction, request: Request) -> Preferences:
    """Give what the person may choose: channels they can be reached on, purposes there are campaigns for.

    The transaction must be inside the request's tenant. Raises NotFound where the person is no more.
    """
    values = {"profile_id": request.profile_id, "channel": request.channel}
    rows = await (await conn.execute(_SQL["read"], values)).fetchall()
    if not rows:
        raise NotFound("The person this link was for is not known any more.", remedy="Nothing is sent to them.")
    items = (Preference(Channel(row["channel"]), row["purpose"], row["granted"]) for row in rows)
    return Preferences(rows[0]["locale"], tuple(items))


async def choose(
    conn: Transaction, request: Request, *, shown: Collection[str], wanted: Collection[str], at: datetime
) -> int:
    """Write down what the person chose, and give how many preferences changed.

    `shown` are the names of the fields that the page had, `wanted` those that were ticked: what was not shown stays.
    What nobody asked for before and is not ticked stays as it is too.
    """
    known = await read(conn, request)
    changed = [one for one in known.items if one.name in shown and (one.name in wanted) != bool(one.granted)]
    return await _write(conn, request, changed, wanted=wanted, at=at)


async def stop(conn: Transaction, request: Request, *, at: datetime) -> int:
    """Withdraw everything on every channel, also what nobody asked for before."""
    known = await read(conn, request)
    return await _write(conn, request, [one for one in known.items if one.granted is not False], wanted=(), at=at)


async def _write(
    conn: Transaction, request: Request, changed: list[Preference], *, wanted: Collection[str], at: datetime
) -> int:
    values = {
        "profile_id": request.profile_id,
        "channels": [one.channel for one in changed],
        "purposes": [one.purpose for one in changed],
        "granted": [one.name in wanted for one in changed],
        "at": at,
    }
    if changed:
        await conn.execute(_SQL["choose"], values)
    return len(changed)
