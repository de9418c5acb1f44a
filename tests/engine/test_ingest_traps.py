"""What goes wrong with a real CDP's people, planted at known counts: each trap arrives as the world says it must."""

import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from engine.credentials import Vault
from engine.db import Database
from engine.embedded import Servers
from engine.ingest.counts import SyncCounts
from engine.ingest.sync import Mode
from tests.channels.sandbox_process import start_sandbox
from tests.conftest import Tenant
from tests.engine.cdp import connect, new_cdp, take

PEOPLE = 600
EVENTS = 200


@dataclass(frozen=True)
class Taken:
    """A world with every trap, taken once in pages of 100: equal times go across their borders."""

    db: Database
    tenant: Tenant
    planted: dict[str, int]
    truth: dict[str, Any]
    counts: SyncCounts

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await (await conn.execute(query, values)).fetchall()

    async def count(self, query: str, *values: Any) -> int:
        return int((await self.rows(f"SELECT count(*) AS n FROM {query}", *values))[0]["n"])  # noqa: S608 - ours


@pytest.fixture(scope="module")
async def taken(db: Database, servers: Servers) -> AsyncIterator[Taken]:
    sandbox = await start_sandbox()
    tenant = Tenant(uuid4(), "traps")
    async with db.transaction(tenant.tenant_id) as conn:
        await conn.execute("INSERT INTO tenant (tenant_id, slug, name) VALUES (%s, 'traps', 'T')", (tenant.tenant_id,))
    cdp = new_cdp(sandbox)
    manifest = await cdp.make(PEOPLE, events=EVENTS, traps=True)
    source = await connect(db, Vault(servers.secrets.credential_key), tenant, cdp, page=100)
    counts = await take(db, source, Mode.FULL)
    yield Taken(db, tenant, manifest["traps"], manifest["truth"], counts)
    sandbox.close()


async def test_everybody_is_what_the_world_says(taken: Taken) -> None:
    found = await taken.rows("SELECT status, count(*) AS n FROM cdp_profiles GROUP BY status")
    assert {row["status"]: row["n"] for row in found} | {"all": PEOPLE} == taken.truth["people"]
    assert (taken.counts.read, taken.counts.new, taken.counts.changed) == (PEOPLE, PEOPLE, 0)


@pytest.mark.parametrize("whom", ["all", "active"])
async def test_addresses_are_valid_or_kept_with_a_reason_as_the_world_says(taken: Taken, whom: str) -> None:
    found = await taken.rows(
        "SELECT channel, valid, count(*) AS n FROM profile_address a JOIN cdp_profiles p USING (profile_id) "
        "WHERE p.status = 'active' OR %s = 'all' GROUP BY channel, valid",
        whom,
    )
    counted: dict[str, dict[str, int]] = {}
    for row in found:
        counted.setdefault(row["channel"], {})["valid" if row["valid"] else "invalid"] = row["n"]
    assert counted == taken.truth[whom]["addresses"]
    assert not await taken.count("profile_address WHERE valid = (reason IS NOT NULL)")


async def test_each_garbage_is_told_with_its_reason(taken: Taken) -> None:
    assert (
        sum(taken.counts.addresses_invalid.values()) == taken.planted["phone_garbage"] + taken.planted["mail_garbage"]
    )
    assert not [reason for reason in taken.counts.addresses_invalid if not reason.strip()]


@pytest.mark.parametrize("channel", ["email", "zalo_template", "app_push", "web_push"])
async def test_consent_is_what_the_world_says(taken: Taken, channel: str) -> None:
    said = taken.truth["all"]["consents"][channel]
    found = await taken.rows(
        "SELECT granted, count(*) AS n FROM consent WHERE channel = %s AND purpose = 'marketing' GROUP BY granted",
        channel,
    )
    assert {row["granted"]: row["n"] for row in found} == {True: said["1"], False: said["-1"]}


async def test_consent_to_advertising_is_presumed_so_only_its_withdrawal_is_kept(taken: Taken) -> None:
    found = await taken.rows("SELECT channel, granted FROM consent WHERE purpose = 'ads'")
    assert found == [{"channel": None, "granted": False}] * taken.truth["all"]["consents"]["ads"]["-1"]


async def test_members_of_active_segments_are_those_of_the_world(taken: Taken) -> None:
    found = await taken.rows(
        "SELECT s.key, count(m.profile_id) AS n FROM segment s LEFT JOIN segment_member m USING (segment_id) GROUP BY 1"
    )
    counted = {row["key"].removeprefix("cdp:"): row["n"] for row in found}
    inactive = {"9InactiveQuerySegmt10", "ARemovedSegment000011", "zzNoSuchSegment000000"}
    assert counted == {key: count for key, count in taken.truth["segments"].items() if key not in inactive}


async def test_losers_are_merged_into_the_end_of_their_chain_and_one_without_a_winner_is_out(taken: Taken) -> None:
    merged = taken.planted["merge_loser_first"] + taken.planted["merge_loser_last"] + taken.planted["merge_chain"]
    assert await taken.count("cdp_profiles WHERE status = 'merged'") == merged == taken.counts.merged
    assert await taken.count("cdp_profiles WHERE source_root IS NOT NULL AND status = 'deleted'") == 1
    assert not await taken.count(
        "cdp_profiles l JOIN cdp_profiles w ON w.profile_id = l.merged_into WHERE w.status <> 'active'"
    )


async def test_events_come_once_and_those_of_nobody_stay_without_a_person(taken: Taken) -> None:
    unknown, lost = taken.planted["events_unknown_profile"], taken.planted["events_unknown_metric"]
    planted = sum(count for name, count in taken.planted.items() if name.startswith("events_"))
    assert taken.counts.events == EVENTS + planted - lost == await taken.count("marketing_event")
    assert taken.counts.events_of_nobody == unknown == await taken.count("marketing_event WHERE profile_id IS NULL")
    assert not await taken.count("campaign_run")
    assert not await taken.count(
        "marketing_event JOIN cdp_profiles USING (profile_id) WHERE merged_into IS NOT NULL AND status = 'merged'"
    )


async def test_texts_are_composed_and_hostile_ones_are_only_texts(taken: Taken) -> None:
    names = [row["name"] for row in await taken.rows("SELECT name FROM cdp_profiles WHERE name IS NOT NULL")]
    assert all(unicodedata.is_normalized("NFC", name) for name in names)
    same = taken.planted["name_nfc"] + taken.planted["name_nfd"]
    assert sum("Nguyễn Thị Ánh Tuyết" in name for name in names) == same
    assert sum("🌹" in name or "🇻🇳" in name or "👩‍👩‍👧" in name for name in names) == taken.planted["name_emoji"]
    cities = {row["city"] for row in await taken.rows("SELECT attributes ->> 'city' AS city FROM cdp_profiles")}
    assert {"beforeafter", "O'Brien'); --", "$$ DROP TABLE cdp_profiles $$", "%s %(name)s \\u0000 \\"} <= cities


async def test_what_was_mended_is_counted_by_reason(taken: Taken) -> None:
    assert taken.counts.mended == {
        "the time of change is none": taken.planted["no_updated_at"],
        "a name is too long": 1,
        "a text held characters that cannot be stored": 4,
    }
    assert not taken.counts.refused


async def test_two_thousand_touchpoints_are_two_thousand_relations_with_names(taken: Taken) -> None:
    found = await taken.rows(
        "SELECT count(*) AS n, count(*) FILTER (WHERE t.name = t.key) AS nameless FROM profile_relation r "
        "JOIN relation_target t USING (target_id) WHERE r.kind = 'ENGAGED' GROUP BY profile_id ORDER BY 1 DESC LIMIT 1"
    )
    assert found == [{"n": 2_000, "nameless": taken.planted["touchpoints_name_null"]}]


async def test_the_graph_shows_what_the_tables_hold(taken: Taken) -> None:
    found = await taken.rows("SELECT * FROM leo_graph_differences() WHERE missing + extra + different > 0")
    assert not found
