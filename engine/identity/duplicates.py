"""Finding profiles that share an address, and recording that two of them are not one person."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from rules.errors import NotFound
from rules.words import Channel

# Channels whose address identifies a person; a chat or a device has a unique id anyway.
TELLING = (Channel.EMAIL, Channel.ZALO_TEMPLATE, Channel.ZALO_OA)
# An address shared by more profiles is a shop's number or a placeholder, not a person's.
ONE_PERSON = 20
# People per statement: 5,000 take some 100 ms, far below any statement timeout.
PAGE = 5_000
# Profiles with an address of more than ONE_PERSON are counted up to this; a wrong number can be in every second one.
COUNTABLE = 1_000
MOST_CROWDS = 100
_SQL = queries("identity")


@dataclass(frozen=True, slots=True)
class Crowd:
    """An address that too many profiles share to identify anybody; at most COUNTABLE `people` are counted."""

    channel: str
    value: str
    people: int


@dataclass(frozen=True, slots=True)
class Found:
    """How many pairs are newly proposed, how many proposals no longer hold, and the largest crowds (MOST_CROWDS)."""

    new: int
    withdrawn: int
    crowds: tuple[Crowd, ...]


async def find_duplicates(conn: Transaction, *, tenant_id: UUID, profile_ids: Sequence[int] | None = None) -> Found:
    """Propose pairs of active profiles that share a valid e-mail address, phone or Zalo id; of these people or of all.

    A refused pair is not proposed again; a proposal that nothing supports any more is withdrawn. An address of more
    than ONE_PERSON profiles is reported and proposes nothing.
    """
    new = withdrawn = 0
    crowds: dict[tuple[str, str], int] = {}
    async for page in _pages(conn, profile_ids):
        values = {"tenant_id": tenant_id, "profile_ids": page, "channels": list(TELLING)}
        values |= {"countable": COUNTABLE, "most": ONE_PERSON}
        row = await _one(conn, "find", values)
        new, withdrawn = new + row["new"], withdrawn + row["withdrawn"]
        for channel, value, people in row["crowds"] or ():
            crowds[channel, value] = max(people, crowds.get((channel, value), 0))
    largest = sorted(crowds.items(), key=lambda crowd: (-crowd[1], crowd[0]))[:MOST_CROWDS]
    return Found(new, withdrawn, tuple(Crowd(channel, value, people) for (channel, value), people in largest))


async def refuse(conn: Transaction, *, tenant_id: UUID, duplicate_id: int, by: str) -> None:
    """Record that the two profiles of a pair are not one person, whatever they share; raises NotFound.

    Refusing twice changes nothing.
    """
    values = {"tenant_id": tenant_id, "duplicate_id": duplicate_id, "by": by}
    found = await conn.execute(_SQL["refuse"], values)
    if await found.fetchone() is None:
        raise NotFound(
            f"There is no proposed pair {duplicate_id}.", remedy="GET /duplicates lists them with their ids."
        )


async def _pages(conn: Transaction, profile_ids: Sequence[int] | None) -> AsyncIterator[list[int]]:
    if profile_ids is not None:
        given = sorted(set(profile_ids))
        for start in range(0, len(given), PAGE):
            yield given[start : start + PAGE]
        return
    after = 0
    while page := (await _one(conn, "page", {"after": after, "size": PAGE}))["profile_ids"]:
        yield page
        after = page[-1]


async def _one(conn: Transaction, query: str, values: dict[str, Any]) -> dict[str, Any]:
    row = await (await conn.execute(_SQL[query], values)).fetchone()
    return row or {}
