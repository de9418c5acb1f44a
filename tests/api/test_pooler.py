"""Everything works through PgBouncer in transaction mode, and nothing of one tenant is left in a session for the next.

The tests of a campaign's way and of the explorer are run again here, with fewer sessions than they use at once.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psycopg
import pytest

from api.services import Services
from engine.campaigns import connect_channel
from engine.db import Database
from engine.embedded import Servers
from engine.settings import Settings
from rules.errors import Misconfigured
from tests.api.conftest import Callers
from tests.api.story import campaign, ok
from tests.api.test_cypher import (  # noqa: F401 - run again through the pooler
    test_an_answer_has_rows_and_the_graph_in_them,
    test_what_cannot_be_asked_is_refused_and_recorded,
    test_what_is_cut_off_is_said,
)
from tests.api.test_journey import (  # noqa: F401 - run again through the pooler
    test_a_paused_campaign_goes_on_where_it_stopped_and_a_cancelled_one_never,
    test_an_activation_freezes_the_segment_and_decides_for_its_people,
    test_an_event_makes_a_waiting_campaign_decide,
    test_deciding_for_one_person_now_says_what_was_decided_and_why,
)
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.worker_process import WorkerProcess, until
from tests.pooler import SESSIONS, pooler, through

SENT = "MATCH (d:Decision)-[:DISPATCHED_AS]->(m:Delivery) RETURN d.decision_id AS id"
LEFT = "SELECT current_setting('leo.tenant', true), count(*) FROM tenant"


@pytest.fixture(scope="module")
def port(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with pooler(admin_url, _reachable(tmp_path_factory.mktemp("pgbouncer"))) as listening:
        yield listening


def _reachable(directory: Path) -> Path:
    # PgBouncer refuses to be root, and pytest keeps its directories to its own user.
    for path in (directory, directory.parent, directory.parent.parent):
        path.chmod(0o755)
    return directory


@pytest.fixture(scope="module")
def database_url(servers: Servers, admin_url: str, port: int) -> str:
    if "postgres" not in servers.embedded:
        pytest.skip("The logins of a server of yours are not ours to give to PgBouncer")
    own = urlsplit(servers.database_url)._replace(path=urlsplit(admin_url).path).geturl()
    return through(own, port)


@pytest.fixture(scope="module")
def settings(home: Path, servers: Servers, database_url: str, redis_url: str) -> Settings:
    return Settings.load(
        home=home,
        database_url=database_url,
        database_pooler="transaction",
        redis_url=redis_url,
        platform_key=servers.secrets.platform_key,
        webhook_secret=servers.secrets.webhook_secret,
        credential_key=servers.secrets.credential_key,
        allowed_hosts="127.0.0.1",
        rate_refused=0,
    )


@pytest.fixture(scope="module")
async def worker(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerProcess]:
    given = settings.model_copy(update={"admin_database_url": None}).environment()
    made = WorkerProcess("realtime", given, tmp_path_factory.mktemp("worker") / "log")
    await made.ready()
    yield made
    assert await made.stop() == 0


async def test_an_event_is_decided_sent_and_traced_for_each_of_two_tenants(
    callers: Callers,
    services: Services,
    tenant: Tenant,
    other_tenant: Tenant,
    sandbox: SandboxProcess,
    worker: WorkerProcess,
) -> None:
    both = {tenant: await callers.of(tenant), other_tenant: await callers.of(other_tenant)}
    for owner, caller in both.items():
        await _waiting_campaign(services, owner, caller, sandbox)
    events = [{"ext_id": f"cart-{n}", "type": "cart_abandoned", "profile": "kh-1"} for n in range(5)]
    await asyncio.gather(*(_posted(caller, event) for caller in both.values() for event in events))
    for owner in both:
        await until(functools.partial(_all_sent, services.db, owner, len(events)))
    for caller in both.values():
        trace = await ok(await caller.get("/trace/event/cart-0"))
        steps = {step["step"] for step in trace["journeys"][0]["steps"]}
        assert steps >= {"event", "decision", "delivery"}
        asked = {
            "query": "MATCH (d:Decision)-[:DISPATCHED_AS]->(m:Delivery) RETURN d.decision_id AS id",
            "parameters": {},
        }
        answer = await ok(await caller.post("/cypher", json=asked))
        assert len(answer["rows"]) == len(events)
    seen = [await _decisions(services.db, owner) for owner in both]
    assert [len(each) for each in seen] == [len(events)] * 2
    assert not seen[0] & seen[1]
    assert not [line for line in worker.log if line["level"] == "error"]


async def _waiting_campaign(
    services: Services, owner: Tenant, caller: httpx.AsyncClient, sandbox: SandboxProcess
) -> None:
    settings = {"host": "127.0.0.1", "port": sandbox.smtp_port, "tls": "none", "sender": "LEO <leo@shop.example>"}
    async with services.db.transaction(owner.tenant_id) as conn:
        await connect_channel(
            conn, services.vault, tenant_id=owner.tenant_id, kind="email", name="mail", settings=settings
        )
    made = await campaign(caller, segment=None, trigger_type="cart_abandoned")
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))


async def _posted(caller: httpx.AsyncClient, event: dict[str, Any]) -> None:
    await ok(await caller.post("/events", json=event))


async def _all_sent(db: Database, owner: Tenant, count: int) -> bool:
    async with db.transaction(owner.tenant_id) as conn:
        rows = await (await conn.execute("SELECT status FROM delivery_log")).fetchall()
    return [row["status"] for row in rows] == ["sent"] * count


async def _decisions(db: Database, owner: Tenant) -> set[int]:
    async with db.transaction(owner.tenant_id) as conn:
        rows = await (await conn.execute("SELECT decision_id FROM decision")).fetchall()
    return {row["decision_id"] for row in rows}


async def test_nothing_of_a_tenant_is_left_in_a_session_that_others_get(
    db: Database, tenant: Tenant, other_tenant: Tenant, database_url: str
) -> None:
    async def looked(owner: UUID | None) -> tuple[UUID | None, list[UUID], str]:
        opening = db.before_tenant() if owner is None else db.transaction(owner)
        async with opening as conn:
            row = await (await conn.execute("SELECT leo_tenant() AS own, current_user::text AS role")).fetchone()
            await conn.execute("SELECT pg_sleep(0.002)")
            seen = await (await conn.execute("SELECT tenant_id FROM tenant")).fetchall()
        assert row is not None
        return row["own"], [each["tenant_id"] for each in seen], row["role"]

    turns = [tenant.tenant_id, other_tenant.tenant_id, None] * 30
    found = await asyncio.gather(*(looked(owner) for owner in turns))
    assert found == [(owner, [owner] if owner else [], "leo_app") for owner in turns]
    # What a client that sets nothing gets, from the very sessions that tenants were served by.
    for _ in range(SESSIONS + 1):
        async with await psycopg.AsyncConnection.connect(database_url, prepare_threshold=None) as plain:
            row = await (await plain.execute(LEFT)).fetchone()
        assert row in [("", 0), (None, 0)]


async def test_what_is_set_holds_within_the_transaction(db: Database, tenant: Tenant, settings: Settings) -> None:
    async with db.transaction(tenant.tenant_id, read_only=True) as conn:
        names = ("search_path", "statement_timeout", "work_mem", "transaction_read_only")
        rows = [await (await conn.execute("SELECT current_setting(%s) AS it", (name,))).fetchone() for name in names]
    assert [row["it"] for row in rows if row] == [
        "public,ag_catalog",
        f"{settings.database_statement_timeout_s / 60:g}min",
        "16MB",
        "on",
    ]


async def test_a_pooler_that_was_not_named_is_found_out(settings: Settings, database_url: str) -> None:
    unaware = settings.model_copy(update={"database_pooler": "none"})
    with pytest.raises(Misconfigured, match="it is a pooler") as raised:
        async with Database.open(database_url, unaware):
            pass
    assert "LEO_DATABASE_POOLER=transaction" in raised.value.remedy


async def test_a_reader_may_ask_more_often_than_it_may_have_sessions(caller: httpx.AsyncClient) -> None:
    for _ in range(6):
        answer = await ok(await caller.post("/cypher", json={"query": "MATCH (p:Profile) RETURN count(p) AS n"}))
        assert answer["rows"] == [[0]]
