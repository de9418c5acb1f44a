"""Who hangs together in the graph: components of proposed pairs, whatever their number, and through merges."""

from itertools import pairwise
from typing import LiteralString

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.db import Database
from graph import components as graph_components
from graph.components import Component, Link, components
from tests.conftest import Tenant

PEOPLE: LiteralString = """
    INSERT INTO cdp_profiles (tenant_id, ext_id)
    SELECT leo_tenant(), 'kh-' || n FROM generate_series(1, %(people)s::int) n RETURNING profile_id
"""
PAIRS: LiteralString = """
    INSERT INTO duplicate (tenant_id, profile_id, other_id, channel, status, decided_at)
    SELECT leo_tenant(), profile_id, other_id, 'email', %(status)s, CASE WHEN %(status)s <> 'proposed' THEN now() END
    FROM unnest(%(first)s::bigint[], %(second)s::bigint[]) AS pair (profile_id, other_id)
"""

links = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda pair: pair[0] < pair[1]), max_size=9, unique=True
)


async def _people(db: Database, tenant: Tenant, count: int) -> list[int]:
    async with db.transaction(tenant.tenant_id) as conn:
        return sorted(row["profile_id"] for row in await (await conn.execute(PEOPLE, {"people": count})).fetchall())


async def _pair(db: Database, tenant: Tenant, pairs: list[tuple[int, int]], status: str = "proposed") -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        values = {"first": [a for a, _ in pairs], "second": [b for _, b in pairs], "status": status}
        await conn.execute(PAIRS, values)


async def _components(db: Database, tenant: Tenant, **how: int) -> tuple[Component, ...]:
    async with db.transaction(tenant.tenant_id, read_only=True) as conn:
        return await components(conn, tenant.graph, **how)


async def test_pairs_that_meet_are_one_component(db: Database, tenant: Tenant) -> None:
    a, b, c, d, e, f = await _people(db, tenant, 6)
    await _pair(db, tenant, [(a, b), (b, c), (d, e)])
    assert await _components(db, tenant) == (
        Component((a, b, c), (Link(a, b, "email"), Link(b, c, "email"))),
        Component((d, e), (Link(d, e, "email"),)),
    )
    assert f not in {profile_id for one in await _components(db, tenant) for profile_id in one.profile_ids}


@pytest.mark.parametrize("status", ["refused", "merged"])
async def test_only_what_is_proposed_holds_together(db: Database, tenant: Tenant, status: str) -> None:
    a, b, c = await _people(db, tenant, 3)
    await _pair(db, tenant, [(a, b)])
    await _pair(db, tenant, [(b, c)], status)
    assert [one.profile_ids for one in await _components(db, tenant)] == [(a, b)]


async def test_people_hang_together_through_whom_they_were_merged_into(db: Database, tenant: Tenant) -> None:
    a, b, c = await _people(db, tenant, 3)
    await _pair(db, tenant, [(a, b), (a, c)])
    async with db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            "UPDATE cdp_profiles SET status = 'merged', merged_into = %(b)s WHERE profile_id = %(a)s", {"a": a, "b": b}
        )
    # The pair of a and b has become one person; the other pair is b's now.
    assert await _components(db, tenant) == (Component((b, c), (Link(b, c, "email"),)),)


async def test_pages_of_any_size_come_to_the_same(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await _people(db, tenant, 30)
    await _pair(db, tenant, list(pairwise(people)))
    whole = await _components(db, tenant)
    assert [len(one.profile_ids) for one in whole] == [30]
    monkeypatch.setattr(graph_components, "PAGE", 7)
    assert await _components(db, tenant) == whole


async def test_of_too_many_pairs_the_first_found_are_read(db: Database, tenant: Tenant) -> None:
    people = await _people(db, tenant, 10)
    await _pair(db, tenant, list(zip(people[::2], people[1::2], strict=True)))
    assert [one.profile_ids for one in await _components(db, tenant, most=3)] == [
        tuple(people[0:2]),
        tuple(people[2:4]),
        tuple(people[4:6]),
    ]


async def test_another_tenants_graph_is_not_read(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    people = await _people(db, other_tenant, 2)
    await _pair(db, other_tenant, [(people[0], people[1])])
    async with db.transaction(tenant.tenant_id, read_only=True) as conn:
        assert await components(conn, other_tenant.graph) == ()


@given(links)
def test_components_are_what_paths_connect(pairs: list[tuple[int, int]]) -> None:
    found = graph_components.connected([Link(a, b, "email") for a, b in pairs])
    reach = {place: {place} for pair in pairs for place in pair}
    for a, b in pairs * len(pairs):
        together = reach[a] | reach[b]
        for place in together:
            reach[place] = together
    assert {one.profile_ids for one in found} == {tuple(sorted(group)) for group in reach.values()}
    assert sorted((link.profile_id, link.other_id) for one in found for link in one.links) == sorted(pairs)
