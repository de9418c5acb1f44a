"""The guard lets plain reads through and nothing else: what it takes is Cypher to AGE too, whatever else is refused."""

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import AsyncRawCursor, RawCursor

from engine.db import Database
from graph.cypher import library
from graph.guard import EDGES, LABELS, read
from rules.errors import InvalidInput
from tests.conftest import Tenant

TAKEN = (
    "MATCH (p:Profile) RETURN p",
    "match (p:Profile) where p.ext_id = 'a' return p.profile_id as id order by id desc skip 1 limit 10",
    "MATCH (p:Profile)-[b:BOUGHT]->(x:Product)\nWHERE x.key = $key AND b.weight >= 1.5\nRETURN DISTINCT p.profile_id",
    "MATCH (p:Profile)<-[:DECIDED_FOR]-(d:Decision), (d)-[:UNDER]->(c:Campaign) RETURN c.key, count(*) AS decisions",
    "MATCH (p:Profile) WHERE p.ext_id IN ['a', \"b\", $c] OR p.status IS NOT NULL XOR NOT p.status <> 'x' RETURN p",
    "MATCH (p:Profile) WHERE p.ext_id STARTS WITH 'a' AND p.ext_id ENDS WITH 'b' AND p.ext_id CONTAINS 'c' RETURN p",
    "MATCH (p:Profile) RETURN CASE WHEN p.status = 'a' THEN 1 ELSE -2 END AS a, CASE p.status WHEN 'x' THEN 1 END AS b",
    "MATCH (p:Profile) RETURN (p.profile_id + 1) * 2 - 3 / 4 % 5 AS n, 2 ^ 3 AS m, toLower(p.ext_id) + 'x' AS t",
    "UNWIND $ids AS i MATCH (p:Profile) WHERE p.profile_id = i RETURN p.ext_id",
    "UNWIND [1, 2] AS i MATCH (p:Profile) WHERE p.profile_id = i RETURN p.ext_id",
    "MATCH (p:Profile) OPTIONAL MATCH (p)-[:BOUGHT]->(x:Product) WITH p, count(x) AS n WHERE n = 0 RETURN p.profile_id",
    "MATCH (p:Profile) WHERE NOT exists((p)-[:BOUGHT]->(:Product)) AND exists(p.ext_id) RETURN p.profile_id",
    "MATCH (p:Profile)-[r]->(x) WHERE p.ext_id = 'a' RETURN p, r, x, type(r) AS kind, label(x) AS what",
    "MATCH way = (p:Profile)-[:KNOWS]->(q:Profile) RETURN way, length(way) AS hops",
    "MATCH (p:Profile)-[:BOUGHT]->(x:Product) WITH p, x LIMIT 99 RETURN p.ext_id, collect(DISTINCT x.key) AS keys",
    "MATCH (p:Profile) WITH p.status AS s, count(*) AS n ORDER BY n DESC LIMIT 3 RETURN s, n, null AS z, true AS t",
    r"MATCH (p:Profile) WHERE p.ext_id = 'it\'s // no; comment /* $$ `x` CREATE \u00e9 \\' RETURN p.ext_id",
    "MATCH (p:Profile) WHERE p.ext_id = \"'\" AND p.status = 'Đà Nẵng 🙂\n\t' RETURN p.ext_id",
    "MATCH (p:Profile) RETURN p.profile_id ORDER BY p.profile_id LIMIT $most",
    "MATCH (p:Profile) WHERE (p.ext_id IN ['a']) IS NOT NULL AND p.ext_id IN ['a'] = p.status IS NULL RETURN p.ext_id",
)

# What each is refused for, as the sentence says it.
REFUSED = {
    "CREATE (:Profile)": "CREATE is not taken",
    "MATCH (p:Profile) CREATE (:Profile) RETURN p": "CREATE is not taken",
    "MATCH (p:Profile) SET p.status = 'x' RETURN p": "SET is not taken",
    "MATCH (p:Profile) DELETE p": "DELETE is not taken",
    "MATCH (p:Profile) DETACH DELETE p": "DETACH is not taken",
    "MATCH (p:Profile) REMOVE p.status RETURN p": "REMOVE is not taken",
    "MERGE (p:Profile) RETURN p": "MERGE is not taken",
    "MATCH (p:Profile) merge (q:Profile) RETURN p": "MERGE is not taken",
    "CALL pg_catalog.pg_sleep(10)": "CALL is not taken",
    "LOAD CSV FROM 'x' AS row RETURN row": "LOAD is not taken",
    "MATCH (p:Profile) FOREACH (x IN [1] | SET p.a = x)": "kind",
    "EXPLAIN MATCH (p:Profile) RETURN p": "MATCH is expected",
    "MATCH (p:Profile) RETURN p UNION MATCH (p:Profile) RETURN p": "ends with RETURN",
    "RETURN 1 AS one": "MATCH is expected",
    "MATCH (p:Profile)": "RETURN is expected",
    "": "MATCH is expected",
    "MATCH (p:Profile)-[*]->(q:Profile) RETURN p": "variable length",
    "MATCH (p:Profile)-[:KNOWS*1..3]->(q:Profile) RETURN p": "Ranges",
    "MATCH (p:Profile)-[:KNOWS*2]->(q:Profile) RETURN p": "variable length",
    "MATCH (p:Profile)-[k:KNOWS *]->(q:Profile) RETURN p": "variable length",
    "MATCH p = shortestPath((a:Profile)-[:KNOWS]->(b:Profile)) RETURN p": "expected",
    "MATCH (p:Profile) RETURN shortestPath(p) AS x": "function 'shortestPath'",
    "MATCH (p:Profile) RETURN pg_catalog.set_config('leo.tenant', 'x', true) AS x": "no variable 'pg_catalog'",
    "MATCH (p:Profile) RETURN p.set_config('a') AS x": "function 'p.set_config'",
    "MATCH (p:Profile) RETURN set_config('leo.tenant', 'x', true) AS x": "function 'set_config'",
    "MATCH (p:Profile) RETURN age_vle(p) AS x": "function 'age_vle'",
    "MATCH (p:Profile) RETURN id(p) AS x": "function 'id'",
    "UNWIND range(1, 10000000) AS i MATCH (p:Profile) WHERE p.profile_id = i RETURN p": "[ is expected",
    "MATCH (p:Profile) RETURN range(1, 10) AS x": "function 'range'",
    "MATCH (p:Profile) RETURN p.ext_id::pg_text AS x": "Casts",
    "MATCH (p:Profile) RETURN 1 OPERATOR(pg_catalog.+) 2 AS x": "needs a name",
    "MATCH (p:Profile) WHERE p.ext_id =~ '(a+)+b' RETURN p": "'=~' is not taken",
    "MATCH (p:Profile) WHERE p.ext_id = $a$b RETURN p": "'\\$' has to begin",
    "MATCH (p:Profile) RETURN p LIMIT$n": "'\\$' has to begin",
    "MATCH (p:Profile) RETURN $$ AS x": "'\\$' has to begin",
    "MATCH (p:Profile) RETURN p.`ext_id`": "backticks",
    "MATCH (p:Profile) RETURN p; MATCH (q:Profile) RETURN q": "one statement",
    "MATCH (p:Profile) RETURN p // all": "Comments",
    "MATCH (p:Profile) /* all */ RETURN p": "Comments",
    "MATCH (p:Profile) -- all\nRETURN p": "Comments",
    "MATCH (p:Profile {ext_id: 'a'}) RETURN p": "Maps",
    "MATCH (p:Profile) RETURN {a: 1} AS x": "Maps",
    "MATCH (p:Profile) RETURN [x IN [1, 2] WHERE x > 1] AS y": "no variable 'x'",
    "MATCH (p:Profile) RETURN [1, 2][0] AS y": "needs a name",
    "MATCH (p:Profile) WHERE EXISTS { MATCH (p) } RETURN p": "Maps",
    "MATCH (p:Profil) RETURN p": "no label 'Profil'",
    "MATCH (p:profile) RETURN p": "no label 'profile'",
    "MATCH (p:Profile)-[:BUYS]->(x:Product) RETURN p": "no kind of edge 'BUYS'",
    "MATCH (p:Profile)-[:BOUGHT|KNOWS]->(x:Product) RETURN p": "one kind",
    "MATCH (p:Profile) WHERE p.email = 'a' RETURN p": "no property 'email'",
    "MATCH (p:Profile)-[b:BOUGHT]->(x:Product) WHERE b.price > 1 RETURN p": "no property 'price'",
    "MATCH (p:Profile) WHERE p.ext_id IN p.status IS NOT NULL RETURN p": "IS cannot follow IN",
    "MATCH (p:Profile) WHERE p.ext_id CONTAINS 'a' STARTS WITH 'b' RETURN p": "STARTS cannot follow CONTAINS",
    **dict.fromkeys(
        (
            "MATCH (p:Profile) WHERE (NOT true) IN (NOT true) RETURN p",
            "MATCH (p:Profile) WHERE (p.status IS NULL) STARTS WITH 'x' RETURN p",
            "MATCH (p:Profile) WHERE p.ext_id CONTAINS (true AND p.status = 'x') RETURN p",
            "MATCH (p:Profile) WHERE p.ext_id ENDS WITH (CASE WHEN true THEN NOT true END) RETURN p",
            "MATCH (p:Profile) WITH p, NOT true AS b WHERE b IN b RETURN p",
            "MATCH (p:Profile) RETURN NOT true AS b ORDER BY b CONTAINS 'x'",
            "MATCH (p:Profile) RETURN toString(p.ext_id = 'x') AS b",
            "MATCH (p:Profile) RETURN [NOT true] AS b",
            "MATCH (p:Profile) RETURN max(exists(p.status)) AS b",
            "MATCH (p:Profile) RETURN -(NOT true) AS b",
        ),
        "A condition is no value",
    ),
    "MATCH (n) RETURN n": "No node of this pattern has a label",
    "MATCH ()-[:KNOWS]->(n) RETURN n": "No node of this pattern has a label",
    "MATCH (p:Profile)-[:KNOWS]-(q:Profile) RETURN p": "no direction",
    "MATCH (p:Profile)--(q:Profile) RETURN p": "Comments and edges without brackets",
    "MATCH (p:Profile)-->(q:Profile) RETURN p": "written with brackets",
    "MATCH (p:Profile)<-[:KNOWS]->(q:Profile) RETURN p": "- is expected",
    "MATCH (p:Profile), (q:Profile) RETURN p": "joined with everything",
    "MATCH (p:Profile) MATCH (q:Profile) RETURN p": "joined with everything",
    "MATCH (p:Profile) WITH p.ext_id AS e MATCH (q:Profile) WHERE q.ext_id = e RETURN q": "joined with everything",
    "MATCH (p:Profile) OPTIONAL MATCH (x:Product) RETURN p": "joined with everything",
    "UNWIND [1, 2] AS i MATCH (p:Profile) RETURN p": "does not use 'i'",
    "MATCH (p:Profile) UNWIND [1, 2] AS i RETURN p": "MATCH, OPTIONAL MATCH, WITH or RETURN",
    "MATCH (p:Profile) WITH p AS q RETURN q": "keeps its name",
    "MATCH (p:Profile) WITH p, p RETURN p": "listed twice",
    "MATCH (p:Profile) WITH p.ext_id RETURN p": "needs a name",
    "MATCH (p:Profile) WITH p.ext_id AS e RETURN p": "no variable 'p'",
    "MATCH (p:Profile)-[p:KNOWS]->(q:Profile) RETURN p": "named already",
    "MATCH (p:Profile)-[:BOUGHT]->(p:Product) RETURN p": "something else already",
    "MATCH (p:Profile) RETURN *": "value is expected",
    "MATCH (p:Profile) RETURN count(*)": "needs a name",
    "MATCH (p:Profile)-[:KNOWS]->(q:Profile) RETURN p.ext_id, q.ext_id": "two columns",
    "MATCH (p:Profile) WHERE count(*) > 1 RETURN p": "not taken here",
    "MATCH (p:Profile) RETURN count(count(p)) AS n": "not taken here",
    "MATCH (p:Profile) WITH collect(p) AS all RETURN all": "RETURN alone",
    "MATCH (p:Profile) RETURN collect(p) AS everybody": "no bound",
    "MATCH (p:Profile) WITH p LIMIT 1001 RETURN collect(p) AS many": "no bound",
    "MATCH (p:Profile) WITH p LIMIT $most RETURN collect(p) AS many": "no bound",
    "MATCH (p:Profile) WITH p LIMIT 9 MATCH (p)-[:KNOWS]->(q:Profile) RETURN collect(q) AS many": "no bound",
    "MATCH (p:Profile) WHERE exists((q:Profile)-[:KNOWS]->(p)) RETURN p": "not known outside",
    "MATCH (p:Profile) WHERE exists((:Profile)-[:KNOWS]->(:Profile)) RETURN p": "names no node that is known",
    "MATCH (order:Profile) RETURN order": "name is expected",
    "MATCH (_age_default_alias_0:Profile) RETURN 1 AS one": "cannot be a name",
    "MATCH (leo_person:Profile) RETURN 1 AS one": "cannot be a name",
    "MATCH (p:Profile) WHERE p.profile_id = $leo_people RETURN p": "cannot begin with leo_",
    "MATCH (p:Profile) WHERE p.ext_id = 'open RETURN p": "does not end",
    "MATCH (p:Profile) WHERE p.ext_id = 'a\\x' RETURN p": "unknown escape",
    "MATCH (p:Profile) WHERE p.ext_id = '\\u0000' RETURN p": "unknown escape",
    "MATCH (p:Profile) WHERE p.ext_id = '\\ud800' RETURN p": "unknown escape",
    "MATCH (p:Profile) WHERE p.profile_id = 0x1F RETURN p": "not taken here",
    "MATCH (p:Profile) WHERE p.profile_id = 017 RETURN p": "not taken here",
    "MATCH (p:Profile) WHERE p.profile_id = 9999999999999999999 RETURN p": "not taken here",
    "MATCH (p:Profile)\u00a0RETURN p": "not taken here",
    "MATCH (р:Profile) RETURN 1 AS one": "not taken here",  # noqa: RUF001 - that letter is Cyrillic
    "MATCH (p:Profile) RETURN p LIMIT -1": "whole number",
    "MATCH (p:Profile) RETURN p LIMIT 1.5": "whole number",
    "MATCH (p:Profile) RETURN coalesce() AS x": "value is expected",
    "MATCH (p:Profile) RETURN left(p.ext_id) AS x": "does not take 1",
}

BASE = (
    "MATCH (p:Profile)-[b:BOUGHT]->(x:Product) WHERE x.key = $key AND b.weight > 1 "
    "WITH p, count(x) AS n ORDER BY n DESC LIMIT 10 "
    "OPTIONAL MATCH (p)-[:KNOWS]->(q:Profile) RETURN p.profile_id, n + 1 AS m, toLower(q.ext_id) AS who"
)
HOSTILE = (
    *(" CREATE (:Profile) ", " SET p.status = 1 ", " DELETE p ", " REMOVE p.x ", " MERGE (z:Profile) ", " CALL f() "),
    *(
        " UNION RETURN 1 ",
        " FOREACH (i IN [1] | SET p.x = i) ",
        " LOAD CSV FROM 'x' AS r ",
        "-[*]->",
        "[*1..3]",
        "*1..",
    ),
    *(
        "::pg_text",
        "::int",
        ";",
        "; DROP TABLE tenant",
        "//",
        "/*",
        "*/",
        "--",
        "`",
        "$$",
        "$leo0$",
        "{",
        "}",
        "\\",
        "?",
    ),
    *("pg_catalog.set_config('a','b',true)", " range(1, 9) ", " shortestPath((p)-[:KNOWS]->(q)) ", "=~", "||", "@>"),
    *("\x00", "\x1b", "\u202e", "\ufeff", "\u2028", "é", "'", '"', "#", "!", "&", "~", "<->", "..", "(n), (m),"),
)


@pytest.mark.parametrize("text", TAKEN)
def test_a_plain_read_passes_unchanged(text: str) -> None:
    assert read(text).text == text


@pytest.mark.parametrize("text", TAKEN)
async def test_what_passes_is_cypher_to_age_too(db: Database, module_tenant: Tenant, text: str) -> None:
    guarded = read(text)
    values: dict[str, Any] = dict.fromkeys(guarded.parameters, 1) | ({"ids": [1]} if "$ids" in text else {})
    columns = ", ".join(f'"{column}" agtype' for column in guarded.columns)
    async with db.transaction(module_tenant.tenant_id, read_only=True) as connection:
        cursor = AsyncRawCursor(connection)
        statement = f"SELECT * FROM cypher('{module_tenant.graph}', $x$ {text} $x$, $1) AS ({columns})"  # noqa: S608
        await cursor.execute(statement, (json.dumps(values),))
        assert await cursor.fetchall() is not None


@pytest.mark.parametrize(("text", "told"), REFUSED.items())
def test_what_is_no_plain_read_is_refused_and_why(text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=rf"line \d+, column \d+: .*{re.escape(told) if '[' in told else told}"):
        read(text)


@given(at=st.integers(0, len(BASE)), fragment=st.sampled_from(HOSTILE))
@settings(max_examples=2000)
def test_a_hostile_fragment_passes_nowhere(at: int, fragment: str) -> None:
    with pytest.raises(InvalidInput):
        read(BASE[:at] + fragment + BASE[at:])


words = st.sampled_from([*"()[]-<>=.,:*'\"$\\/ p1", "MATCH ", "RETURN ", "WITH ", "Profile", "[:KNOWS]", "(p)", "AS x"])


@given(text=st.lists(words, max_size=40).map(lambda parts: "MATCH (p:Profile) " + "".join(parts)))
@settings(max_examples=500)
@example("MATCH (p:Profile)RETURN p" + "(" * 2000)
@example("MATCH (p:Profile)RETURN " + "NOT " * 2000)
@example("MATCH (p:Profile)RETURN " + "- " * 2000)
def test_any_text_is_read_or_refused_and_never_breaks_the_reader(text: str) -> None:
    try:
        guarded = read(text)
    except InvalidInput:
        return
    assert guarded.columns


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
@example("' OR 1 = 1 //")
@example("\\' CREATE (:Profile)")
@example("$$) AS (x agtype); DROP TABLE tenant; --")
def test_what_stands_in_quotes_is_no_code(text: str) -> None:
    written = json.dumps(text, ensure_ascii=False)
    assert read(f"MATCH (p:Profile) WHERE p.ext_id = {written} RETURN p").parameters == frozenset()


@pytest.fixture(scope="module")
def session(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, options="-c search_path=public,ag_catalog") as connection:
        yield connection


def test_a_text_means_to_age_what_it_means_to_the_guard(
    session: psycopg.Connection[Any], module_tenant: Tenant
) -> None:
    """Where the two read quotes differently, code could hide in a text."""

    @given(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30))
    @settings(max_examples=100, deadline=None)
    @example("a\\'b\"c\\\\")
    @example("/* // */ -- ;")
    def check(text: str) -> None:
        written = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
        query = read(f"UNWIND [{written}] AS t MATCH (c:Channel) WHERE c.name <> t RETURN t")
        list_alone = query.text.split(" MATCH")[0] + " RETURN t"
        rows = RawCursor(session).execute(
            f"SELECT * FROM cypher('{module_tenant.graph}', $leo$ {list_alone} $leo$) AS (t text)"  # noqa: S608
        )
        assert rows.fetchall() == [(text,)]

    session.rollback()
    check()


operands = st.recursive(
    st.sampled_from(["p.profile_id", "x.key", "b.weight", "$a", "1", "2.5", "'t'", "null", "true"]),
    lambda inner: st.one_of(
        st.tuples(
            inner, st.sampled_from(["=", "<>", "<", ">=", "AND", "OR", "XOR", "IN", "STARTS WITH", "CONTAINS"]), inner
        ).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"(NOT {part})"),
        inner.map(lambda part: f"{part} IS NOT NULL"),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.tuples(inner, inner, inner).map(lambda p: f"CASE WHEN {p[0]} THEN {p[1]} ELSE {p[2]} END"),
        st.tuples(st.sampled_from(["toString", "coalesce", "size"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
    ),
    max_leaves=6,
)


def test_any_expression_that_passes_is_one_to_age(session: psycopg.Connection[Any], module_tenant: Tenant) -> None:
    """AGE may find that types do not fit; it never reads another sentence."""

    @given(condition=operands)
    @settings(max_examples=500, deadline=None)
    def check(condition: str) -> None:
        try:
            query = read(f"MATCH (p:Profile)-[b:BOUGHT]->(x:Product) WHERE {condition} RETURN p.profile_id")
        except InvalidInput:
            return
        statement = f"SELECT * FROM cypher('{module_tenant.graph}', $leo$ {query.text} $leo$, $1) AS (i agtype)"  # noqa: S608
        try:
            with session.transaction():
                RawCursor(session).execute(statement, ('{"a": 1}',))
        except psycopg.errors.SyntaxError as error:
            pytest.fail(f"{condition}: {error}")
        except (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError):
            return

    session.rollback()
    check()


def test_nothing_grows_past_its_bound() -> None:
    doubled = "MATCH (p:Profile) WITH p, 'aaaaaaaa' AS s " + "WITH p, s + s AS s " * 30 + "RETURN p, s"
    for text, told in (
        (doubled, "too long"),
        ("MATCH (p:Profile) WITH [1, 2] AS l " + "WITH l + l AS l " * 30 + "RETURN l", "too long"),
        (f"MATCH (p:Profile) RETURN [{', '.join(['1'] * 1001)}] AS l", "1,001 values"),
        (f"MATCH (p:Profile) RETURN {'(' * 60}1{')' * 60} AS n", "nested"),
        (f"MATCH (p:Profile){'-[:KNOWS]->(:Profile)' * 8} RETURN p", "more than 16"),
        ("MATCH (p:Profile) RETURN p" + " " * 10_000, "10,026 characters"),
        (f"MATCH (p:Profile) WITH p LIMIT 9 RETURN collect('{'a' * 100}') AS l", "takes a variable or a property"),
    ):
        with pytest.raises(InvalidInput, match=told):
            read(text)
    assert read(f"MATCH (p:Profile) RETURN [{', '.join(['1'] * 1000)}] AS l").columns == ("l",)


def test_a_refusal_says_where() -> None:
    with pytest.raises(InvalidInput, match=r"line 2, column 7: CREATE"):
        read("MATCH (p:Profile)\n      CREATE (q:Profile)")


def test_parameters_and_columns_are_those_of_the_query() -> None:
    guarded = read(
        "MATCH (p:Profile) WHERE p.ext_id = $who AND p.status <> '$none' RETURN p.profile_id, p.status AS s LIMIT $n"
    )
    assert guarded.parameters == {"who", "n"}
    assert guarded.columns == ("profile_id", "s")


def test_a_place_to_ask_for_one_person_is_told_only_where_that_changes_nothing() -> None:
    assert "p" in read("MATCH (p:Profile)-[:BOUGHT]->(x:Product) WITH p, count(x) AS n RETURN p.profile_id").found_in
    for text in (
        "MATCH (p:Profile) RETURN p.profile_id LIMIT 5",
        "MATCH (p:Profile) WITH p ORDER BY p.ext_id SKIP 5 RETURN p.profile_id",
        "MATCH (x:Product) OPTIONAL MATCH (p:Profile)-[:BOUGHT]->(x) RETURN p.profile_id",
    ):
        assert "p" not in read(text).found_in
    late = "MATCH (x:Product) WITH x ORDER BY x.key LIMIT 3 MATCH (p:Profile)-[:BOUGHT]->(x) RETURN p.profile_id"
    assert read(late).found_in.keys() == {"p"}


async def test_labels_kinds_and_properties_are_those_of_the_schema(db: Database, module_tenant: Tenant) -> None:
    async with db.transaction(module_tenant.tenant_id) as connection:
        rows = await (
            await connection.execute("SELECT kind, label, id_column, properties FROM graph_element")
        ).fetchall()
    vertices = {row["label"]: {row["id_column"], *row["properties"]} for row in rows if row["kind"] == "vertex"}
    assert vertices == {label: set(shown) for label, shown in LABELS.items()}
    edges = {row["label"]: set(row["properties"]) for row in rows if row["kind"] == "edge"}
    assert edges == {kind: set(shown) for kind, shown in EDGES.items()}


def test_a_journey_is_a_query_of_ours_alone_because_it_is_larger_than_a_users_may_be() -> None:
    body = "\n".join(line for line in library()["trace"].text.splitlines() if not line.startswith("//"))
    with pytest.raises(InvalidInput, match="more than 16 nodes and edges"):
        read(body)
