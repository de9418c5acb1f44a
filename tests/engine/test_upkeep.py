"""A tenant's own data is looked after: events move people, schedules refresh, sources are taken from."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from engine import events, lanes, profiles, segments
from engine.credentials import Vault
from engine.db import Database
from engine.dispatch import Adapters
from engine.settings import Settings
from engine.worker.jobs import Hands
from engine.worker.rounds import for_each_tenant
from rules.errors import Unavailable
from rules.words import Lane
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.cdp import connect, new_cdp
from tests.engine.worker_process import WorkerProcess, until
from tests.engine.world import World

BOUGHT: dict[str, Any] = {"event": "purchase", "count": {"at_least": 2}}


@pytest.fixture
async def worker(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[WorkerProcess]:
    """A worker of the lane that the test asks for."""
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    started = WorkerProcess(request.param, environment, tmp_path / "worker.log")
    await started.ready()
    yield started
    assert await started.stop() == 0, started.log_file.read_text(encoding="utf-8")


async def _members(db: Database, tenant: Tenant, key: str) -> list[str]:
    async with db.transaction(tenant.tenant_id) as conn:
        found = await conn.execute(
            "SELECT p.ext_id FROM segment_member m JOIN segment s USING (segment_id) "
            "JOIN cdp_profiles p USING (profile_id) "
            "WHERE s.key = %s ORDER BY p.ext_id",
            (key,),
        )
        return [row["ext_id"] for row in await found.fetchall()]


async def _save(db: Database, tenant: Tenant, key: str, rule: dict[str, Any], **more: Any) -> int:
    async with db.transaction(tenant.tenant_id) as conn:
        saved = await segments.save_segment(conn, tenant_id=tenant.tenant_id, key=key, name=key, rule=rule, **more)
        await segments.refresh_segment(conn, tenant_id=tenant.tenant_id, segment_id=saved.segment_id)
        return saved.segment_id


async def _purchases(db: Database, tenant: Tenant, person: str, count: int) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        documents = [{"type": "purchase", "profile": person} for _ in range(count)]
        await events.record_events(conn, tenant_id=tenant.tenant_id, events=documents)


@pytest.mark.parametrize("worker", ["realtime"], indirect=True)
async def test_an_event_moves_its_person_and_starts_the_campaign_that_waits_for_it(
    db: Database, tenant: Tenant, worker: WorkerProcess
) -> None:
    world = World(db, tenant)
    first, _second = await world.people(2)
    segment_id = await _save(db, tenant, "buyers", BOUGHT)
    campaign_id = await world.campaign(templates=[])
    await world.rows(
        "UPDATE campaign SET trigger_segment_id = %(segment_id)s, trigger_change = 'joined' "
        "WHERE campaign_id = %(campaign_id)s",
        segment_id=segment_id,
        campaign_id=campaign_id,
    )
    await _purchases(db, tenant, "kh-1", 2)

    async def joined() -> bool:
        return await _members(db, tenant, "buyers") == ["kh-1"]

    await until(joined)

    async def decided() -> bool:
        return bool(await world.decisions())

    await until(decided)
    runs = await world.rows("SELECT kind, lane FROM campaign_run")
    assert runs == [{"kind": "membership", "lane": "realtime"}]
    assert [one["profile_id"] for one in await world.decisions()] == [first]
    assert not worker.said("upkeep failed")


async def test_what_fails_for_one_tenant_keeps_no_other_waiting(
    db: Database, tenant: Tenant, other_tenant: Tenant, settings: Settings, adapters: Adapters
) -> None:
    assert settings.redis_url is not None
    client = lanes.connect(settings.redis_url.get_secret_value())
    hands = Hands(db, adapters, client, lane=Lane.BULK, owner="worker-bulk@test:1:1")
    visited: list[UUID] = []

    async def work(_hands: Hands, tenant_id: UUID) -> None:
        visited.append(tenant_id)
        if len(visited) == 1:
            raise Unavailable("Something of this tenant is locked.", remedy="Wait.")

    await for_each_tenant(hands, lanes.TIDY, work)
    assert {tenant.tenant_id, other_tenant.tenant_id} <= set(visited)
    await client.aclose()


@pytest.mark.parametrize("worker", ["realtime"], indirect=True)
async def test_a_ringing_recheck_is_done_at_once(
    db: Database, tenant: Tenant, settings: Settings, worker: WorkerProcess
) -> None:
    await _save(db, tenant, "hue", {"attribute": "city", "is": "Huế"})
    async with db.transaction(tenant.tenant_id) as conn:
        documents = [{"ext_id": "kh-1", "attributes": {"city": "Huế"}}]
        await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=documents, recheck=True)
    assert settings.redis_url is not None
    client = lanes.connect(settings.redis_url.get_secret_value())
    assert await lanes.ring_recheck(client, tenant.tenant_id)
    await client.aclose()

    async def joined() -> bool:
        return await _members(db, tenant, "hue") == ["kh-1"]

    await until(joined)
    assert not worker.said("upkeep failed")


@pytest.mark.parametrize("worker", ["bulk"], indirect=True)
async def test_a_segment_is_refreshed_when_its_schedule_says(
    db: Database, tenant: Tenant, worker: WorkerProcess
) -> None:
    world = World(db, tenant)
    segment_id = await _save(db, tenant, "everyone", {"all": []}, schedule="0 3 * * *", zone="Asia/Ho_Chi_Minh")
    await world.people(3)
    await world.rows("UPDATE segment SET due_at = now() - interval '1 minute'")

    async def refreshed() -> bool:
        return len(await _members(db, tenant, "everyone")) == 3

    await until(refreshed)
    async with db.transaction(tenant.tenant_id) as conn:
        segment = await segments.get_segment(conn, tenant_id=tenant.tenant_id, segment_id=segment_id)
        causes = [one.cause for one in await segments.changes(conn, tenant_id=tenant.tenant_id, segment_id=segment_id)]
    assert segment.due_at is not None
    assert (segment.due_at.hour, segment.due_at.minute) == (20, 0)  # 03:00 in Vietnam, in UTC
    assert causes == ["schedule"] * 3
    assert worker.said("segment refreshed")


@pytest.mark.parametrize("worker", ["bulk"], indirect=True)
async def test_a_source_is_taken_from_when_it_is_due(
    db: Database, tenant: Tenant, settings: Settings, sandbox: SandboxProcess, worker: WorkerProcess
) -> None:
    assert settings.credential_key is not None
    cdp = new_cdp(sandbox)
    await cdp.make(300)
    await connect(db, Vault(settings.credential_key.get_secret_value()), tenant, cdp)
    world = World(db, tenant)
    await world.rows("UPDATE source SET due_at = now()")

    async def taken() -> bool:
        return bool(await world.one("SELECT count(*) = 300 FROM cdp_profiles"))

    await until(taken)
    assert await world.one("SELECT due_at > now() FROM source")
    assert not worker.said("upkeep failed")


@pytest.mark.parametrize("worker", ["bulk"], indirect=True)
async def test_a_segment_that_cannot_be_refreshed_waits_for_its_next_time_and_keeps_no_other_waiting(
    db: Database, tenant: Tenant, worker: WorkerProcess
) -> None:
    world = World(db, tenant)
    await _save(db, tenant, "broken", {"all": []}, schedule="0 3 * * *")
    await _save(db, tenant, "everyone", {"all": []}, schedule="0 3 * * *")
    await world.people(3)
    await world.rows("""UPDATE segment SET rule = '{"no": "rule"}', version = 2 WHERE key = 'broken'""")
    await world.rows(
        "UPDATE segment SET due_at = now() - (CASE key WHEN 'broken' THEN 2 ELSE 1 END) * interval '1 minute'"
    )

    async def refreshed() -> bool:
        return len(await _members(db, tenant, "everyone")) == 3

    await until(refreshed)
    assert await world.one("SELECT bool_and(due_at > now()) FROM segment")
    (failed,) = worker.said("upkeep failed")
    assert (failed["segment"], failed["job"], failed["tenant"]) == ("broken", "refresh", str(tenant.tenant_id))


@pytest.mark.parametrize("worker", ["bulk"], indirect=True)
async def test_several_tenants_sources_are_taken_from_one_after_another(
    db: Database,
    tenant: Tenant,
    other_tenant: Tenant,
    settings: Settings,
    sandbox: SandboxProcess,
    worker: WorkerProcess,
) -> None:
    assert settings.credential_key is not None
    vault = Vault(settings.credential_key.get_secret_value())
    worlds = [World(db, one) for one in (tenant, other_tenant)]
    for world in worlds:
        cdp = new_cdp(sandbox)
        await cdp.make(200)
        await connect(db, vault, world.tenant, cdp)
        await world.rows("UPDATE source SET due_at = now() + interval '1 hour'")
    for world in worlds:
        await world.rows("UPDATE source SET due_at = now()")

    async def taken() -> bool:
        return [await world.one("SELECT count(*) FROM sync_run WHERE status = 'finished'") for world in worlds] == [
            1,
            1,
        ]

    await until(taken)
    runs = [(await world.rows("SELECT started_at, finished_at FROM sync_run"))[0] for world in worlds]
    first, second = sorted(runs, key=lambda run: run["started_at"])
    assert first["finished_at"] <= second["started_at"]
    assert not worker.said("upkeep failed")


@pytest.mark.parametrize("worker", ["bulk"], indirect=True)
async def test_duplicates_among_those_who_were_taken_are_proposed(
    db: Database, tenant: Tenant, settings: Settings, sandbox: SandboxProcess, worker: WorkerProcess
) -> None:
    assert settings.credential_key is not None
    world = World(db, tenant)
    await world.people(1, prefix="twin-")
    address = await world.one("SELECT value FROM profile_address")
    cdp = new_cdp(sandbox)
    await cdp.make(5)
    await cdp.change({"op": "insert", "document": {"_key": "cdp-twin", "status": 1, "primaryEmail": address}})
    await connect(db, Vault(settings.credential_key.get_secret_value()), tenant, cdp)

    async def proposed() -> bool:
        return bool(worker.said("duplicates proposed"))

    await until(proposed)
    (told,) = worker.said("duplicates proposed")
    assert told["pairs"] == 1
    assert await world.rows("SELECT ext_id FROM cdp_profiles WHERE profile_id = (SELECT other_id FROM duplicate)") == [
        {"ext_id": "cdp-twin"}
    ]


async def test_people_are_embedded_and_answers_forgotten_while_nobody_waits(
    db: Database, tenant: Tenant, settings: Settings, tmp_path: Path
) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        documents = [{"ext_id": f"kh-{number}", "attributes": {"likes": "sách thiếu nhi"}} for number in range(3)]
        await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=documents)
    await _save(db, tenant, "everyone", {"all": []})
    await _save(db, tenant, "alike", {"like": {"segment": "everyone"}, "within": 0.5})
    assert await _members(db, tenant, "alike") == []
    world = World(db, tenant)
    await world.rows(
        "INSERT INTO idempotency_key (tenant_id, key, operation, request_hash, expires_at)"
        " VALUES (leo_tenant(), 'k', 'o', '', now() - interval '1 minute')"
    )
    # As if nobody had been at work in this hour: each time that a job is due begins once.
    await world.rows("DELETE FROM clock_job")
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    worker = WorkerProcess("bulk", environment, tmp_path / "worker.log")
    await worker.ready()

    async def looked_after() -> bool:
        counts = await world.rows(
            "SELECT (SELECT count(*) FROM profile_embedding) AS embedded,"
            " (SELECT count(*) FROM segment WHERE centre IS NOT NULL) AS centres,"
            " (SELECT count(*) FROM idempotency_key) AS answers"
        )
        return counts == [{"embedded": 3, "centres": 1, "answers": 0}]

    await until(looked_after)
    assert await worker.stop() == 0
    assert not worker.said("upkeep failed")
    await _save(db, tenant, "alike", {"like": {"segment": "everyone"}, "within": 0.5})
    assert len(await _members(db, tenant, "alike")) == 3


async def test_a_bell_for_a_recheck_is_heard_though_one_is_at_work(settings: Settings, tenant: Tenant) -> None:
    assert settings.redis_url is not None
    client = lanes.connect(settings.redis_url.get_secret_value())
    for _ in range(20):
        assert await lanes.ring_recheck(client, tenant.tenant_id)
    # As many as were rung for in the same moment: the one that may have looked already, and one after it.
    waiting = await client.zcard(lanes.queue_name(Lane.REALTIME))
    await client.delete(lanes.queue_name(Lane.REALTIME))
    await client.aclose()
    assert 2 <= waiting <= 20
