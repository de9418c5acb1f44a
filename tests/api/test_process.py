"""The API as the process that `leo up` starts, over a real socket."""

import asyncio
import socket
import subprocess
import sys

import httpx
import psycopg

from api.services import Services
from engine.db import Transaction
from engine.settings import Settings
from tests.api.serving import ROOT, environment_of, free_port, key_of, running
from tests.api.story import MAI, campaign, ok
from tests.conftest import Tenant
from tests.engine.worker_process import until


async def test_it_serves_over_a_socket_and_ends_cleanly(settings: Settings, services: Services, tenant: Tenant) -> None:
    environment = environment_of(settings, LEO_API_PORT=str(free_port()))
    async with (
        running(environment) as url,
        httpx.AsyncClient(base_url=url, headers=await key_of(services, tenant)) as client,
    ):
        await ok(await client.get("/readyz"))
        await ok(await client.post("/profiles", json=MAI))
        events = [{"type": "visit", "profile": "kh-1"}] * 20
        stored = await ok(await client.post("/events", json=events))
        assert len(stored["events"]) == 20
        assert (await client.get("/docs")).status_code == 200
        assert (await client.post("/events", content=b" " * 2_000_000)).status_code == 413


async def test_without_redis_the_work_is_accepted_all_the_same(
    settings: Settings, services: Services, tenant: Tenant
) -> None:
    environment = environment_of(
        settings, LEO_API_PORT=str(free_port()), LEO_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"
    )
    async with (
        running(environment) as url,
        httpx.AsyncClient(base_url=url, headers=await key_of(services, tenant)) as client,
    ):
        assert (await ok(await client.get("/readyz")))["redis"] == "away"
        made = await campaign(client)
        activated = await ok(await client.post(f"/campaigns/{made['campaign_id']}/activate"))
        assert activated["run"]["batches"] == 1
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT status FROM run_batch")).fetchall()
    assert rows == [{"status": "pending"}]


async def _ended(environment: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, told = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, told.decode()


async def test_a_port_in_use_a_dead_server_and_a_wrong_setting_are_each_told_in_a_sentence(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, told = await _ended(environment_of(settings, LEO_API_PORT=port))
        assert code == 1
        assert port in told
    dead = f"postgresql://leo_app@127.0.0.1:{free_port()}/leo"
    code, told_dead = await _ended(
        environment_of(settings, LEO_API_PORT=str(free_port()), LEO_DATABASE_URL=dead, LEO_ADMIN_DATABASE_URL=dead)
    )
    assert code == 1
    assert "leo doctor" in told_dead
    code, told_wrong = await _ended(environment_of(settings, LEO_API_PORT="many"))
    assert code == 2
    assert "LEO_API_PORT" in told_wrong
    for text in (told, told_dead, told_wrong):
        assert "Traceback" not in text


async def test_told_to_end_it_says_so_answers_everything_meanwhile_and_finishes_what_was_asked(
    settings: Settings, services: Services, tenant: Tenant
) -> None:
    environment = environment_of(settings, LEO_API_PORT=str(free_port()), LEO_DRAIN_S="2")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 90)).decode().strip()
    async with (
        services.db.transaction(tenant.tenant_id) as holding,
        httpx.AsyncClient(base_url=url, headers=await key_of(services, tenant), timeout=60) as client,
    ):
        await ok(await client.get("/readyz"))
        await holding.execute("LOCK TABLE cdp_profiles IN ACCESS EXCLUSIVE MODE")
        asked = asyncio.create_task(client.post("/profiles", json=MAI))
        await until(lambda: _is_kept_waiting(holding))
        process.terminate()
        await until(lambda: _says(client, 503, "draining"))
        assert (await client.get("/healthz")).status_code == 200
        await until(lambda: _is_closed(url))
        assert not asked.done()
        await holding.rollback()
        assert (await asked).status_code == 200
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def _is_kept_waiting(connection: Transaction) -> bool:
    found = await connection.execute("SELECT FROM pg_locks WHERE NOT granted AND relation = 'cdp_profiles'::regclass")
    return found.rowcount == 1


async def _says(client: httpx.AsyncClient, code: int, status: str) -> bool:
    told = await client.get("/readyz")
    return (told.status_code, told.json()["status"]) == (code, status)


async def _is_closed(url: str) -> bool:
    try:
        async with httpx.AsyncClient(base_url=url) as late:
            await late.get("/healthz")
    except httpx.ConnectError:
        return True
    except httpx.RemoteProtocolError:
        # Taken by the kernel in the moment in which it stopped listening.
        return False
    return False


async def test_a_schema_that_is_too_old_is_no_readiness_and_a_newer_one_is(
    services: Services, anybody: httpx.AsyncClient, admin_url: str
) -> None:
    await ok(await anybody.get("/readyz"))
    with psycopg.connect(admin_url) as connection:
        newest = connection.execute("SELECT max(version) FROM schema_migration").fetchone()
        assert newest is not None
        connection.execute("INSERT INTO schema_migration (version) VALUES (%s)", (newest[0] + 1,))
        connection.commit()
        assert (await anybody.get("/readyz")).status_code == 200
        connection.execute("CREATE TABLE kept AS SELECT * FROM schema_migration")
        connection.execute("DELETE FROM schema_migration WHERE version >= %s", (newest[0],))
        connection.commit()
        refused = await anybody.get("/readyz")
        connection.execute("INSERT INTO schema_migration SELECT * FROM kept WHERE version = %s", (newest[0],))
        connection.execute("DROP TABLE kept")
        connection.commit()
    assert (refused.status_code, refused.json()["database"]) == (503, "old")
    assert "leo db upgrade" in refused.json()["reasons"][0]
    assert services.settings.database_url is not None
