"""Cypher files: the header is read exactly, the text is sent as it stands, and values arrive as they were given."""

import json

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.db import Database
from graph.cypher import COLUMN_TYPES, CypherFileError, CypherQuery, parse
from graph.session import fetch
from rules.errors import InvalidInput
from tests.conftest import Tenant

GOOD = """// Says what it was given; it's a question.
// kind: read
// params: what
// returns: said text, place bigint
RETURN $what, 1
"""


def test_a_header_is_read() -> None:
    query = parse("echo", GOOD)
    assert query.purpose == "Says what it was given; it's a question."
    assert query.kind == "read"
    assert query.parameters == {"what"}
    assert query.columns == (("said", "text"), ("place", "bigint"))
    assert query.text == GOOD.rstrip()


def test_a_long_list_goes_on_in_another_line() -> None:
    text = GOOD.replace("said text, place bigint", "said text,\n// returns: place bigint")
    assert parse("echo", text).columns == (("said", "text"), ("place", "bigint"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("// kind: read\n", ""), "kind"),
        (("kind: read", "kind: maybe"), "kind"),
        (("// Says what it was given; it's a question.\n", ""), "sentence"),
        (("// returns: said text, place bigint\n", ""), "returns"),
        (("place bigint", "place integer"), "integer"),
        (("place bigint", "place agtype"), "agtype"),
        (("// params: what\n", ""), "what"),
        (("// params: what", "// params: what, who"), "who"),
        (("RETURN $what", "RETURN $what, '$cypher$'"), "cypher"),
    ],
)
def test_a_bad_file_is_refused_by_name(change: tuple[str, str], told: str) -> None:
    with pytest.raises(CypherFileError, match=rf"bad\.cypher.*{told}"):
        parse("bad", GOOD.replace(*change))


def test_parameters_are_looked_for_in_code_alone() -> None:
    text = GOOD.replace("RETURN $what, 1", "// costs $5 or $more\nRETURN $what + '$none' + \"it's $nothing\", 1")
    assert parse("echo", text).parameters == {"what"}


def test_labels_are_found_in_nodes_and_edges() -> None:
    text = GOOD.replace(
        "RETURN", "MATCH (p:Profile)<-[:DECIDED_FOR]-(d:Decision)-[e:USED|UNDER]->() WHERE p.x = ':No' RETURN"
    )
    assert parse("echo", text).labels == {"Profile", "DECIDED_FOR", "Decision", "USED", "UNDER"}


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(
    columns=st.lists(st.tuples(names, st.sampled_from(sorted(COLUMN_TYPES))), min_size=1, max_size=6),
    parameters=st.frozensets(names, max_size=4),
)
def test_what_a_header_declares_is_what_is_read(columns: list[tuple[str, str]], parameters: frozenset[str]) -> None:
    text = "// Answers.\n// kind: read\n"
    if parameters:
        text += f"// params: {', '.join(sorted(parameters))}\n"
    text += f"// returns: {', '.join(' '.join(column) for column in columns)}\n"
    text += f"RETURN {', '.join([*(f'${name}' for name in sorted(parameters)), '1'])}"
    query = parse("any", text)
    assert query.columns == tuple(columns)
    assert query.parameters == parameters
    assert query.text in query.sql("leo_acme")


@pytest.mark.parametrize("graph", ["acme", "leo_a", "leo_x'; DROP TABLE tenant; --", "LEO_ACME", "leo_acme\n", ""])
def test_a_name_that_is_no_graph_of_ours_is_refused(graph: str) -> None:
    with pytest.raises(InvalidInput):
        parse("echo", GOOD).sql(graph)
    with pytest.raises(InvalidInput):
        parse("echo", GOOD).literal(graph, what="x")


@pytest.mark.parametrize("values", [{}, {"what": 1, "who": 2}, {"who": 1}])
def test_a_missing_or_unknown_parameter_is_refused(values: dict[str, int]) -> None:
    query = parse("echo", GOOD)
    with pytest.raises(InvalidInput, match="wh"):
        query.arguments(values)
    with pytest.raises(InvalidInput, match="wh"):
        query.literal("leo_acme", **values)


def test_a_value_cannot_end_the_quotes_it_is_written_into() -> None:
    with pytest.raises(InvalidInput):
        parse("echo", GOOD).literal("leo_acme", what="$cypher$, NULL) AS (x text); DROP TABLE tenant")


ODD = [
    "",
    "plain",
    "it's",
    'say "hi"',
    "back\\slash",
    "$what",
    "// no comment",
    "%s %",
    "dấu\nmới\ttab",
    "🙂",
    "\u0001",
]


@pytest.fixture
def echo() -> CypherQuery:
    return parse("echo", GOOD)


@pytest.mark.parametrize("value", ODD)
async def test_a_value_arrives_as_it_was_given(db: Database, tenant: Tenant, echo: CypherQuery, value: str) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        assert await fetch(connection, tenant.graph, echo, what=value) == [{"said": value, "place": 1}]
        pasted = psycopg.AsyncRawCursor(connection)
        await pasted.execute(echo.literal(tenant.graph, what=value))
        assert (await pasted.fetchall())[0]["said"] == value


async def test_columns_come_as_plain_values(db: Database, tenant: Tenant) -> None:
    text = "// One of each type.\n// kind: read\n// returns: t text, i bigint, f double precision, b boolean, j json, n text\n"  # noqa: E501
    query = parse("each", text + "RETURN 'a', 7, 1.5, true, {list: [1, 'x'], map: {a: 2}}, null")
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await fetch(connection, tenant.graph, query)
    assert rows == [{"t": "a", "i": 7, "f": 1.5, "b": True, "j": {"list": [1, "x"], "map": {"a": 2}}, "n": None}]


async def test_another_tenants_graph_shows_nothing(
    db: Database, tenant: Tenant, other_tenant: Tenant, echo: CypherQuery
) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        assert await fetch(connection, other_tenant.graph, echo, what="x") == []
        assert len(await fetch(connection, tenant.graph, echo, what="x")) == 1
    async with db.before_tenant() as connection:
        assert await fetch(connection, tenant.graph, echo, what="x") == []


def test_arguments_are_one_json_text(echo: CypherQuery) -> None:
    assert json.loads(echo.arguments({"what": "dấu"})) == {"what": "dấu"}
