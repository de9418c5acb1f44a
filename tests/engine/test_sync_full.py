"""A full run compares everybody, whatever the page, and lets nobody go whom it need not; what is others' stays."""

import asyncio
from typing import Any

import pytest

from engine import segments
from engine.credentials import Vault
from engine.db import Database
from engine.ingest.sync import Mode, sync, sync_due
from engine.profiles import upsert_profiles
from engine.queries import queries
from rules.errors import Conflict
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, connect, keys, rows, take

LONG_AGO = "2001-01-01T00:00:00.000Z"


def _inserted(key: str) -> dict[str, Any]:
    return {"op": "insert", "document": {"_key": key, "status": 1, "updatedAt": LONG_AGO}}


def _changed(key: str) -> dict[str, Any]:
    return {"op": "update", "key": key, "fields": {"livingCity": "Huế", "updatedAt": LONG_AGO}}


@pytest.mark.parametrize("page", [1, 3, 7, 20, 21])
async def test_everybody_is_compared_whatever_the_page(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    await cdp.make(20)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    everybody = await keys(db, tenant)
    gone = everybody[::5]
    await cdp.change(*({"op": "remove", "key": key} for key in gone), _changed(everybody[8]), _inserted("new"))
    monkeypatch.setattr("engine.ingest.reconcile.KEYS", page)
    done = await take(db, source, Mode.FULL)
    assert (done.deleted, done.changed, done.new) == (4, 1, 1)
    assert await keys(db, tenant, status="deleted") == gone


async def test_who_is_missing_is_asked_for_in_portions(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cdp.make(12)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    await cdp.change(*({"op": "remove", "key": key} for key in (await keys(db, tenant))[:7]))
    monkeypatch.setattr("engine.ingest.changes.KEYS", 3)
    assert (await take(db, source, Mode.FULL)).deleted == 7


@pytest.mark.parametrize(("people", "gone", "is_refused"), [(20, 19, False), (100, 50, False), (100, 51, True)])
async def test_of_many_people_more_than_half_are_not_let_go_at_once(
    db: Database,
    tenant: Tenant,
    vault: Vault,
    cdp: Cdp,
    people: int,
    gone: int,
    is_refused: bool,  # noqa: FBT001 - what is expected
) -> None:
    await cdp.make(people)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    await cdp.change(*({"op": "remove", "key": key} for key in (await keys(db, tenant))[:gone]))
    if is_refused:
        with pytest.raises(Conflict, match="no longer at the source"):
            await take(db, source, Mode.FULL)
    else:
        assert (await take(db, source, Mode.FULL)).deleted == gone


async def test_people_who_all_changed_unseen_are_not_taken_for_gone(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(100)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    await cdp.change(*(_changed(key) for key in await keys(db, tenant)))
    done = await take(db, source, Mode.FULL)
    assert (done.changed, done.deleted) == (100, 0)


async def test_people_of_others_are_not_looked_for_at_the_source(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(20)
    source = await connect(db, vault, tenant, cdp)
    async with db.transaction(tenant.tenant_id) as conn:
        ours = [{"ext_id": f"ours-{number}"} for number in range(120)]
        await upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=ours)
    assert (await take(db, source, Mode.FULL)).deleted == 0
    assert len(await keys(db, tenant)) == 140


async def test_another_map_is_applied_to_everybody_though_the_run_that_began_it_ended_early(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(30)
    await take(db, await connect(db, vault, tenant, cdp, page=10))
    field_map = {"attributes": {"first_name": "firstName"}}
    changed = await connect(db, vault, tenant, cdp, page=10, field_map=field_map)
    stop = asyncio.Event()
    assert (await sync(db, changed, say=lambda _: stop.set(), stop=stop)).changed == 10
    assert (await take(db, changed)).changed == 20
    assert len(await rows(db, tenant, "SELECT FROM cdp_profiles WHERE attributes ? 'first_name'")) == 30


async def test_a_source_that_is_paused_or_in_other_hands_is_not_due(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(3)
    await connect(db, vault, tenant, cdp)
    now = (await rows(db, tenant, "SELECT now() AS now"))[0]["now"]
    async with db.transaction(tenant.tenant_id) as conn:
        values = {"tenant_id": tenant.tenant_id, "now": now}
        await conn.execute(queries("sources")["take_due"], values)
        async with asyncio.timeout(5):
            assert not await sync_due(db, vault, tenant_id=tenant.tenant_id, now=now)
        await conn.rollback()
    await rows(db, tenant, "UPDATE source SET status = 'paused' RETURNING key")
    assert not await sync_due(db, vault, tenant_id=tenant.tenant_id, now=now)
    await rows(db, tenant, "UPDATE source SET status = 'connected' RETURNING key")
    assert (await sync_due(db, vault, tenant_id=tenant.tenant_id, now=now))["cdp"].new == 3


async def test_a_run_that_says_nothing_any_more_was_cut_off_and_no_other_one(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(3)
    source = await connect(db, vault, tenant, cdp)
    await rows(
        db,
        tenant,
        "INSERT INTO sync_run (tenant_id, source_id, mode, status, finished_at, updated_at)"
        " SELECT %s, %s, 'changes', status, CASE status WHEN 'finished' THEN now() END, now() - silent FROM (VALUES"
        " ('running', interval '1 hour'), ('running', interval '1 minute'), ('finished', interval '1 hour')"
        ") AS run (status, silent) RETURNING sync_run_id",
        tenant.tenant_id,
        source.source_id,
    )
    await take(db, source)
    found = await rows(db, tenant, "SELECT status, error FROM sync_run ORDER BY sync_run_id")
    assert [(row["status"], row["error"]) for row in found] == [
        ("failed", "It was cut off."), ("running", None), ("finished", None), ("finished", None),
    ]  # fmt: skip


async def test_only_segments_that_the_source_does_not_mark_look_again_at_who_changed(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(5)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    assert await rows(db, tenant, "SELECT key FROM segment LIMIT 1")
    await cdp.change({"op": "touch", "key": (await keys(db, tenant))[0], "at": "2027-01-01T00:00:00.000Z"})
    assert (await take(db, source)).changed == 1
    assert not await rows(db, tenant, "SELECT FROM recheck")
    await _of_hue(db, tenant)
    await cdp.change({"op": "touch", "key": (await keys(db, tenant))[0], "at": "2028-01-01T00:00:00.000Z"})
    await take(db, source)
    assert len(await rows(db, tenant, "SELECT FROM recheck")) == 1


async def test_what_changes_of_a_loser_has_its_survivor_looked_at_again(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(5)
    source = await connect(db, vault, tenant, cdp)
    await _of_hue(db, tenant)
    await take(db, source)
    winner, loser, *_ = await keys(db, tenant)
    await cdp.change({"op": "merge", "loser": loser, "winner": winner})
    await take(db, source)
    await rows(db, tenant, "DELETE FROM recheck RETURNING profile_id")
    at = "2028-01-01T00:00:00.000Z"
    await cdp.change({"op": "update", "key": loser, "fields": {"livingCity": "Huế", "updatedAt": at}})
    assert (await take(db, source)).changed == 1
    found = await rows(db, tenant, "SELECT ext_id FROM recheck JOIN cdp_profiles USING (profile_id)")
    assert found == [{"ext_id": winner}]


async def test_an_event_that_overtakes_its_person_brings_them_along(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(3)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    event = {"_key": "first", "metricName": "page-view", "refProfileId": "late", "createdAt": LONG_AGO}
    await cdp.change(_inserted("late"), {"op": "insert", "collection": "cdp_trackingevent", "document": event})
    assert (await take(db, source)).events == 1
    found = await rows(db, tenant, "SELECT p.ext_id FROM marketing_event JOIN cdp_profiles p USING (profile_id)")
    assert found == [{"ext_id": "late"}]


async def test_history_makes_due_what_looks_at_such_events(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(10, events=30)
    async with db.transaction(tenant.tenant_id) as conn:
        for key in ("page-view", "no-such-event"):
            await segments.save_segment(conn, tenant_id=tenant.tenant_id, key=key, name=key, rule={"event": key})
    await take(db, await connect(db, vault, tenant, cdp))
    found = await rows(db, tenant, "SELECT key FROM segment WHERE due_at <= now() AND NOT starts_with(key, 'cdp:')")
    assert found == [{"key": "page-view"}]


async def test_a_schedule_that_somebody_gave_here_stays_and_holds_nobody_up(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cdp.make(30)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    found = (await rows(db, tenant, "SELECT key, name, rule FROM segment ORDER BY key LIMIT 1"))[0]
    async with db.transaction(tenant.tenant_id) as conn:
        given = {"key": found["key"], "rule": found["rule"], "name": "Another name", "schedule": "0 6 1 1 *"}
        await segments.save_segment(conn, tenant_id=tenant.tenant_id, **given)
    joiner = (
        await rows(
            db,
            tenant,
            "SELECT ext_id FROM cdp_profiles p WHERE status = 'active' AND NOT EXISTS (SELECT FROM segment_member m"
            " JOIN segment s USING (segment_id) WHERE m.profile_id = p.profile_id AND s.key = %s) ORDER BY 1 LIMIT 1",
            found["key"],
        )
    )[0]["ext_id"]
    await cdp.change({"op": "join", "key": joiner, "segment": found["key"].removeprefix("cdp:")})
    monkeypatch.setattr("engine.ingest.membership.KEYS", 2)
    counts = await take(db, source)
    assert (counts.joined, counts.left) == (1, 0)
    now = (await rows(db, tenant, "SELECT name, schedule FROM segment WHERE key = %s", found["key"]))[0]
    assert now == {"name": found["name"], "schedule": "0 6 1 1 *"}
    members = await rows(
        db,
        tenant,
        "SELECT ext_id FROM segment_member JOIN cdp_profiles USING (profile_id) JOIN segment s USING (segment_id)"
        " WHERE s.key = %s",
        found["key"],
    )
    assert joiner in {row["ext_id"] for row in members}


async def _member(db: Database, tenant: Tenant) -> tuple[str, str]:
    """Give the key of a segment of the CDP and of one who belongs to it."""
    found = await rows(
        db,
        tenant,
        "SELECT s.key, p.ext_id FROM segment_member JOIN segment s USING (segment_id) JOIN cdp_profiles p"
        " USING (profile_id) ORDER BY 1, 2 LIMIT 1",
    )
    return found[0]["key"], found[0]["ext_id"]


async def _of_hue(db: Database, tenant: Tenant) -> None:
    """Save a segment of the tenant's own."""
    async with db.transaction(tenant.tenant_id) as conn:
        rule = {"attribute": "city", "is": "Huế"}
        await segments.save_segment(conn, tenant_id=tenant.tenant_id, key="hue", name="Huế", rule=rule)


async def _members(db: Database, tenant: Tenant, segment: str) -> set[str]:
    found = await rows(
        db,
        tenant,
        "SELECT ext_id FROM segment_member JOIN segment s USING (segment_id) JOIN cdp_profiles USING (profile_id)"
        " WHERE s.key = %s",
        segment,
    )
    return {row["ext_id"] for row in found}


async def test_who_is_gone_from_the_source_is_no_member_any_more(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(30)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    segment, gone = await _member(db, tenant)
    await cdp.change({"op": "remove", "key": gone})
    assert (await take(db, source, Mode.FULL)).segments > 0
    assert gone not in await _members(db, tenant, segment)


async def test_segments_of_ours_look_again_at_who_is_gone_from_the_source(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(5)
    source = await connect(db, vault, tenant, cdp)
    await _of_hue(db, tenant)
    await take(db, source)
    await rows(db, tenant, "DELETE FROM recheck RETURNING profile_id")
    gone = (await keys(db, tenant))[0]
    await cdp.change({"op": "remove", "key": gone})
    await take(db, source, Mode.FULL)
    found = await rows(db, tenant, "SELECT ext_id FROM recheck JOIN cdp_profiles USING (profile_id)")
    assert found == [{"ext_id": gone}]


async def test_who_comes_back_with_an_older_time_is_a_member_again_without_a_full_run(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(30)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    segment, gone = await _member(db, tenant)
    await cdp.change({"op": "remove", "key": gone})
    await take(db, source, Mode.FULL)
    assert (await take(db, source)).left == 0, "who is gone is asked for no more"
    await cdp.change(_inserted(gone), {"op": "join", "key": gone, "segment": segment.removeprefix("cdp:")})
    await take(db, source)
    assert gone in await _members(db, tenant, segment)
