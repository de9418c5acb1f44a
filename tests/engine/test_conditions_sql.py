"""A rule has one answer: compiled for everybody, compiled for a few, and evaluated in Python."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.segments.ask import ask
from engine.segments.compile import compile_rule
from engine.segments.context import context_of
from rules.conditions import Rule, parse
from tests.conftest import Tenant
from tests.engine.asking import SQL, forgotten, found, put
from tests.rules.conditions_strategies import CAMPAIGNS, CHANNELS, NOW, TODAY, people, person, rules

HOSTILE = (
    "'; DROP TABLE cdp_profiles; --",
    '"',
    "\\",
    "%s %(people)s %%",
    "{0} {value} {{",
    "$$ $leo$ $1",
    "a\nb\tc",
    "') OR (true",
    "người",
)


A_MONTH_AGO = NOW - timedelta(days=30)
# Everything at one instant: what is asked below stands exactly on it.
AT_A_BORDER: dict[str, Any] = {
    **dict.fromkeys(("name", "locale", "zone")),
    "source": "api",
    "created_at": NOW,
    "attributes": {},
    "addresses": [],
    "segments": [],
    "events": [{"type": "purchase", "at": A_MONTH_AGO, "attributes": {}}],
    "outcomes": [{"type": "clicked", "at": A_MONTH_AGO, "campaign": CAMPAIGNS[0], "channel": CHANNELS[0]}],
    "consents": [
        {"channel": None, "purpose": "marketing", "granted": True, "at": A_MONTH_AGO},
        {"channel": CHANNELS[0], "purpose": "marketing", "granted": False, "at": A_MONTH_AGO},
    ],
}
# What a clock that is ahead has written down counts when its time has come.
AHEAD = AT_A_BORDER | {
    name: [{**one, "at": NOW + timedelta(seconds=1)} for one in AT_A_BORDER[name]] for name in ("events", "outcomes")
}
BORDERS: list[dict[str, Any]] = [
    *(
        {what: kind, end: A_MONTH_AGO.isoformat()}
        for what, kind in (("event", "purchase"), ("outcome", "clicked"))
        for end in ("after", "before")
    ),
    *({"event": "purchase", "recency": {end: 30}} for end in ("at_least_days", "at_most_days")),
    {"event": "purchase", "count": {"at_most": 1}},
    {"consent": "marketing", "channel": CHANNELS[0]},
]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@example(documents=[AT_A_BORDER], asked=BORDERS)
@example(documents=[AHEAD], asked=[{"event": "purchase"}, {"outcome": "clicked"}])
@given(documents=st.lists(people(), min_size=1, max_size=10), asked=st.lists(rules(), min_size=1, max_size=6))
async def test_sql_and_python_agree_on_any_rule_and_any_person(
    db: Database, module_tenant: Tenant, documents: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    parsed = [parse(one) for one in asked]
    async with forgotten(db, module_tenant) as conn:
        by_id = await put(conn, documents)
        context = await context_of(conn, parsed, now=NOW)
        assert context.today == TODAY
        gathered = await ask(conn, parsed, context, profile_ids=list(by_id))
        half = sorted(by_id)[::2]
        for rule, gathered_holders in zip(parsed, gathered.holders, strict=True):
            pure = {
                profile_id
                for profile_id, one in by_id.items()
                if rule.holds(person(one, profile_id=profile_id, ext_id=one["ext_id"]), now=NOW, today=TODAY)
            }
            assert await found(conn, compile_rule(rule, context)) == pure, rule.text()
            assert await found(conn, compile_rule(rule, context, people=half)) == pure & set(half), rule.text()
            assert gathered_holders == pure, rule.text()


@pytest.mark.parametrize("times", [3, 4, 5])
async def test_a_history_too_long_to_be_gathered_is_asked_in_sql(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr("engine.segments.gather.MOST_EVENTS", 3)
    monkeypatch.setattr("engine.segments.ask.MOST_EVENTS", 3)
    asked = [parse({"event": "purchase", "count": {"at_least": least}}) for least in (3, 4, 5)]
    async with forgotten(db, tenant) as conn:
        await conn.execute(
            """
            WITH one AS (INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'kh-1') RETURNING *)
            INSERT INTO marketing_event (tenant_id, type, profile_id, occurred_at)
            SELECT tenant_id, 'purchase', profile_id, %s FROM one, generate_series(1, %s)
            """,
            (NOW, times),
        )
        row = await (await conn.execute("SELECT profile_id FROM cdp_profiles")).fetchone()
        assert row
        found_in = await ask(conn, asked, await context_of(conn, asked, now=NOW), profile_ids=[row["profile_id"]])
    assert [len(holders) for holders in found_in.holders] == [int(times >= least) for least in (3, 4, 5)]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "shape",
    [
        lambda text: {"attribute": text, "is": "x"},
        lambda text: {"attribute": ["a", text], "at_least": 1},
        lambda text: {"attribute": "a", "is": text},
        lambda text: {"attribute": "a", "in": [text]},
        lambda text: {"attribute": "a", "includes": text},
        lambda text: {"attribute": "a", "contains": text},
        lambda text: {"profile": "name", "starts_with": text},
        lambda text: {"consent": text},
        lambda text: {"event": text, "where": {text: text}},
        lambda text: {"outcome": "read", "campaign": text},
        lambda text: {"graph": "bought_product", "with": {"product": text}},
        lambda text: {"like": {"text": text}, "within": 2},
    ],
)
async def test_hostile_names_and_values_stay_in_their_parameter(
    db: Database, module_tenant: Tenant, shape: Any, text: str
) -> None:
    rule = parse(shape(text))
    async with db.transaction(module_tenant.tenant_id, read_only=True) as conn:
        context = await context_of(conn, [rule], now=NOW)
        compiled = compile_rule(rule, context)
        assert text not in compiled.statement.as_string(None)
        assert await found(conn, compiled) == set()


async def test_a_value_is_found_whatever_it_is_written_with(db: Database, module_tenant: Tenant) -> None:
    async with forgotten(db, module_tenant) as conn:
        for place, text in enumerate(HOSTILE):
            await conn.execute(
                "INSERT INTO cdp_profiles (tenant_id, ext_id, attributes) VALUES (leo_tenant(), %s, %s)",
                (f"kh-{place}", Jsonb({text: text})),
            )
        for text in HOSTILE:
            rule = parse({"attribute": text, "is": text})
            context = await context_of(conn, [rule], now=NOW)
            assert len(await found(conn, compile_rule(rule, context))) == 1


async def _plan(conn: Transaction, rule: Rule) -> str:
    context = await context_of(conn, [rule], now=NOW)
    compiled = compile_rule(rule, context)
    explained = await conn.execute(b"EXPLAIN " + compiled.statement.as_bytes(conn), compiled.values)
    return "\n".join(row["QUERY PLAN"] for row in await explained.fetchall())


@pytest.fixture(scope="module")
async def crowd(db: Database, admin_url: str) -> Tenant:
    """A tenant with enough people for an index to be worth it, vacuumed as it is within a minute of being filled."""
    made = Tenant(uuid4(), "crowd")
    async with db.transaction(made.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO tenant (tenant_id, slug, name) VALUES (%s, %s, 'Crowd')", (made.tenant_id, made.slug)
        )
        await conn.execute(SQL["crowd"])
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("VACUUM (ANALYZE) cdp_profiles")
    return made


@pytest.mark.parametrize(
    "document",
    [
        {"attribute": "city", "is": "Huế 7"},
        {"attribute": "city", "in": ["Huế 7", "Huế 8"]},
        {"attribute": "labels", "contains": "VIP 7"},
        {"attribute": "labels", "contains_any": ["VIP 7", "VIP 8"]},
        {"attribute": ["home", "ward"], "is": "7"},
        {"all": [{"attribute": "city", "is": "Huế 7"}, {"attribute": "orders", "at_least": 3}]},
    ],
)
async def test_attributes_are_found_by_the_gin_index_under_row_security(
    db: Database, crowd: Tenant, document: dict[str, Any]
) -> None:
    async with db.transaction(crowd.tenant_id) as conn:
        role = await (await conn.execute("SELECT current_user AS name")).fetchone()
        assert role == {"name": "leo_app"}
        assert "Bitmap Index Scan on cdp_profiles_attributes_idx" in await _plan(conn, parse(document))
