"""Segments: who fits the rule is a member after a refresh, and SQL and the rule itself agree on who that is."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.db import Database
from engine.profiles import upsert_profiles
from engine.segments import (
    Diff,
    Segment,
    get_segment,
    list_segments,
    refresh_segment,
    save_segment,
    segment_by_key,
)
from graph.mirror import compare
from rules import conditions
from rules.errors import InvalidInput, NotFound
from tests.conftest import Tenant

HUE = {"all": [{"attribute": "city", "is": "Huế"}]}
EVERYONE: dict[str, Any] = {"all": []}

# Few names and many values that nearly are one another, so that conditions often just hold or just fail.
NAMES = st.sampled_from(["city", "tier", "Thành phố", "a.b", "", "$"])
NEAR = [0, 1, -1, 2**53, 2**53 + 1, 10**23, 0.0, -0.0, 1.0, 1e23, 0.1, 1e-7, 5e-324, 1e308]
TEXTS = st.sampled_from(["", "1", "true", "null", "Huế", "Hue\u0302\u0301", "huế", " Huế", "\\u0000", '"'])
SCALARS = st.none() | st.booleans() | st.sampled_from(NEAR) | TEXTS | st.floats(allow_nan=False, allow_infinity=False)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(NAMES, SCALARS, max_size=2)
PEOPLE = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=6)
RULES = st.dictionaries(NAMES.filter(bool), SCALARS, max_size=3).map(
    lambda wanted: {"all": [{"attribute": name, "is": value} for name, value in wanted.items()]}
)


async def people(db: Database, tenant: Tenant, attributes: Mapping[str, Mapping[str, Any]]) -> Mapping[str, int]:
    documents = [{"ext_id": ext_id, "attributes": dict(one)} for ext_id, one in attributes.items()]
    async with db.transaction(tenant.tenant_id) as connection:
        return (await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=documents)).ids


async def saved(db: Database, tenant: Tenant, rule: Mapping[str, Any], *, name: str = "Huế") -> Segment:
    async with db.transaction(tenant.tenant_id) as connection:
        return await save_segment(connection, tenant_id=tenant.tenant_id, key="hue", name=name, rule=rule)


async def refreshed(db: Database, tenant: Tenant, segment: Segment) -> Diff:
    async with db.transaction(tenant.tenant_id) as connection:
        return await refresh_segment(connection, tenant_id=tenant.tenant_id, segment_id=segment.segment_id)


async def members(db: Database, tenant: Tenant) -> list[str]:
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await connection.execute(
            "SELECT ext_id FROM segment_member JOIN cdp_profiles USING (tenant_id, profile_id) ORDER BY ext_id"
        )
        return [row["ext_id"] for row in await rows.fetchall()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(everybody=PEOPLE, rule=RULES)
@example(everybody=[{"city": 1}, {"city": True}, {"city": "1"}, {"city": 1.0}], rule={"all": []})
@example(everybody=[{"n": 10**23}, {"n": 1e23}], rule={"all": [{"attribute": "n", "is": 1e23}]})
@example(everybody=[{"n": ["x"]}, {"n": {"x": 1}}, {"n": "x"}], rule={"all": [{"attribute": "n", "is": "x"}]})
async def test_sql_and_rule_agree_on_who_fits(
    db: Database, tenant: Tenant, everybody: Sequence[dict[str, Any]], rule: dict[str, Any]
) -> None:
    named = {str(number): attributes for number, attributes in enumerate(everybody)}
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("UPDATE cdp_profiles SET status = 'deleted' WHERE status = 'active'")
    await people(db, tenant, named)
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("UPDATE cdp_profiles SET status = 'active' WHERE ext_id = ANY (%s)", (list(named),))
    segment = await saved(db, tenant, rule)
    diff = await refreshed(db, tenant, segment)
    fitting = [ext_id for ext_id, attributes in named.items() if conditions.parse(rule).holds(attributes)]
    assert await members(db, tenant) == sorted(fitting)
    assert diff.size == len(fitting)


async def test_a_refresh_tells_who_joined_and_who_left(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, {"a": {"city": "Huế"}, "b": {"city": "Huế"}, "c": {"city": "Vinh"}})
    segment = await saved(db, tenant, HUE)
    assert await refreshed(db, tenant, segment) == Diff(joined=2, left=0, size=2)
    assert await refreshed(db, tenant, segment) == Diff(joined=0, left=0, size=2)
    await people(db, tenant, {"a": {"city": "Vinh"}, "c": {"city": "Huế"}, "d": {"city": "Huế"}})
    assert await refreshed(db, tenant, segment) == Diff(joined=2, left=1, size=3)
    assert await members(db, tenant) == ["b", "c", "d"]


async def test_a_refresh_rewrites_nobody_who_stays_and_the_graph_follows(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, {"a": {"city": "Huế"}, "b": {"city": "Huế"}})
    segment = await saved(db, tenant, HUE)
    await refreshed(db, tenant, segment)
    written = "SELECT xmin::text, ctid::text FROM segment_member ORDER BY 2"
    async with db.transaction(tenant.tenant_id) as connection:
        before = await (await connection.execute(written)).fetchall()
    await people(db, tenant, {"a": {"city": "Huế", "tier": "gold"}})
    await refreshed(db, tenant, segment)
    async with db.transaction(tenant.tenant_id) as connection:
        assert await (await connection.execute(written)).fetchall() == before
        differences = await compare(connection)
    assert not any(one.missing or one.extra or one.different for one in differences)


@pytest.mark.parametrize("status", ["deleted", "merged"])
async def test_only_active_profiles_are_members(db: Database, tenant: Tenant, status: str) -> None:
    ids = await people(db, tenant, {"a": {"city": "Huế"}, "b": {"city": "Huế"}})
    segment = await saved(db, tenant, HUE)
    await refreshed(db, tenant, segment)
    async with db.transaction(tenant.tenant_id) as connection:
        into = ids["b"] if status == "merged" else None
        await connection.execute(
            "UPDATE cdp_profiles SET status = %s, merged_into = %s WHERE ext_id = 'a'", (status, into)
        )
    assert await refreshed(db, tenant, segment) == Diff(joined=0, left=1, size=1)


async def test_another_rule_is_another_version_and_another_name_is_not(db: Database, tenant: Tenant) -> None:
    first = await saved(db, tenant, HUE)
    renamed = await saved(db, tenant, HUE, name="Cố đô")
    changed = await saved(db, tenant, EVERYONE, name="Cố đô")
    assert (first.version, renamed.version, changed.version) == (1, 1, 2)
    assert first.segment_id == renamed.segment_id == changed.segment_id
    assert (renamed.name, changed.rule) == ("Cố đô", EVERYONE)
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await connection.execute("SELECT version, rule FROM segment_version ORDER BY version")
        assert [(row["version"], row["rule"]) for row in await rows.fetchall()] == [(1, HUE), (2, EVERYONE)]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"any": []},
        {"all": [], "any": []},
        {"all": "city"},
        {"all": [{"attribute": "city"}]},
        {"all": [{"attribute": "", "is": 1}]},
        {"all": [{"attribute": "city", "is": ["Huế"]}]},
        {"all": [{"attribute": "city", "is": "Hu\x00"}]},
        {"all": [{"attribute": "n", "is": float("inf")}]},
        {"all": [{"attribute": "n", "is": 1}, {"attribute": "n", "is": 2}]},
        {"all": [{"attribute": str(number), "is": 1} for number in range(51)]},
    ],
)
async def test_a_rule_that_cannot_be_read_is_refused(db: Database, tenant: Tenant, rule: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="segment's rule"):
        await saved(db, tenant, rule)
    async with db.transaction(tenant.tenant_id) as connection:
        assert await list_segments(connection, tenant_id=tenant.tenant_id) == []


async def test_a_segment_is_found_by_id_and_key_with_its_size(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, {"a": {"city": "Huế"}, "b": {}})
    segment = await saved(db, tenant, HUE)
    assert (segment.size, segment.refreshed_at) == (0, None)
    await refreshed(db, tenant, segment)
    async with db.transaction(tenant.tenant_id) as connection:
        by_id = await get_segment(connection, tenant_id=tenant.tenant_id, segment_id=segment.segment_id)
        assert by_id == await segment_by_key(connection, tenant_id=tenant.tenant_id, key="hue")
        assert await list_segments(connection, tenant_id=tenant.tenant_id) == [by_id]
    assert by_id.size == 1
    assert by_id.refreshed_at is not None


async def test_a_segment_is_nobodys_but_its_tenants(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    await people(db, other_tenant, {"theirs": {"city": "Huế"}})
    await people(db, tenant, {"ours": {"city": "Huế"}})
    segment = await saved(db, tenant, HUE)
    assert await refreshed(db, tenant, segment) == Diff(joined=1, left=0, size=1)
    for claimed in (tenant, other_tenant):
        async with db.transaction(other_tenant.tenant_id) as connection:
            where: dict[str, Any] = {"tenant_id": claimed.tenant_id, "segment_id": segment.segment_id}
            with pytest.raises(NotFound):
                await get_segment(connection, **where)
            with pytest.raises(NotFound):
                await refresh_segment(connection, **where)
            with pytest.raises(NotFound, match="'hue'"):
                await segment_by_key(connection, tenant_id=claimed.tenant_id, key="hue")
