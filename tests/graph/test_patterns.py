"""Graph patterns find the people they say, for everybody and for a few alike, inside one tenant, through any values."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.db import Database, Transaction
from engine.profiles import upsert_profiles
from graph.cypher import CypherFileError
from graph.patterns import Prepared, _read, library, pattern
from rules.conditions.nodes import Pattern, Scalar
from rules.errors import InvalidInput, NotFound
from tests.conftest import Tenant
from tests.engine import journeys

GOOD = """// People who bought it.
// kind: read
// params: product
// returns: profile_id bigint
MATCH (p:Profile)-[:BOUGHT]->(x:Product) WHERE x.key = $product RETURN p.profile_id
"""
FRIENDS = "MATCH (p:Profile)-[:KNOWS]->(q:Profile) WHERE q.ext_id = $who RETURN p.profile_id"


def _bought(*keys: str) -> list[dict[str, Any]]:
    return [{"kind": "BOUGHT", "key": key} for key in keys]


# Who bought, likes, met and knows what and whom.
PEOPLE: Mapping[str, list[dict[str, Any]]] = {
    "an": [*_bought("tea", "cup"), {"kind": "INTERESTED_IN", "key": "garden", "weight": 0.9}],
    "bao": [*_bought("tea"), {"kind": "INTERESTED_IN", "key": "garden", "weight": 0.2}],
    "chi": [*_bought("cup"), {"kind": "KNOWS", "key": "an"}],
    "dung": [{"kind": "KNOWS", "key": "an"}, {"kind": "INTERESTED_IN", "key": "garden"}],
    "em": [{"kind": "ENGAGED", "key": "fair", "occurred_at": "2026-02-01T00:00:00+00:00"}, *_bought("rice")],
    "gia": [{"kind": "ENGAGED", "key": "fair", "occurred_at": "2025-02-01T00:00:00+00:00"}],
    "hoa": _bought("tea", "cup"),
}


async def _fill(connection: Transaction, tenant: Tenant, people: Mapping[str, list[dict[str, Any]]]) -> dict[str, int]:
    documents = [{"ext_id": ext_id, "relations": relations} for ext_id, relations in people.items()]
    return dict((await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=documents)).ids)


async def _found(connection: Transaction, tenant: Tenant, prepared: Prepared) -> set[int]:
    rows = await connection.execute(prepared.sql(tenant.graph), {"pattern": prepared.argument()})
    return {row["profile_id"] for row in await rows.fetchall()}


def _named(name: str, **values: Scalar) -> Prepared:
    return pattern(Pattern(name, None, tuple(sorted(values.items()))))


def _inline(text: str, **values: Scalar) -> Prepared:
    return pattern(Pattern(None, text, tuple(sorted(values.items()))))


EXPECTED = (
    (_named("bought_product", product="tea"), "an bao hoa"),
    (_named("bought_product", product="sea"), ""),
    (_named("interested_in", topic="garden", at_least=0.5), "an dung"),
    (_named("interested_in", topic="garden", at_least=0.9), "an dung"),
    (_named("engaged_touchpoint", touchpoint="fair", since="2026-01-01"), "em"),
    (_named("engaged_touchpoint", touchpoint="fair", since="2026-02-01T00:00:00.000000Z"), "em"),
    (_named("knows_buyer", product="tea"), "chi dung"),
    (_named("knows_buyer", product="cup"), "dung"),
    (_named("bought_together", product="tea"), "chi"),
    (_named("neighbours_of", ext_id="an", at_least=1), "bao chi dung hoa"),
    (_named("neighbours_of", ext_id="an", at_least=2), "bao hoa"),
    (_named("neighbours_of", ext_id="chi", at_least=1), "an hoa"),
    (_named("interested_but_did_not_buy", topic="garden", product="tea"), "dung"),
    (_named("known_by_many", at_least=2), "an"),
    (_inline(FRIENDS, who="an"), "chi dung"),
    (_inline("MATCH (p:Profile) WHERE p.ext_id = '100%s %(a)s %%' OR p.ext_id = 'an' RETURN p.profile_id"), "an"),
    (_inline("MATCH (p:Profile) WHERE p.ext_id = '$leo0$ $leo1$' OR p.ext_id = \"an\" RETURN p.profile_id AS x"), "an"),
)


@pytest.mark.parametrize(("prepared", "expected"), EXPECTED, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_pattern_finds_the_people_it_says(
    db: Database, tenant: Tenant, other_tenant: Tenant, prepared: Prepared, expected: str
) -> None:
    async with db.transaction(other_tenant.tenant_id) as connection:
        await _fill(connection, other_tenant, PEOPLE)
    async with db.transaction(tenant.tenant_id) as connection:
        ids = await _fill(connection, tenant, PEOPLE)
        assert await _found(connection, tenant, prepared) == {ids[ext_id] for ext_id in expected.split()}


async def test_a_message_that_reached_somebody_is_told_from_one_that_was_clicked(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await journeys.base(connection)
        people = {name: await journeys.person(connection, name) for name in ("clicked", "read", "queued", "both")}
        await journeys.journey(connection, ground, people["clicked"], outcomes=("delivered", "clicked"))
        await journeys.journey(connection, ground, people["read"], outcomes=("delivered", "read"))
        await journeys.journey(connection, ground, people["queued"], status="queued")
        # One message left alone and another one clicked: that person did click.
        await journeys.journey(connection, ground, people["both"], outcomes=("delivered",))
        await journeys.journey(connection, ground, people["both"], outcomes=("clicked",), kind="request")
        reached = await _found(connection, tenant, _named("reached_by_campaign", campaign="welcome"))
        silent = await _found(connection, tenant, _named("received_but_did_not_click", campaign="welcome"))
        for name in ("reached_by_campaign", "received_but_did_not_click"):
            assert await _found(connection, tenant, _named(name, campaign="another")) == set()
    assert reached == {people["clicked"], people["read"], people["both"]}
    assert silent == {people["read"]}


VALUES: Mapping[str, Scalar] = {"at_least": 1, "since": "2000", "ext_id": "p1", "campaign": "c"}
# Values for every pattern of the library, and inline ones of each shape that is asked for a few people.
ANYWHERE = (
    *(_named(name, **{key: VALUES.get(key, "k1") for key in one.parameters}) for name, one in library().items()),
    _inline(FRIENDS, who="p1"),
    _inline("MATCH (p:Profile) RETURN p.profile_id"),
    _inline("MATCH (p:Profile) WHERE p.ext_id = 'p1' OR p.ext_id = 'p2' RETURN DISTINCT p.profile_id AS x ORDER BY x"),
    _inline(
        "MATCH (x:Product)<-[:BOUGHT]-(q:Profile) WITH x, count(q) AS n WHERE n > 1"
        " MATCH (p:Profile)-[:BOUGHT]->(x) RETURN p.profile_id"
    ),
    _inline("MATCH (p:Profile)-[:BOUGHT]->(x:Product) WITH p, count(x) AS n WHERE n > 1 RETURN p.profile_id"),
    _inline("UNWIND ['p1', 'p2', 'p3'] AS e MATCH (p:Profile) WHERE p.ext_id = e RETURN p.profile_id"),
    _inline("MATCH (p:Profile) RETURN p.profile_id ORDER BY p.ext_id LIMIT 3"),
)


async def test_asking_for_a_few_gives_what_asking_for_all_gives_of_them(db: Database, tenant: Tenant) -> None:
    chance = random.Random(7)  # noqa: S311 - a world, not a secret
    keys = {"BOUGHT": "k", "INTERESTED_IN": "k", "ENGAGED": "k", "KNOWS": "p"}
    people = {
        f"p{n}": [
            {"kind": kind, "key": f"{prefix}{m}", "occurred_at": "2026-01-01T00:00:00+00:00"}
            for kind, prefix in keys.items()
            for m in range(12)
            if chance.random() < 0.2
        ]
        for n in range(12)
    }
    async with db.transaction(tenant.tenant_id) as connection:
        ids = await _fill(connection, tenant, people)
        found = 0
        for prepared in ANYWHERE:
            everybody = await _found(connection, tenant, prepared)
            found += bool(everybody)
            for few in ([], [ids["p1"]], list(ids.values())[3:9], [ids["p2"], 1, 2]):
                given = await _found(connection, tenant, prepared.among(few))
                assert given & set(few) == everybody & set(few), prepared.text
                assert not prepared.is_narrow or given <= set(few), prepared.text
    # The two about campaigns have nobody here; the limited one asks everybody.
    assert found == len(ANYWHERE) - 2
    assert [prepared.is_narrow for prepared in ANYWHERE].count(False) == 1


async def test_one_person_is_found_by_the_index_and_not_among_all(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ids = await _fill(connection, tenant, {f"p{n}": _bought(f"k{n % 20}") for n in range(3000)})
    async with db.transaction(tenant.tenant_id) as connection:
        for prepared in (_named("bought_product", product="k1"), _named("known_by_many", at_least=1)):
            one = prepared.among([ids["p7"]])
            rows = await connection.execute(f"EXPLAIN {one.sql(tenant.graph)}", {"pattern": one.argument()})
            plan = "\n".join(row["QUERY PLAN"] for row in await rows.fetchall())
            assert "Index Cond: (agtype_access_operator(VARIADIC ARRAY[properties, '\"profile_id\"'::agtype]) =" in plan
            assert 'Seq Scan on "Profile" p' not in plan


async def test_a_pattern_stands_inside_a_larger_statement(db: Database, tenant: Tenant) -> None:
    """Two patterns, each with a placeholder of its own, beside parameters of the statement."""
    first, second = _named("bought_product", product="tea"), _inline(FRIENDS, who="an")
    async with db.transaction(tenant.tenant_id) as connection:
        await _fill(connection, tenant, PEOPLE)
        statement = (
            f"SELECT ext_id FROM cdp_profiles WHERE status = %(status)s AND ("  # noqa: S608
            f"profile_id IN ({first.sql(tenant.graph, 'g1')}) OR profile_id IN ({second.sql(tenant.graph, 'g2')}))"
            " ORDER BY ext_id"
        )
        values = {"status": "active", "g1": first.argument(), "g2": second.argument()}
        rows = await (await connection.execute(statement, values)).fetchall()
    assert [row["ext_id"] for row in rows] == ["an", "bao", "chi", "dung", "hoa"]


async def test_another_tenants_graph_shows_nobody(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    async with db.transaction(other_tenant.tenant_id) as connection:
        await _fill(connection, other_tenant, PEOPLE)
    async with db.transaction(tenant.tenant_id) as connection:
        assert await _found(connection, other_tenant, _named("bought_product", product="tea")) == set()


@given(text=st.text(max_size=40))
@example("%s %(pattern)s %% $leo0$ $leo1$")
def test_a_text_cannot_leave_its_quotes(text: str) -> None:
    cypher = "MATCH (p:Profile) WHERE p.ext_id = " + _quoted(text) + " RETURN p.profile_id"
    try:
        prepared = _inline(cypher)
    except InvalidInput:
        return
    sql = prepared.sql("leo_acme") % {"pattern": "$1"}
    opening = sql.split("'leo_acme', ", 1)[1].split("\n", 1)[0]
    assert sql.count(opening) == 2
    assert sql.split(opening)[1].strip() == cypher


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize(
    ("leaf", "told"),
    [
        (Pattern("bought_product", None), "product"),
        (Pattern("bought_product", None, (("product", "a"), ("more", 1))), "more"),
        (Pattern(None, FRIENDS, (("whom", "an"),)), "who, whom"),
        (Pattern(None, "MATCH (p:Profile) RETURN p"), "ids of people"),
        (Pattern(None, "MATCH (p:Profile) RETURN p.ext_id"), "ids of people"),
        (Pattern(None, "MATCH (p:Profile) RETURN p.profile_id, p.ext_id"), "ids of people"),
        (Pattern(None, "MATCH (x:Product) RETURN x.target_id AS profile_id"), "ids of people"),
        (Pattern(None, "MATCH (p:Profile) RETURN p.profile_id + 1 AS profile_id"), "ids of people"),
        (Pattern(None, "MATCH (p:Profile) SET p.status = 'x' RETURN p.profile_id"), "SET is not taken"),
    ],
)
def test_what_gives_no_ids_of_people_is_refused(leaf: Pattern, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        pattern(leaf)


def test_a_name_that_the_library_does_not_have_is_not_found() -> None:
    with pytest.raises(NotFound, match="bought_product"):
        pattern(Pattern("bought_prodcut", None))


@pytest.mark.parametrize("graph", ["acme", "leo_x'; DROP TABLE tenant; --", "leo_acme\n", ""])
def test_a_name_that_is_no_graph_of_ours_is_refused(graph: str) -> None:
    with pytest.raises(InvalidInput):
        _named("known_by_many", at_least=1).sql(graph)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("x:Product", "x:Prodcut"), "no label"),
        (("x.key", "x.kye"), "no property"),
        (("params: product", "params: products"), "products"),
        (("kind: read", "kind: write"), "header"),
        (("profile_id bigint", "profile_id text"), "header"),
        (("RETURN p.profile_id", "RETURN p.ext_id"), "ids of people"),
        (("// People who bought it.\n", ""), "sentence"),
    ],
)
def test_a_bad_file_is_refused_by_name(change: tuple[str, str], told: str) -> None:
    assert _read("good", GOOD).purpose == "People who bought it."
    with pytest.raises(CypherFileError, match=rf"bad\.cypher.*{told}"):
        _read("bad", GOOD.replace(*change))
