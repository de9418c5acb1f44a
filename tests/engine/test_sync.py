"""A sync of a generated CDP: what changed comes, once; what left goes; nothing that did not change is written."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from engine.credentials import Vault
from engine.db import Database
from engine.ingest.sync import Mode, is_full_due, sync, sync_due
from engine.profiles import get_profile
from rules.errors import Conflict
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, connect, keys, new_cdp, rows, take

WRITTEN = (
    "SELECT (SELECT array_agg(xmin::text ORDER BY profile_id) FROM cdp_profiles) AS people, "
    "(SELECT array_agg(xmin::text ORDER BY address_id) FROM profile_address) AS addresses, "
    "(SELECT array_agg(xmin::text ORDER BY consent_id) FROM consent) AS consents, "
    "(SELECT array_agg(xmin::text ORDER BY relation_id) FROM profile_relation) AS relations, "
    "(SELECT array_agg(xmin::text ORDER BY event_id) FROM marketing_event) AS events, "
    "(SELECT array_agg(xmin::text ORDER BY segment_id, profile_id) FROM segment_member) AS members"
)


async def test_everybody_comes_and_a_second_run_writes_nothing(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(250, events=40)
    source = await connect(db, vault, tenant, cdp, page=100)
    first = await take(db, source)
    assert (first.read, first.new, first.events) == (250, 250, 40)
    before = await rows(db, tenant, WRITTEN)
    second = await take(db, source)
    assert (second.read, second.new, second.changed, second.events, second.segments) == (0, 0, 0, 0, 0)
    third = await take(db, source, Mode.FULL)
    assert (third.new, third.changed, third.deleted, third.joined, third.left) == (0, 0, 0, 0, 0)
    assert await rows(db, tenant, WRITTEN) == before


async def test_a_page_that_is_read_again_writes_nothing(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    await cdp.make(120)
    source = await connect(db, vault, tenant, cdp, page=50)
    await take(db, source)
    before = await rows(db, tenant, WRITTEN)
    await rows(db, tenant, "UPDATE sync_position SET at = '', key = '' RETURNING stream")
    again = await take(db, source)
    assert (again.read, again.unchanged) == (120, 120)
    assert await rows(db, tenant, WRITTEN) == before


@pytest.mark.parametrize("page", [1, 3, 100])
async def test_people_of_one_time_are_all_taken_whatever_the_page(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, page: int
) -> None:
    await cdp.make(10)
    await take(db, await connect(db, vault, tenant, cdp))
    everybody = await keys(db, tenant)
    await cdp.change(*({"op": "touch", "key": key, "at": "2027-01-01T00:00:00.000Z"} for key in everybody))
    source = await connect(db, vault, tenant, cdp, page=page)
    assert (await take(db, source)).changed == 10


async def test_whose_time_is_null_comes_first_and_once(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    await cdp.make(3)
    await cdp.change(
        *({"op": "insert", "document": {"_key": f"timeless{i}", "status": 1, "updatedAt": None}} for i in range(5)),
        {"op": "insert", "document": {"_key": "unset", "status": 1, "updatedAt": ""}},
    )
    source = await connect(db, vault, tenant, cdp, page=2)
    counts = await take(db, source)
    assert (counts.read, counts.new) == (9, 9)
    assert counts.mended["the time of change is none"] == 6
    assert (await take(db, source)).read == 0


async def test_a_loser_is_merged_and_an_unmerged_one_is_back(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(10)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    winner, loser, *_ = await keys(db, tenant)
    await cdp.change({"op": "merge", "loser": loser, "winner": winner})
    assert (await take(db, source)).merged == 1
    found = await rows(
        db,
        tenant,
        "SELECT l.status, w.ext_id FROM cdp_profiles l JOIN cdp_profiles w ON w.profile_id = l.merged_into "
        "WHERE l.ext_id = %s",
        loser,
    )
    assert found == [{"status": "merged", "ext_id": winner}]
    await cdp.change({"op": "update", "key": loser, "fields": {"status": 1, "rootProfileId": ""}})
    await take(db, source)
    assert loser in await keys(db, tenant)


async def test_a_loser_that_comes_before_its_winner_is_merged_when_that_one_comes(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(3)
    source = await connect(db, vault, tenant, cdp)
    await cdp.change(
        {
            "op": "insert",
            "document": {"_key": "loser", "status": 0, "rootProfileId": "winner", "updatedAt": "2027-01-01T00:00:00Z"},
        }
    )
    await take(db, source)
    assert await keys(db, tenant, status="deleted") == ["loser"]
    await cdp.change({"op": "insert", "document": {"_key": "winner", "status": 1, "updatedAt": "2027-01-02T00:00:00Z"}})
    await take(db, source)
    assert await keys(db, tenant, status="merged") == ["loser"]


async def test_who_was_removed_for_good_is_deleted_by_a_full_run_and_may_come_back(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(20)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    gone = (await keys(db, tenant))[3]
    await cdp.change({"op": "remove", "key": gone})
    assert (await take(db, source, Mode.FULL)).deleted == 1
    assert await keys(db, tenant, status="deleted") == [gone]
    document = {"_key": gone, "status": 1, "updatedAt": "2027-01-01T00:00:00.000Z"}
    await cdp.change({"op": "insert", "document": document})
    await take(db, source)
    assert gone in await keys(db, tenant)


async def test_a_change_that_came_with_an_older_time_is_found_by_a_full_run(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(20)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    late = (await keys(db, tenant))[0]
    await cdp.change(
        {"op": "update", "key": late, "fields": {"livingCity": "Huế", "updatedAt": "2001-01-01T00:00:00.000Z"}}
    )
    assert (await take(db, source)).changed == 0
    assert (await take(db, source, Mode.FULL)).changed == 1
    async with db.transaction(tenant.tenant_id) as conn:
        assert (await get_profile(conn, tenant_id=tenant.tenant_id, ext_id=late)).attributes["city"] == "Huế"


async def test_an_emptied_source_deletes_nobody(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    await cdp.make(150)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    await cdp.make(2, seed=9)
    await rows(db, tenant, "UPDATE cdp_profiles SET ext_id = 'other-' || ext_id RETURNING ext_id")
    with pytest.raises(Conflict, match="no longer at the source"):
        await take(db, source, Mode.FULL)
    assert not await keys(db, tenant, status="deleted")


async def test_events_come_once_each_for_the_one_who_stays(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(10, events=30)
    source = await connect(db, vault, tenant, cdp)
    assert (await take(db, source)).events == 30
    await rows(db, tenant, "UPDATE sync_position SET at = '', key = '' WHERE stream = 'events' RETURNING stream")
    again = await take(db, source)
    assert (again.events, again.events_known) == (0, 30)
    assert len(await rows(db, tenant, "SELECT FROM marketing_event WHERE profile_id IS NOT NULL")) == 30


async def test_history_starts_no_campaign(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    await cdp.make(10, events=30)
    await rows(
        db,
        tenant,
        "INSERT INTO campaign (tenant_id, key, name, status, trigger_type) SELECT %s, m, m, 'active', m "
        "FROM unnest(ARRAY['page-view', 'purchase', 'item-view', 'add-to-cart']) m RETURNING key",
        tenant.tenant_id,
    )
    await take(db, await connect(db, vault, tenant, cdp))
    assert not await rows(db, tenant, "SELECT run_id FROM campaign_run")


async def test_two_syncs_at_once_end_as_one(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    await cdp.make(400, events=60)
    source = await connect(db, vault, tenant, cdp, page=20)
    both = await asyncio.gather(take(db, source), take(db, source, Mode.FULL))
    assert sum(counts.new for counts in both) == 400
    assert sum(counts.changed for counts in both) == 0
    assert sum(counts.events for counts in both) == 60
    assert len(await keys(db, tenant)) == 400


async def test_the_same_keys_in_two_tenants_are_other_people(
    db: Database, tenant: Tenant, other_tenant: Tenant, vault: Vault, cdp: Cdp, sandbox: SandboxProcess
) -> None:
    other = new_cdp(sandbox)
    await cdp.make(20)
    await other.make(20)
    await take(db, await connect(db, vault, tenant, cdp))
    await take(db, await connect(db, vault, other_tenant, other))
    assert await keys(db, tenant) == await keys(db, other_tenant)
    key = (await keys(db, tenant))[0]
    await cdp.change({"op": "update", "key": key, "fields": {"livingCity": "Sa Đéc"}})
    await take(db, await connect(db, vault, tenant, cdp))
    async with db.transaction(other_tenant.tenant_id) as conn:
        untouched = await get_profile(conn, tenant_id=other_tenant.tenant_id, ext_id=key)
    assert untouched.attributes.get("city") != "Sa Đéc"


async def test_it_ends_after_a_page_when_it_is_asked_to_and_goes_on_there(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(100)
    source = await connect(db, vault, tenant, cdp, page=10)
    stop = asyncio.Event()
    first = await sync(db, source, say=lambda _: stop.set(), stop=stop)
    assert (first.read, first.new) == (10, 10)
    assert (await take(db, source)).new == 90


async def test_a_changed_map_is_applied_to_everybody_once(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    await cdp.make(30)
    await take(db, await connect(db, vault, tenant, cdp))
    changed = await connect(db, vault, tenant, cdp, field_map={"attributes": {"first_name": "firstName"}})
    assert (await take(db, changed)).changed == 30
    assert len(await rows(db, tenant, "SELECT FROM cdp_profiles WHERE attributes ? 'first_name'")) == 30
    assert (await take(db, changed)).read == 0


async def test_what_is_due_is_taken_and_put_off(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    await cdp.make(10)
    await connect(db, vault, tenant, cdp)
    now = (await rows(db, tenant, "SELECT now() AS now"))[0]["now"]
    done = await sync_due(db, vault, tenant_id=tenant.tenant_id, now=now)
    assert done["cdp"].new == 10
    assert not await sync_due(db, vault, tenant_id=tenant.tenant_id, now=now)
    assert (await rows(db, tenant, "SELECT mode, status FROM sync_run"))[0] == {"mode": "full", "status": "finished"}


async def test_a_due_source_that_fails_does_not_stop_the_others(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, caplog: pytest.LogCaptureFixture
) -> None:
    await cdp.make(10)
    await connect(db, vault, tenant, cdp, password="guess")
    now = (await rows(db, tenant, "SELECT now() AS now"))[0]["now"]
    assert not await sync_due(db, vault, tenant_id=tenant.tenant_id, now=now)
    assert "was not synced" in caplog.text


@pytest.mark.parametrize(
    ("told", "last", "now", "is_due"),
    [
        ({}, None, "2026-05-02T01:00:00+07:00", True),
        ({}, "2026-05-01T02:00:00+07:00", "2026-05-02T01:00:00+07:00", False),
        ({}, "2026-05-01T00:30:00+07:00", "2026-05-02T01:00:00+07:00", True),
        ({"reconcile_at": "03:15"}, None, "2026-05-02T01:00:00+07:00", False),
        ({"reconcile_at": "03:15"}, "2026-05-01T03:16:00+07:00", "2026-05-02T03:14:00+07:00", False),
        ({"reconcile_at": "03:15"}, "2026-05-01T03:16:00+07:00", "2026-05-02T03:15:00+07:00", True),
        ({"reconcile_at": "03:15"}, "2026-05-01T03:14:00+07:00", "2026-05-02T03:00:00+07:00", True),
        ({"reconcile_at": "03:15"}, "2026-05-02T03:15:00+07:00", "2026-05-02T04:00:00+07:00", False),
        ({}, "2026-05-01T01:00:00+07:00", "2026-05-02T01:00:00+07:00", True),
    ],
)
async def test_everything_is_compared_daily_or_at_a_time_of_the_tenants_day(
    db: Database,
    tenant: Tenant,
    vault: Vault,
    cdp: Cdp,
    told: dict[str, Any],
    last: str | None,
    now: str,
    is_due: bool,  # noqa: FBT001 - what is expected
) -> None:
    source = await connect(db, vault, tenant, cdp, **told)
    if last is not None:
        await rows(
            db,
            tenant,
            "INSERT INTO sync_run (tenant_id, source_id, mode, status, started_at) "
            "SELECT %s, %s, mode, status, %s::timestamptz + later FROM (VALUES ('full', 'finished', interval '0'), "
            "('full', 'failed', interval '1 s'), ('changes', 'finished', interval '2 s')) AS run (mode, status, later) "
            "RETURNING sync_run_id",
            tenant.tenant_id,
            source.source_id,
            last,
        )
    assert await is_full_due(db, source, now=datetime.fromisoformat(now)) == is_due
