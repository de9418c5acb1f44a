"""Merging profiles and undoing it. A merge redirects: rows, history and ids of the loser stay as they were.

Each merge is a record (profile_merge). `merged_into`, where a profile points, is computed from the records in force, so
that undoing one leaves the others in force.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from rules.errors import Conflict, InvalidInput, NotFound

# A person does not decide about more in one call; merges from a source go through redirect_roots.
MOST_PAIRS = 5_000
_SQL = queries("identity")


@dataclass(frozen=True, slots=True)
class Merged:
    """How many profiles point elsewhere now, including earlier losers, and how many messages were cancelled."""

    redirected: int
    cancelled: int


async def merge(
    conn: Transaction, *, tenant_id: UUID, winner: str, losers: Sequence[str], reason: str, by: str
) -> Merged:
    """Merge people, by their ext_ids, into one; losers that are already merged into the winner stay so.

    Raises NotFound, and Conflict if a profile is deleted or merged into another.
    """
    people = await _people(conn, tenant_id, [winner, *losers])
    kept = people[winner]["profile_id"]
    new = {people[loser]["profile_id"] for loser in losers if loser == winner or people[loser]["merged_into"] != kept}
    return await merge_profiles(
        conn, tenant_id=tenant_id, pairs=[(loser_id, kept) for loser_id in sorted(new)], reason=reason, by=by
    )


async def merge_profiles(
    conn: Transaction, *, tenant_id: UUID, pairs: Sequence[tuple[int, int]], reason: str, by: str
) -> Merged:
    """Merge pairs of ids, each (loser, winner), at most MOST_PAIRS; a winner may be a loser in another pair.

    A loser's queued messages are cancelled. Raises NotFound if one of them does not exist, Conflict if one is not
    active, InvalidInput if the pairs form a circle or name a loser twice.
    """
    if not pairs:
        return Merged(0, 0)
    winners = _winners(pairs)
    await conn.execute(_SQL["queue"])
    known = {row["profile_id"]: row for row in await _locked(conn, {*winners, *winners.values()})}
    for profile_id in sorted({*winners, *winners.values()}):
        _require_active(known.get(profile_id), profile_id)
    rows = [{"loser_id": loser_id, "winner_id": winner_id} for loser_id, winner_id in sorted(winners.items())]
    await conn.execute(_SQL["record"], {"tenant_id": tenant_id, "pairs": Jsonb(rows), "reason": reason, "by": by})
    return await settle(conn, profile_ids=winners, by=by)


async def unmerge(conn: Transaction, *, tenant_id: UUID, loser: str, by: str) -> Merged:
    """Make a merged profile a person of its own again, with those that were merged into it; the record stays.

    Cancelled messages stay cancelled: the person may have received them through the other profile. Raises NotFound, and
    Conflict if the profile is not merged.
    """
    await conn.execute(_SQL["queue"])
    person = (await _people(conn, tenant_id, [loser]))[loser]
    # Its survivor is locked too, so that nobody decides for both in the meantime.
    await _locked(conn, {person["profile_id"], person["merged_into"] or person["profile_id"]})
    values = {"tenant_id": tenant_id, "profile_id": person["profile_id"], "by": by}
    if not (await conn.execute(_SQL["undo"], values)).rowcount:
        raise Conflict(
            f"Profile {loser!r} is not merged.", remedy="See whom it is merged into: GET /profiles/{ext_id}."
        )
    return await settle(conn, profile_ids=[person["profile_id"]], by=by)


async def settle(conn: Transaction, *, profile_ids: Collection[int], by: str, is_source: bool = False) -> Merged:
    """Point people, and those merged into them, to where the merges in force lead; pairs and messages follow."""
    given = sorted(profile_ids)
    values = {"profile_ids": given, "is_source": is_source}
    moved = await (await conn.execute(_SQL["settle"], values)).fetchall()
    touched = [row["profile_id"] for row in moved]
    await conn.execute(_SQL["settle_duplicates"], {"profile_ids": touched, "by": by})
    merged = [row["profile_id"] for row in moved if row["merged_into"] is not None]
    cancelled = await conn.execute(_SQL["cancel_queued"], {"profile_ids": merged})
    return Merged(len(touched), cancelled.rowcount)


def _winners(pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    if len(pairs) > MOST_PAIRS:
        raise InvalidInput(f"{len(pairs)} pairs are too many to merge at once.", remedy=f"Send at most {MOST_PAIRS}.")
    winners = dict(pairs)
    if len(winners) < len(set(pairs)):
        raise InvalidInput("A profile would be merged into two others.", remedy="Name one winner for each loser.")
    ended: set[int] = set()
    for loser_id in winners:
        way: set[int] = set()
        at = loser_id
        while at in winners and at not in ended:
            if at in way:
                raise InvalidInput(f"Profile {at} would be merged into itself.", remedy="Leave one that wins.")
            way.add(at)
            at = winners[at]
        ended |= way
    return winners


async def _people(conn: Transaction, tenant_id: UUID, ext_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    values = {"tenant_id": tenant_id, "ext_ids": list(ext_ids)}
    rows = await (await conn.execute(_SQL["people"], values)).fetchall()
    found = {row["ext_id"]: row for row in rows}
    for ext_id in ext_ids:
        if ext_id not in found:
            raise NotFound(f"There is no profile {ext_id!r}.", remedy="GET /duplicates lists those that may be one.")
    return found


async def _locked(conn: Transaction, profile_ids: Collection[int]) -> list[dict[str, Any]]:
    return await (await conn.execute(_SQL["lock"], {"profile_ids": sorted(profile_ids)})).fetchall()


def _require_active(person: Mapping[str, Any] | None, profile_id: int) -> None:
    if person is None:
        raise NotFound(f"There is no profile {profile_id}.", remedy="GET /profiles lists them.")
    if person["status"] == "deleted":
        raise Conflict(f"Profile {person['ext_id']!r} is deleted.", remedy="Leave it out.")
    if person["merged_into"] is not None:
        raise Conflict(
            f"Profile {person['ext_id']!r} is merged into profile {person['merged_into']} already.",
            remedy="Name the one it was merged into, or un-merge it first.",
        )
