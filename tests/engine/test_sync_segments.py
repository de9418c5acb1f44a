"""The CDP's segments here: who joined and left, which there are, and which no more."""

import pytest

from engine.credentials import Vault
from engine.db import Database
from engine.ingest.sync import sync_segment
from rules.errors import NotFound
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, connect, keys, rows, take


async def segments_of(db: Database, tenant: Tenant, key: str) -> list[str]:
    found = await rows(
        db,
        tenant,
        "SELECT s.key FROM segment_member m JOIN segment s USING (segment_id) JOIN cdp_profiles p USING (profile_id) "
        "WHERE p.ext_id = %s ORDER BY s.key",
        key,
    )
    return [row["key"] for row in found]


async def test_who_joins_or_leaves_a_segment_is_seen_though_the_time_of_change_stays(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(30)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    segment = (await rows(db, tenant, "SELECT key FROM segment ORDER BY key LIMIT 1"))[0]["key"]
    inside = await rows(
        db,
        tenant,
        "SELECT ext_id, profile_id IN (SELECT profile_id FROM segment_member JOIN segment USING (segment_id) "
        "WHERE key = %s) AS is_member FROM cdp_profiles WHERE status = 'active' ORDER BY 1",
        segment,
    )
    leaver = next(row["ext_id"] for row in inside if row["is_member"])
    joiner = next(row["ext_id"] for row in inside if not row["is_member"])
    cdp_id = segment.removeprefix("cdp:")
    await cdp.change(
        {"op": "join", "key": joiner, "segment": cdp_id}, {"op": "leave", "key": leaver, "segment": cdp_id}
    )
    counts = await take(db, source)
    assert (counts.read, counts.joined, counts.left, counts.segments) == (2, 1, 1, 1)
    assert segment in await segments_of(db, tenant, joiner)
    assert segment not in await segments_of(db, tenant, leaver)


async def test_every_active_segment_of_the_cdp_is_one_here_and_two_of_one_name_are_two(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    planted = (await cdp.make(250, traps=True))["traps"]
    await take(db, await connect(db, vault, tenant, cdp))
    found = await rows(db, tenant, "SELECT key, name, rule FROM segment ORDER BY key")
    assert len(found) == planted["segments_status_1"] + planted["segments_status_2"]
    assert all(row["key"].startswith("cdp:") for row in found)
    assert len({row["name"] for row in found}) == len(found) - 1
    nameless = next(row for row in found if row["key"] == "cdp:DNamelessSegment00014")
    assert nameless["name"] == "DNamelessSegment00014"
    first = found[0]
    assert first["rule"] == {"all": [{"attribute": "cdp_segments", "contains": first["key"].removeprefix("cdp:")}]}


@pytest.mark.parametrize("said", [[{"id": {"a": 1}}, {"id": "DSeg"}], [{"id": 7}], "DSeg", {"id": "DSeg"}, 7, True])
async def test_what_is_no_list_of_segments_stops_nobody(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, said: object
) -> None:
    """A map may lead anywhere, and documents hold what somebody wrote."""
    await cdp.make(3)
    odd = {"_key": "odd", "status": 1, "updatedAt": "2026-01-01T00:00:00.000Z", "inSegments": said}
    await cdp.change({"op": "insert", "document": odd})
    source = await connect(db, vault, tenant, cdp, field_map={"attributes": {"cdp_segments": "inSegments"}})
    assert (await take(db, source)).new == 4
    await cdp.change({"op": "update", "key": "odd", "fields": {"updatedAt": "2027-01-01T00:00:00.000Z"}})
    assert (await take(db, source)).changed == 1


async def test_one_segment_is_taken_at_once_with_its_members(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(60)
    await connect(db, vault, tenant, cdp)
    members = await sync_segment(db, vault, tenant_id=tenant.tenant_id, cdp_segment_id="497ChuAh3ycYQ92GaH9NEx")
    assert 0 < members < 60
    assert len(await keys(db, tenant)) == members
    found = await rows(
        db,
        tenant,
        "SELECT count(*) AS n FROM segment_member JOIN segment USING (segment_id) WHERE key = %s",
        "cdp:497ChuAh3ycYQ92GaH9NEx",
    )
    assert found == [{"n": members}]
    with pytest.raises(NotFound, match="no active segment"):
        await sync_segment(db, vault, tenant_id=tenant.tenant_id, cdp_segment_id="9InactiveQuerySegmt10")


async def test_a_segment_that_the_cdp_has_no_more_is_archived_unless_a_campaign_uses_it(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, caplog: pytest.LogCaptureFixture
) -> None:
    await cdp.make(250, traps=True)
    source = await connect(db, vault, tenant, cdp)
    await take(db, source)
    used, unused = "cdp:BTwinSegmentFirst0012", "cdp:CTwinSegmentSecond013"
    await rows(
        db,
        tenant,
        "INSERT INTO campaign (tenant_id, key, name, status, segment_id) "
        "SELECT tenant_id, 'vip', 'VIP', 'active', segment_id FROM segment WHERE key = %s RETURNING key",
        used,
    )
    await cdp.make(250, traps=False)
    await take(db, source)
    found = await rows(db, tenant, "SELECT key FROM segment WHERE archived_at IS NOT NULL")
    assert unused in {row["key"] for row in found}
    assert used not in {row["key"] for row in found}
    assert "is used by the campaign 'vip'" in caplog.text
