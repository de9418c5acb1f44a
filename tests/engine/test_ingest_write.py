"""A page of people in the database: what is unchanged is not written, what others said here stays."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from engine.db import Database
from engine.ingest import columns, fieldmap, people, write
from engine.ingest.page import rows_of, targets_of
from engine.ingest.write import Place, Written
from engine.profiles import get_profile, upsert_profiles
from engine.queries import queries
from tests.conftest import Tenant

FIELDS = fieldmap.load()
LAN = {
    "_key": "lan",
    "_rev": "_1",
    "status": 1,
    "firstName": "Lan",
    "lastName": "Nguyễn",
    "primaryEmail": "lan@hoa.vn",
    "identities": ["zalo:7123456780000004"],
    "receiveEmail": 1,
    "livingCity": "Huế",
    "topEngagedTouchpointIds": ["tp1", "tp2"],
    "updatedAt": "2026-03-25T05:59:23.694Z",
}
TABLES = ("cdp_profiles", "profile_address", "consent", "relation_target", "profile_relation")


@pytest.fixture
async def place(db: Database, tenant: Tenant) -> Place:
    async with db.transaction(tenant.tenant_id) as conn:
        made = await conn.execute(
            "INSERT INTO source (tenant_id, key, kind) VALUES (%s, 'cdp', 'arango') RETURNING source_id",
            (tenant.tenant_id,),
        )
        row = await made.fetchone()
    assert row
    return Place(tenant_id=tenant.tenant_id, source_id=row["source_id"], source="cdp", owned=FIELDS.attributes.names)


async def take(db: Database, place: Place, *documents: dict[str, Any], known: bool = False) -> Written:
    read = people.read(documents, FIELDS, known={one["_key"] for one in documents} if known else set())
    async with db.transaction(place.tenant_id) as conn:
        target_ids = await write.write_targets(conn, place, targets_of(read))
        return await write.write_people(conn, place, rows_of(read, target_ids))


async def everything(db: Database, place: Place) -> dict[str, list[str]]:
    """Each row of what people become, with the transaction that wrote it: whoever rewrites a row changes this."""
    async with db.transaction(place.tenant_id) as conn:
        return {
            table: [
                json.dumps(row, default=str, sort_keys=True)
                for row in await (await conn.execute(f"SELECT xmin::text, t.* FROM {table} t ORDER BY 2, 3")).fetchall()  # noqa: S608 - names of ours
            ]
            for table in TABLES
        }


async def consents(db: Database, place: Place) -> list[tuple[bool, str]]:
    async with db.transaction(place.tenant_id) as conn:
        rows = await (await conn.execute("SELECT granted, source FROM consent ORDER BY at, consent_id")).fetchall()
    return [(row["granted"], row["source"]) for row in rows]


async def holds(db: Database, place: Place, ext_id: str = "lan") -> bool:
    async with db.transaction(place.tenant_id) as conn:
        person = await get_profile(conn, tenant_id=place.tenant_id, ext_id=ext_id)
    return any(one["granted"] for one in person.consents if one["purpose"] == "marketing")


async def withdraw(db: Database, place: Place, at: datetime) -> None:
    """Somebody unsubscribes here."""
    async with db.transaction(place.tenant_id) as conn:
        said = {"channel": "email", "purpose": "marketing", "granted": False, "at": at}
        await upsert_profiles(conn, tenant_id=place.tenant_id, profiles=[{"ext_id": "lan", "consents": [said]}])


async def test_a_person_comes_with_addresses_consents_and_relations(db: Database, place: Place) -> None:
    written = await take(db, place, LAN)
    assert (written.new, written.changed) == (1, 0)
    async with db.transaction(place.tenant_id) as conn:
        person = await get_profile(conn, tenant_id=place.tenant_id, ext_id="lan")
        kept = await (await conn.execute("SELECT source, source_rev, source_updated_at FROM cdp_profiles")).fetchone()
        related = await (
            await conn.execute(
                "SELECT key, name FROM profile_relation JOIN relation_target USING (target_id) ORDER BY key"
            )
        ).fetchall()
    assert (person.name, person.attributes["city"]) == ("Nguyễn Lan", "Huế")
    assert [(one["channel"], one["value"]) for one in person.addresses] == [
        ("email", "lan@hoa.vn"),
        ("zalo_oa", "7123456780000004"),
    ]
    assert [(one["channel"], one["granted"]) for one in person.consents] == [("email", True)]
    assert [(row["key"], row["name"]) for row in related] == [("tp1", "tp1"), ("tp2", "tp2")]
    assert kept
    assert (kept["source"], kept["source_rev"]) == ("cdp", "_1")
    assert kept["source_updated_at"] == datetime(2026, 3, 25, 5, 59, 23, 694_000, tzinfo=UTC)


async def test_a_page_of_unchanged_people_writes_no_row_in_any_table(db: Database, place: Place) -> None:
    page = [LAN, {**LAN, "_key": "minh", "primaryEmail": "minh@hoa.vn"}]
    await take(db, place, *page)
    before = await everything(db, place)
    written = await take(db, place, *page, known=True)
    assert (written.new, written.changed) == (0, 0)
    assert await everything(db, place) == before


async def test_what_waits_before_the_indexes_is_taken_in_by_another_session(db: Database, place: Place) -> None:
    many = [{**LAN, "_key": f"lan-{number}", "identities": []} for number in range(200)]
    async with db.transaction(place.tenant_id) as conn:
        await conn.execute("SET LOCAL gin_pending_list_limit = '16MB'")
        read = people.read(many, FIELDS, known=set())
        target_ids = await write.write_targets(conn, place, targets_of(read))
        await write.write_people(conn, place, rows_of(read, target_ids))
    taken = []
    for _ in range(2):
        async with db.transaction(place.tenant_id) as conn:
            taken.append(await (await conn.execute("SELECT leo_take_in() AS pages")).fetchone())
    assert [row and row["pages"] > 0 for row in taken] == [True, False]


async def test_the_planner_is_told_of_people_before_autovacuum_comes(db: Database, place: Place) -> None:
    await take(db, place, LAN, {**LAN, "_key": "minh", "primaryEmail": "minh@hoa.vn"})
    async with db.transaction(place.tenant_id) as conn:
        await conn.execute("SELECT leo_analyze_people()")
        told = await (
            await conn.execute("SELECT relname FROM pg_class WHERE relname = ANY (%s) AND reltuples > 0", ([*TABLES],))
        ).fetchall()
    assert {row["relname"] for row in told} == set(TABLES)


async def test_a_change_of_one_field_rewrites_that_person_alone(db: Database, place: Place) -> None:
    await take(db, place, LAN, {**LAN, "_key": "minh"})
    before = await everything(db, place)
    written = await take(db, place, {**LAN, "_rev": "_2", "livingCity": "Đà Nẵng"}, {**LAN, "_key": "minh"}, known=True)
    after = await everything(db, place)
    assert (written.new, written.changed) == (0, 1)
    assert {table: rows for table, rows in after.items() if table != "cdp_profiles"} == {
        table: rows for table, rows in before.items() if table != "cdp_profiles"
    }
    assert len(set(after["cdp_profiles"]) - set(before["cdp_profiles"])) == 1


async def test_addresses_of_others_stay_and_those_the_source_drops_go(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    async with db.transaction(place.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO profile_address (tenant_id, profile_id, channel, value, source) "
            "SELECT tenant_id, profile_id, 'telegram', '4711', 'api' FROM cdp_profiles"
        )
    await take(db, place, {**LAN, "_rev": "_2", "identities": [], "primaryEmail": "new@hoa.vn"}, known=True)
    async with db.transaction(place.tenant_id) as conn:
        rows = await (await conn.execute("SELECT value FROM profile_address ORDER BY value")).fetchall()
    assert [row["value"] for row in rows] == ["4711", "new@hoa.vn"]


async def test_an_address_that_bounced_stays_invalid_when_the_source_repeats_it(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    async with db.transaction(place.tenant_id) as conn:
        await conn.execute("UPDATE profile_address SET valid = false, reason = 'bounced' WHERE channel = 'email'")
    await take(db, place, {**LAN, "_rev": "_2"}, known=True)
    async with db.transaction(place.tenant_id) as conn:
        row = await (await conn.execute("SELECT valid FROM profile_address WHERE channel = 'email'")).fetchone()
    assert row == {"valid": False}


async def test_attributes_that_the_map_does_not_name_stay(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    async with db.transaction(place.tenant_id) as conn:
        await conn.execute("UPDATE cdp_profiles SET attributes = attributes || %s", (Jsonb({"own_note": "VIP"}),))
    await take(db, place, {**LAN, "_rev": "_2", "livingCity": ""}, known=True)
    async with db.transaction(place.tenant_id) as conn:
        person = await get_profile(conn, tenant_id=place.tenant_id, ext_id="lan")
    assert person.attributes == {"own_note": "VIP", "cdp_status": 1}


async def test_a_zone_that_the_source_does_not_know_stays(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    async with db.transaction(place.tenant_id) as conn:
        await conn.execute("UPDATE cdp_profiles SET zone = 'Asia/Tokyo'")
    await take(db, place, {**LAN, "_rev": "_2"}, known=True)
    async with db.transaction(place.tenant_id) as conn:
        assert (await get_profile(conn, tenant_id=place.tenant_id, ext_id="lan")).zone == "Asia/Tokyo"


async def test_another_sources_revision_is_not_ours(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    other = replace(place, source="crm")
    assert (await take(db, other, {**LAN, "livingCity": "Vinh"})).changed == 1


async def test_what_people_are_related_to_is_called_as_it_was_called_last(db: Database, place: Place) -> None:
    for name in ("Trà", "Trà sen", None):
        targets = {"kinds": columns.words(["Product"]), "keys": columns.texts(["tea"]), "names": columns.texts([name])}
        async with db.transaction(place.tenant_id) as conn:
            await write.write_targets(conn, place, targets)
    async with db.transaction(place.tenant_id) as conn:
        rows = await (await conn.execute("SELECT name FROM relation_target")).fetchall()
    assert rows == [{"name": "Trà sen"}]


async def test_a_repeated_agreement_never_overrules_an_unsubscribe_here(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    await withdraw(db, place, datetime(2026, 4, 1, tzinfo=UTC))
    await take(db, place, {**LAN, "_rev": "_2", "updatedAt": "2026-05-01T00:00:00.000Z"}, known=True)
    assert not await holds(db, place)
    assert await consents(db, place) == [(True, "cdp"), (False, "api")]


async def test_an_agreement_heard_for_the_first_time_is_older_than_an_unsubscribe_here(
    db: Database, place: Place
) -> None:
    await withdraw(db, place, datetime(2026, 1, 1, tzinfo=UTC))
    await take(db, place, LAN, known=True)
    assert not await holds(db, place)


async def test_an_agreement_after_a_withdrawal_at_the_source_holds_again(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    await take(db, place, {**LAN, "_rev": "_2", "receiveEmail": -1, "updatedAt": "2026-04-01T00:00:00Z"}, known=True)
    assert not await holds(db, place)
    await take(db, place, {**LAN, "_rev": "_3", "receiveEmail": 1, "updatedAt": "2026-04-02T00:00:00Z"}, known=True)
    assert await holds(db, place)


async def test_a_withdrawal_that_left_the_time_alone_counts(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    await take(db, place, {**LAN, "_rev": "_2", "receiveEmail": -1}, known=True)
    assert not await holds(db, place)


async def test_nothing_said_after_an_agreement_is_a_withdrawal(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    await take(db, place, {**LAN, "_rev": "_2", "receiveEmail": 0}, known=True)
    assert await consents(db, place) == [(True, "cdp"), (False, "cdp")]


async def test_an_agreement_from_the_future_is_of_now(db: Database, place: Place) -> None:
    await take(db, place, {**LAN, "updatedAt": "2999-01-01T00:00:00.000Z"})
    async with db.transaction(place.tenant_id) as conn:
        row = await (await conn.execute("SELECT max(at) AS at FROM consent")).fetchone()
    assert row
    assert row["at"] <= datetime.now(UTC) + timedelta(seconds=5)


async def test_without_a_time_an_agreement_is_as_old_as_can_be(db: Database, place: Place) -> None:
    await take(db, place, {**LAN, "updatedAt": None})
    await withdraw(db, place, datetime(2001, 1, 1, tzinfo=UTC))
    assert not await holds(db, place)


async def test_another_map_rewrites_people_of_known_revision(db: Database, place: Place) -> None:
    await take(db, place, LAN)
    again = Place(
        tenant_id=place.tenant_id, source_id=place.source_id, source=place.source, owned=place.owned, again=True
    )
    assert (await take(db, again, LAN, known=True)).changed == 1


async def test_the_same_key_in_two_tenants_is_two_people(db: Database, place: Place, other_tenant: Tenant) -> None:
    await take(db, place, LAN)
    other = Place(tenant_id=other_tenant.tenant_id, source_id=1, source="cdp", owned=place.owned)
    assert (await take(db, other, {**LAN, "livingCity": "Hà Nội"})).new == 1
    async with db.transaction(place.tenant_id) as conn:
        person = await get_profile(conn, tenant_id=place.tenant_id, ext_id="lan")
    assert person.attributes["city"] == "Huế"


async def test_what_a_loser_did_happened_to_whoever_it_was_merged_into(db: Database, place: Place) -> None:
    await take(db, place, LAN, {**LAN, "_key": "minh"})
    event = {"ext_id": "e-1", "type": "purchase", "profile": "minh", "occurred_at": LAN["updatedAt"], "attributes": {}}
    async with db.transaction(place.tenant_id) as conn:
        await conn.execute(
            "UPDATE cdp_profiles m SET status = 'merged', merged_into = p.profile_id"
            " FROM cdp_profiles p WHERE p.ext_id = 'lan' AND m.ext_id = 'minh'"
        )
        values = {"tenant_id": place.tenant_id, "source": place.source, "events": Jsonb([event])}
        await conn.execute(queries("ingest")["write_events"], values)
        found = await conn.execute("SELECT p.ext_id FROM marketing_event JOIN cdp_profiles p USING (profile_id)")
        assert await found.fetchall() == [{"ext_id": "lan"}]
