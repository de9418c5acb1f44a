"""Segments hold who satisfies their rule."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import profiles, segments
from engine.db import Database
from graph.mirror import compare
from rules import conditions
from rules.conditions.person import Person
from rules.errors import InvalidInput, NotFound
from tests.conftest import Tenant

_VALUES = st.sampled_from(["Huế", "Hà Nội", 1, 1.0, 0, True, False, None, "1", ""])
_NAMES = st.sampled_from(["city", "tier", "vip"])
_PEOPLE = st.lists(st.dictionaries(_NAMES, _VALUES, max_size=3), min_size=1, max_size=5)
_RULES = st.dictionaries(_NAMES, _VALUES, max_size=2).map(
    lambda wanted: {"all": [{"attribute": name, "is": value} for name, value in wanted.items()]}
)


async def _send(db: Database, tenant: Tenant, attributes: list[dict[str, Any]]) -> dict[str, int]:
    documents = [{"ext_id": f"kh-{number}", "attributes": one} for number, one in enumerate(attributes)]
    async with db.transaction(tenant.tenant_id) as conn:
        done = await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=documents)
    return dict(done.ids)


async def _refreshed(db: Database, tenant: Tenant, rule: dict[str, Any]) -> tuple[segments.Diff, set[int]]:
    async with db.transaction(tenant.tenant_id) as conn:
        saved = await segments.save_segment(conn, tenant_id=tenant.tenant_id, key="s", name="S", rule=rule)
        diff = await segments.refresh_segment(conn, tenant_id=tenant.tenant_id, segment_id=saved.segment_id)
        rows = await (await conn.execute("SELECT profile_id FROM segment_member")).fetchall()
    return diff, {row["profile_id"] for row in rows}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=_PEOPLE, rule=_RULES)
async def test_membership_is_what_the_rule_says_of_each_person(
    db: Database, tenant: Tenant, people: list[dict[str, Any]], rule: dict[str, Any]
) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        before = {
            row["profile_id"] for row in await (await conn.execute("SELECT profile_id FROM segment_member")).fetchall()
        }
        await conn.execute("UPDATE cdp_profiles SET status = 'deleted'")
    ids = await _send(db, tenant, people)
    async with db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            "UPDATE cdp_profiles SET status = 'active' WHERE profile_id = ANY (%s)", (list(ids.values()),)
        )
    diff, members = await _refreshed(db, tenant, rule)
    parsed = conditions.parse(rule)
    now = datetime.now(UTC)
    persons = [Person(profile_id=0, ext_id="an", created_at=now, attributes=one) for one in people]
    holders = {number for number, one in enumerate(persons) if parsed.holds(one, now=now, today=now.date())}
    assert members == {ids[f"kh-{number}"] for number in holders}
    assert (diff.joined, diff.left, diff.size) == (len(members - before), len(before - members), len(members))


async def test_who_leaves_the_rule_leaves_the_segment_and_the_graph(db: Database, tenant: Tenant) -> None:
    rule = {"all": [{"attribute": "city", "is": "Huế"}]}
    await _send(db, tenant, [{"city": "Huế"}, {"city": "Huế"}, {"city": "Đà Lạt"}])
    diff, _ = await _refreshed(db, tenant, rule)
    assert (diff.joined, diff.left, diff.size) == (2, 0, 2)
    await _send(db, tenant, [{"city": "Đà Lạt"}])
    async with db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE cdp_profiles SET status = 'deleted' WHERE ext_id = 'kh-1'")
    diff, members = await _refreshed(db, tenant, rule)
    assert (diff.joined, diff.left, members) == (0, 2, set())
    async with db.transaction(tenant.tenant_id) as conn:
        assert sum(one.total for one in await compare(conn)) == 0


async def test_another_rule_is_another_version_and_the_first_stays_readable(db: Database, tenant: Tenant) -> None:
    async def save(rule: dict[str, Any], name: str = "S") -> segments.Segment:
        async with db.transaction(tenant.tenant_id) as conn:
            return await segments.save_segment(conn, tenant_id=tenant.tenant_id, key="s", name=name, rule=rule)

    everyone: dict[str, Any] = {"all": []}
    hue = {"all": [{"attribute": "city", "is": "Huế"}]}
    assert (await save(everyone)).version == 1
    assert (await save(everyone)).version == 1
    assert (await save(everyone, "Another name")).version == 1
    assert (await save(hue)).version == 2
    async with db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT version, rule FROM segment_version ORDER BY version")).fetchall()
    assert [(row["version"], row["rule"]) for row in rows] == [(1, everyone), (2, hue)]


async def test_a_rule_that_cannot_be_read_and_a_segment_that_is_not_there(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        with pytest.raises(InvalidInput, match="rule"):
            await segments.save_segment(conn, tenant_id=tenant.tenant_id, key="s", name="S", rule={"any": {}})
        with pytest.raises(NotFound):
            await segments.refresh_segment(conn, tenant_id=tenant.tenant_id, segment_id=1)
        with pytest.raises(NotFound, match="nope"):
            await segments.segment_by_key(conn, tenant_id=tenant.tenant_id, key="nope")
