"""Merges against a model: whatever is merged and un-merged, everybody points at the end of the merges that hold."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import identity
from engine.db import Database, Transaction
from graph import mirror
from rules.errors import Conflict, InvalidInput
from tests.conftest import Tenant

PEOPLE = 6
_ROUNDS = itertools.count()

places = st.integers(0, PEOPLE - 1)
merges = st.tuples(st.just("merge"), places, places)
unmerges = st.tuples(st.just("unmerge"), places, st.just(0))
steps = st.lists(merges | unmerges, max_size=12)


class Model:
    """Merges that hold, loser to winner."""

    def __init__(self) -> None:
        self.merged: dict[int, int] = {}

    def end(self, place: int) -> int:
        while place in self.merged:
            place = self.merged[place]
        return place

    def may(self, word: str, loser: int, winner: int) -> bool:
        if word == "unmerge":
            return loser in self.merged
        return loser != winner and loser not in self.merged and winner not in self.merged

    def do(self, word: str, loser: int, winner: int) -> None:
        if word == "unmerge":
            del self.merged[loser]
        else:
            self.merged[loser] = winner

    def ends(self) -> list[int]:
        return [self.end(place) for place in range(PEOPLE)]


async def _people(conn: Transaction) -> list[int]:
    """Six people of this round; neighbours share a Zalo id."""
    found = await conn.execute(
        """
        WITH made AS (
            INSERT INTO cdp_profiles (tenant_id, ext_id)
            SELECT leo_tenant(), format('r%%s-%%s', %(round)s::int, n) FROM generate_series(1, %(people)s::int) n
            RETURNING profile_id, ext_id
        ), addresses AS (
            INSERT INTO profile_address (tenant_id, profile_id, channel, value)
            SELECT leo_tenant(), profile_id, 'zalo_oa', format('%%s-%%s', %(round)s::int, right(ext_id, 1)::int / 2)
            FROM made
        )
        SELECT profile_id FROM made ORDER BY profile_id
        """,
        {"round": next(_ROUNDS), "people": PEOPLE},
    )
    return [row["profile_id"] for row in await found.fetchall()]


async def _rows(conn: Transaction, ids: Sequence[int]) -> list[Mapping[str, Any]]:
    found = await conn.execute(
        """
        SELECT to_jsonb(p) - 'updated_at' AS row FROM cdp_profiles p WHERE profile_id = ANY (%(ids)s)
        UNION ALL
        SELECT to_jsonb(d) - 'updated_at' FROM duplicate d WHERE profile_id = ANY (%(ids)s)
        UNION ALL
        SELECT to_jsonb(a) FROM profile_address a WHERE profile_id = ANY (%(ids)s)
        ORDER BY 1
        """,
        {"ids": list(ids)},
    )
    return [row["row"] for row in await found.fetchall()]


async def _step(conn: Transaction, tenant: Tenant, ids: Sequence[int], word: str, loser: int, winner: int) -> None:
    if word == "merge":
        pairs = [(ids[loser], ids[winner])]
        await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=pairs, reason="same", by="lan")
    else:
        row = await (
            await conn.execute("SELECT ext_id FROM cdp_profiles WHERE profile_id = %(p)s", {"p": ids[loser]})
        ).fetchone()
        assert row is not None
        await identity.unmerge(conn, tenant_id=tenant.tenant_id, loser=row["ext_id"], by="lan")


async def _ends(conn: Transaction, ids: Sequence[int]) -> list[int]:
    found = await conn.execute(
        """
        SELECT profile_id, coalesce(merged_into, profile_id) AS end_id FROM cdp_profiles
        WHERE profile_id = ANY (%(ids)s) AND (status = 'merged') = (merged_into IS NOT NULL)
        """,
        {"ids": list(ids)},
    )
    ends = {row["profile_id"]: row["end_id"] for row in await found.fetchall()}
    return [ids.index(ends[profile_id]) for profile_id in ids]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_everybody_points_at_the_end_of_what_holds_and_undoing_all_restores_all(
    db: Database, tenant: Tenant, taken: list[tuple[str, int, int]]
) -> None:
    model = Model()
    async with db.transaction(tenant.tenant_id) as conn:
        ids = await _people(conn)
        await identity.find_duplicates(conn, tenant_id=tenant.tenant_id, profile_ids=ids)
        before = await _rows(conn, ids)
        for word, loser, winner in taken:
            if model.may(word, loser, winner):
                await _step(conn, tenant, ids, word, loser, winner)
                model.do(word, loser, winner)
            else:
                with pytest.raises((Conflict, InvalidInput)):
                    await _step(conn, tenant, ids, word, loser, winner)
            assert await _ends(conn, ids) == model.ends()
        for loser in list(model.merged):
            await _step(conn, tenant, ids, "unmerge", loser, 0)
        assert await _rows(conn, ids) == before
        assert sum(difference.total for difference in await mirror.compare(conn)) == 0


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(1, PEOPLE)), st.lists(places, min_size=PEOPLE, max_size=PEOPLE))
async def test_pairs_merged_at_once_end_where_they_would_one_by_one(
    db: Database, tenant: Tenant, order: list[int], winners: list[int]
) -> None:
    model = Model()
    pairs = [(loser, winners[loser] % loser) for loser in order]  # towards smaller places: they cannot go round
    for loser, winner in pairs:
        model.do("merge", loser, winner)
    async with db.transaction(tenant.tenant_id) as conn:
        ids = await _people(conn)
        given_ids = [(ids[loser], ids[winner]) for loser, winner in pairs]
        await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=given_ids, reason="same", by="lan")
        assert await _ends(conn, ids) == model.ends()
