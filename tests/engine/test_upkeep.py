"""A tenant's own data is looked after: events move people, schedules refresh, sources are taken from."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine import events, lanes, profiles, segments
from engine.credentials import Vault
from engine.db import Database
from engine.settings import Settings
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant
from tests.engine.cdp import connect, new_cdp
from tests.engine.worker_process import WorkerProcess, until
from tests.engine.world import World

BOUGHT: dict[str, Any] = {"event": "purchase", "count": {"at_least": 2}}


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProcess]:
    process = await start_sandbox()
    yield process
    process.close()


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
        return await world.one("SELECT count(*) FROM cdp_profiles") == 300

    await until(taken)
    assert await world.one("SELECT due_at > now() FROM source")
    assert not worker.said("upkeep failed")
