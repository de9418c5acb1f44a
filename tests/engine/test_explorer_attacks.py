"""Attacks on the explorer: leave the tenant, write, run for ever, fill the memory, smuggle code in; it still answers.

Two borders are tried apart: the guard, through what a caller sends, and the reader's session, with the guard left out.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import AsyncRawCursor
from psycopg import sql as compose

from engine import explorer
from engine.credentials import Vault
from engine.db import Database
from engine.embedded import Servers
from engine.explorer import Asker, Draft, Limits, reader
from engine.explorer.run import Answer
from engine.explorer.watch import TimedOut
from engine.idle import Session
from engine.tenants import drop_tenant
from rules.errors import Conflict, InvalidInput, NotFound
from tests.conftest import Tenant

Ask = Callable[..., Any]
PERSON = "MATCH (p:Profile) RETURN p.ext_id"
FAR = "MATCH (a:Profile)" + "".join(f"-[:KNOWS]->({name}:Profile)" for name in "bcdefg")
ENDLESS = f"{FAR} RETURN count(*) AS ways"


@pytest.fixture
def vault(servers: Servers) -> Vault:
    return Vault(servers.secrets.credential_key)


@pytest.fixture
async def ask(db: Database, vault: Vault, tenant: Tenant) -> Ask:
    """Ask as a caller of the tenant; one person is there."""
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'mai')")

    async def asking(text: str, limits: Limits = explorer.LIMITS, ticket: Any = None, **given: Any) -> Answer:
        asker = Asker(tenant.tenant_id, "key:1")
        return await explorer.ask(db, vault, asker, text, given, limits=limits, ticket=ticket)

    return asking


@pytest.fixture
async def tangled(db: Database, tenant: Tenant) -> None:
    """Sixty people who all know each other: six hops are 40 thousand million ways."""
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id) SELECT leo_tenant(), 'p' || i FROM generate_series(1, 60) i"
        )
        await connection.execute(
            "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id, weight)"
            " SELECT leo_tenant(), a.profile_id, 'KNOWS', b.profile_id, 1"
            " FROM cdp_profiles a JOIN cdp_profiles b ON a.profile_id <> b.profile_id"
        )


ESCAPES = (
    "MATCH (p:Profile) RETURN pg_catalog.set_config('leo.tenant'::pg_text, '{other}'::pg_text, true::pg_bool) AS x",
    "MATCH (p:Profile) RETURN set_config('role', 'leo_app', false) AS x",
    "MATCH (p:Profile) RETURN current_setting('leo.tenant') AS x",
    "MATCH (p:Profile) RETURN ag_catalog.age_vle('{graph}'::pg_text) AS x",
    "MATCH (p:Profile) RETURN age_shortest_path('{graph}', 1, 2) AS x",
    "MATCH (p:Profile) RETURN ag_catalog.cypher('{graph}', 'MATCH (n) RETURN n') AS x",
    "MATCH (n) RETURN n",
    "MATCH (n)-[*]->(m) RETURN n",
    "MATCH (p:Profile)-[*1..9]->(m) RETURN m",
    "MATCH (p:Profile)-[:KNOWS*0..]->(m) RETURN m",
    "MATCH (p:Profile) RETURN pg_read_file('/etc/passwd') AS x",
    'MATCH (p:Profile) RETURN p $leo0$) AS (x agtype); SELECT * FROM {graph}."Profile"; --',
    'MATCH (p:Profile) RETURN p $$) AS (x agtype) UNION SELECT properties FROM {graph}."Profile" -- $$',
    "MATCH (p:Profile) RETURN p /* $leo0$ */",
    "MATCH (p:Profile) RETURN p // $leo0$",
    'MATCH (p:Profile) RETURN p AS "x" agtype); DROP TABLE tenant; --"',
    'MATCH (p:Profile) RETURN p AS `x" agtype) --`',
    "MATCH (p:\\u0050rofile) RETURN p",
    "MATCH (p:Profile) WHERE p.ext_id = '\\u0027 OR true //' OR p.ext_id = '\\u0000' RETURN p",
    "MATCH (p:Profile) WHERE p.ext_id = U&'\\0061' RETURN p",
    "MATCH (p:Profile) WHERE (NOT true) IN (NOT true) RETURN p",
    "MATCH (p:Profile) WHERE id(p) IN [1, 2] RETURN p",
)
WRITES = (
    "CREATE (p:Profile) RETURN p",
    "MATCH (p:Profile) SET p.ext_id = 'x' RETURN p",
    "MATCH (p:Profile) REMOVE p.ext_id RETURN p",
    "MATCH (p:Profile) DELETE p RETURN 1 AS one",
    "MATCH (p:Profile) DETACH DELETE p",
    "MERGE (p:Profile) RETURN p",
    "MATCH (p:Profile) WITH p MERGE (q:Profile) RETURN q",
    "MATCH (p:Profile) RETURN p UNION CREATE (q:Profile) RETURN q",
    "EXPLAIN CREATE (p:Profile)",
    "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    "MATCH (p:Profile) RETURN p; TRUNCATE tenant",
)
HOGS = (
    "UNWIND range(1, 100000000) AS i MATCH (p:Profile) WHERE p.profile_id = i RETURN p",
    "MATCH (p:Profile) RETURN collect(p) AS everybody",
    "MATCH (p:Profile), (q:Profile), (r:Profile) RETURN count(*) AS n",
    "MATCH (p:Profile) RETURN [x IN range(1, 100000000) | x] AS x",
    "MATCH (p:Profile) WHERE p.ext_id =~ '(a+)+$' RETURN p",
    "MATCH (p:Profile) WITH p, 'aaaaaaaa' AS s " + "WITH p, s + s AS s " * 40 + "RETURN s",
    "MATCH (p:Profile) RETURN " + "(" * 5_000 + "1" + ")" * 5_000 + " AS n",
    "MATCH (p:Profile) RETURN " + "NOT " * 3_000 + "true AS n",
    "MATCH (p:Profile) RETURN p" + " " * 20_000,
)


@pytest.mark.parametrize("attacks", [ESCAPES, WRITES, HOGS], ids=["leave", "write", "fill"])
async def test_attacks_are_refused_and_the_next_query_is_answered(
    ask: Ask, db: Database, other_tenant: Tenant, attacks: tuple[str, ...]
) -> None:
    for text in attacks:
        hostile = text.replace("{graph}", other_tenant.graph).replace("{other}", str(other_tenant.tenant_id))
        with pytest.raises(InvalidInput):
            pytest.fail(f"{hostile} was answered: {await ask(hostile)}")
        assert (await ask(PERSON)).rows == (("mai",),)
    async with db.transaction(other_tenant.tenant_id) as connection:
        assert await explorer.history(connection, Asker(other_tenant.tenant_id, "any", sees_all=True)) == []


@pytest.mark.parametrize(
    "value",
    [
        "' OR 1 = 1 //",
        "$leo0$) AS (x agtype); DROP TABLE tenant; --",
        "\\u0027 \\\\' \" $1 $2 %s %(x)s {} ${x}",
        "<script>alert(1)</script>",
        "Đà Nẵng 🙂 \u202e \ufeff \u2028",
        "}::vertex, {",
        "::numeric",
    ],
)
async def test_a_parameter_is_data_whatever_stands_in_it(ask: Ask, value: str) -> None:
    answer = await ask("MATCH (p:Profile) WHERE p.ext_id <> $who RETURN $who AS who, p.ext_id", who=value)
    assert answer.rows == ((value, "mai"),)
    assert (await ask("UNWIND $names AS n MATCH (p:Profile) WHERE p.ext_id = n RETURN n", names=[value])).rows == ()


@pytest.mark.parametrize("name", ["'; DROP TABLE saved_query; --", "<img src=x onerror=alert(1)>", "$$ \\u0000 %s"])
async def test_a_saved_name_is_data_and_a_saved_text_is_checked(db: Database, tenant: Tenant, name: str) -> None:
    asker = Asker(tenant.tenant_id, name)
    async with db.transaction(tenant.tenant_id) as connection:
        saved = await explorer.save(connection, asker, Draft(name, PERSON, {}, note=name))
        assert (await explorer.get_saved(connection, saved.saved_id)) == saved
        assert (saved.name, saved.note, saved.saved_by) == (name, name, name)
        with pytest.raises(InvalidInput):
            await explorer.save(connection, asker, Draft("x", "MATCH (p:Profile) DELETE p", {}))


async def test_a_query_that_would_run_for_ever_is_ended_by_the_server(
    ask: Ask, tangled: None, db: Database, tenant: Tenant, admin_url: str
) -> None:
    del tangled
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"0\.5 s"):
        await ask(ENDLESS, limits=Limits(time_s=0.5, grace_s=1.0))
    assert time.monotonic() - started < 5
    (last, *_) = await _history(db, Asker(tenant.tenant_id, "key:1"))
    assert last.status == "timed_out"
    assert _sessions(admin_url, tenant) == 0
    assert (await ask("MATCH (p:Profile) WHERE p.ext_id = 'mai' RETURN p.ext_id")).rows == (("mai",),)


async def test_a_query_is_stopped_from_outside_by_who_asked_it(
    ask: Ask, tangled: None, db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    del tangled
    ticket = uuid4()
    running = asyncio.ensure_future(ask(ENDLESS, ticket=ticket))
    own = Asker(tenant.tenant_id, "key:1")
    await _until(lambda: _history(db, own))
    for stranger in (Asker(other_tenant.tenant_id, "key:1", sees_all=True), Asker(tenant.tenant_id, "key:2")):
        async with db.transaction(stranger.tenant_id) as connection:
            with pytest.raises(NotFound):
                await explorer.stop(connection, stranger, ticket)
    await _until(lambda: _stop(db, own, ticket))
    with pytest.raises((TimedOut, Conflict)):
        await running
    assert (await _history(db, own))[0].status == "stopped"


async def _until(asked: Callable[[], Awaitable[object]]) -> None:
    """Ask until the answer is something: a session takes some milliseconds to begin."""
    for _ in range(500):
        if await asked():
            return
        await asyncio.sleep(0.02)
    pytest.fail("It never came.")


async def _stop(db: Database, asker: Asker, ticket: UUID) -> bool:
    async with db.transaction(asker.tenant_id) as connection:
        return await explorer.stop(connection, asker, ticket)


async def _history(db: Database, asker: Asker) -> list[explorer.Asked]:
    async with db.transaction(asker.tenant_id) as connection:
        return await explorer.history(connection, asker)


async def test_a_tenant_has_four_sessions_and_the_others_go_on(
    ask: Ask, tangled: None, db: Database, vault: Vault, other_tenant: Tenant
) -> None:
    del tangled
    await ask(PERSON)
    asked = [ask(ENDLESS, limits=Limits(time_s=2.0, grace_s=1.0)) for _ in range(7)]
    ends = await asyncio.gather(*asked, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, Conflict)]
    assert len(refused) == 3
    # A fast machine fills the bound on temporary files before the time is over.
    assert all(isinstance(end, TimedOut) or "memory" in str(end) for end in ends if end not in refused)
    stranger = Asker(other_tenant.tenant_id, "key:2")
    assert (await explorer.ask(db, vault, stranger, PERSON, {})).rows == ()


async def test_a_result_is_cut_at_its_octets(ask: Ask, tangled: None) -> None:
    del tangled
    answer = await ask("MATCH (p:Profile) RETURN p", limits=Limits(octets=500))
    assert answer.rows_cut
    assert 0 < len(answer.rows) < 10


async def test_sorting_more_than_the_disk_may_hold_is_refused(ask: Ask, tangled: None, admin_url: str) -> None:
    """The bound is the role's, so a query cannot lift it; here it is lowered, to be quick."""
    del tangled
    await ask(PERSON)
    with psycopg.connect(admin_url) as connection:
        names = connection.execute("SELECT leo_reader(tenant_id) FROM tenant").fetchall()
        for (name,) in names:
            statement = compose.SQL("ALTER ROLE {} SET temp_file_limit = '1MB'").format(compose.Identifier(name))
            connection.execute(statement)
    text = "MATCH (a:Profile)-[:KNOWS]->(b:Profile)-[:KNOWS]->(c:Profile) RETURN a, b, c ORDER BY c.ext_id, a.ext_id"
    with pytest.raises(InvalidInput, match="memory"):
        # Under a LIMIT, sorting keeps its first thousand rows alone; telling rows apart needs all of them.
        await ask(text.replace("RETURN a, b, c", "WITH DISTINCT a, b, c RETURN a, b, c"))


@pytest.fixture
def inside(db: Database, vault: Vault, tenant: Tenant, ask: Ask) -> Callable[[], AbstractAsyncContextManager[Any]]:
    """A session of the tenant's reader with nothing in front of it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Session]:
        await ask(PERSON)
        limits = Limits()
        opening = reader.session(db, vault, tenant_id=tenant.tenant_id, query_id=1, limits=limits)
        async with opening as (session, _):
            yield session

    return opened


REFUSED_TO_A_READER = (
    'SELECT * FROM {other}."Profile"',
    "SELECT * FROM cypher('{other}', $$ MATCH (n) RETURN n $$) AS (n agtype)",
    "SELECT * FROM cypher('{own}', $$ MATCH (n)-[*]->(m) RETURN m $$) AS (m agtype)",
    "SELECT * FROM cypher('{own}', $$ CREATE (p:Profile) $$) AS (p agtype)",
    "SELECT * FROM cypher('{own}', $$ MATCH (p:Profile) SET p.ext_id = 'x' $$) AS (p agtype)",
    "SET default_transaction_read_only = off; SELECT * FROM cypher('{own}', $$ CREATE (p:Profile) $$) AS (p agtype)",
    'SET default_transaction_read_only = off; DELETE FROM {own}."Profile"',
    "SELECT * FROM public.cdp_profiles",
    "SELECT * FROM public.reader_credential",
    "SELECT public.leo_reader_stop(1, true)",
    "SELECT public.leo_reader_login('x')",
    "SELECT public.leo_drop_tenant('00000000-0000-4000-8000-000000000000', 'x')",
    "SET ROLE leo_app",
    "SELECT set_config('role', 'leo_owner', false)",
    "SET temp_file_limit = -1",
    "CREATE TEMPORARY TABLE t (x int)",
    "CREATE TABLE public.t (x int)",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT * FROM pg_authid",
)


async def test_what_passes_the_guard_by_meets_the_second_border(
    inside: Callable[[], AbstractAsyncContextManager[Session]],
    tenant: Tenant,
    other_tenant: Tenant,
) -> None:
    async with inside() as session:
        for statement in REFUSED_TO_A_READER:
            hostile = statement.replace("{own}", tenant.graph).replace("{other}", other_tenant.graph)
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                for part in hostile.split("; "):
                    pytest.fail(f"{part} ran") if await _runs(session, part) else None


async def _runs(session: Session, statement: str) -> bool:
    """Run it; true but for the settings that a session may change and that help it nothing."""
    await AsyncRawCursor(session).execute(statement.encode())
    return not statement.startswith("SET default_")


async def test_a_reader_is_a_member_of_nothing_and_changing_the_tenant_shows_it_nothing(
    inside: Callable[[], AbstractAsyncContextManager[Session]], other_tenant: Tenant
) -> None:
    async with inside() as session:
        await session.execute("SELECT set_config('leo.tenant', %s, false)", (str(other_tenant.tenant_id),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await session.execute("SELECT count(*) FROM public.cdp_profiles")
        roles = await session.execute(
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = current_user"
        )
        assert await roles.fetchall() == [(0,)]


async def test_the_password_is_sealed_and_made_anew_where_the_server_does_not_take_it(
    ask: Ask, tenant: Tenant, admin_url: str
) -> None:
    await ask(PERSON)
    with psycopg.connect(admin_url) as connection:
        (role,) = connection.execute("SELECT leo_reader(%s)", (tenant.tenant_id,)).fetchone() or ("",)
        statement = compose.SQL("ALTER ROLE {} PASSWORD 'another'").format(compose.Identifier(role))
        connection.execute(statement)
    assert (await ask(PERSON)).rows == (("mai",),)


async def test_a_dropped_tenant_leaves_no_reader(ask: Ask, tenant: Tenant, admin_url: str) -> None:
    await ask(PERSON)
    removed = drop_tenant(admin_url, tenant_id=tenant.tenant_id, reason="the contract ended")
    assert (removed["query_history"], removed["reader_credential"]) == (1, 1)
    with psycopg.connect(admin_url) as connection:
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = leo_reader(%s)", (tenant.tenant_id,))
        assert found.fetchall() == []


def _sessions(admin_url: str, tenant: Tenant) -> int:
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = leo_reader(%s)", (tenant.tenant_id,)
        ).fetchone()
    return 0 if row is None else int(row[0])
