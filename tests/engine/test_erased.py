"""Whatever hangs on an erased person, or on a profile that was merged into them, goes; what is another's stays."""

import json
from typing import LiteralString

import pytest

from engine.db import Database
from rules.errors import NotFound
from tests.conftest import Tenant
from tests.engine.acting import acting, values
from tests.engine.erasing import EVERYTHING, SECRET, TABLES, TRACES, erased, exported, known
from tests.engine.world import World

# A profile that was merged into kh-1, which hangs on kh-2 and kh-2 on it in every way there is.
HANGS: tuple[LiteralString, ...] = (
    """
    INSERT INTO cdp_profiles (tenant_id, ext_id, name, status, merged_into, source, source_root)
    SELECT tenant_id, 'web-1', %(name)s, 'merged', profile_id, 'cdp', ext_id FROM cdp_profiles WHERE ext_id = 'kh-1'
    """,
    """
    INSERT INTO profile_merge (tenant_id, loser_id, winner_id, reason, evidence, merged_by)
    SELECT tenant_id, profile_id, merged_into, 'both are ' || %(name)s, '["email"]', 'somebody'
    FROM cdp_profiles WHERE ext_id = 'web-1'
    """,
    """
    INSERT INTO profile_address (tenant_id, profile_id, channel, value)
    SELECT tenant_id, profile_id, 'chat', 'visitor-web-1' FROM cdp_profiles WHERE ext_id = 'web-1'
    """,
    """
    INSERT INTO chat_message (tenant_id, channel_id, address, event_id, body)
    SELECT tenant_id, channel_id, 'visitor-web-1', sha256('web-1'), 'Chào ' || %(name)s FROM channel WHERE kind = 'chat'
    """,
    """
    INSERT INTO suppression (tenant_id, profile_id, channel, reason)
    SELECT tenant_id, profile_id, 'telegram', 'asked' FROM cdp_profiles
    """,
    """
    INSERT INTO profile_embedding (tenant_id, profile_id, model, embedding)
    SELECT tenant_id, profile_id, 'm', array_fill(0.1, '{384}')::vector FROM cdp_profiles
    """,
    """
    INSERT INTO duplicate (tenant_id, profile_id, other_id, channel)
    SELECT a.tenant_id, least(a.profile_id, b.profile_id), greatest(a.profile_id, b.profile_id), 'email'
    FROM cdp_profiles a JOIN cdp_profiles b ON b.ext_id = 'kh-2' WHERE a.ext_id IN ('kh-1', 'web-1', 'kh-3')
    """,
    """
    INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id)
    SELECT a.tenant_id, a.profile_id, 'KNOWS', b.profile_id
    FROM cdp_profiles a JOIN cdp_profiles b ON b.profile_id <> a.profile_id
    """,
    """
    INSERT INTO recheck (tenant_id, profile_id) SELECT tenant_id, profile_id FROM cdp_profiles
    ON CONFLICT ON CONSTRAINT recheck_pkey DO NOTHING
    """,
    """
    WITH made AS (INSERT INTO segment (tenant_id, key, name) VALUES (leo_tenant(), 'all', 'All') RETURNING *)
    INSERT INTO segment_member (tenant_id, segment_id, profile_id)
    SELECT p.tenant_id, made.segment_id, p.profile_id FROM cdp_profiles p, made
    """,
)
NAMES_A_PERSON = """
    SELECT c.table_name || '.' || c.column_name
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
      AND NOT (SELECT relispartition FROM pg_class WHERE oid = to_regclass('public.' || c.table_name))
      AND c.column_name IN ('profile_id', 'other_id', 'target_profile_id', 'loser_id')
"""
# Records, under an id that says nobody's name any more; consents are the evidence that the law asks for.
STAYS = {
    *("cdp_profiles.profile_id", "consent.profile_id", "decision.profile_id", "delivery_log.profile_id"),
    *("erasure.profile_id", "marketing_event.profile_id", "outcome.profile_id", "profile_merge.loser_id"),
}


async def _hanging(db: Database, tenant: Tenant) -> World:
    world = await known(db, tenant)
    for statement in HANGS:
        await world.rows(statement, name=SECRET) if "%(name)s" in statement else await world.rows(statement)
    return world


async def test_only_records_still_name_the_id_of_an_erased_person(db: Database, tenant: Tenant, admin_url: str) -> None:
    world = await _hanging(db, tenant)
    people = [
        row["profile_id"]
        for row in await world.rows("SELECT profile_id FROM cdp_profiles WHERE ext_id IN ('kh-1', 'web-1')")
    ]
    await erased(world)
    with acting(admin_url, "superuser", tenant.tenant_id) as connection:
        places = values(connection, NAMES_A_PERSON)
        found = set()
        for place in places:
            table, column = place.split(".")
            count = f"SELECT count(*) FROM public.{table} WHERE tenant_id = %s AND {column} = ANY (%s)"  # noqa: S608 - names of the catalogue
            if values(connection, count, tenant.tenant_id, people) != [0]:
                found.add(place)
    assert found == STAYS
    assert len(places) > len(STAYS)
    assert await world.graph_differences() == 0


async def test_nobody_finds_a_profile_that_was_merged_into_an_erased_person(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await _hanging(db, tenant)
    await erased(world)
    with acting(admin_url, "superuser", tenant.tenant_id) as connection:
        found = [
            (table, row)
            for table in values(connection, TABLES)
            for row in values(connection, EVERYTHING.replace("{table}", table), tenant.tenant_id)
            if any(trace in row for trace in (*TRACES, "web-1"))
        ]
    assert found == []


async def test_what_is_others_stays(db: Database, tenant: Tenant) -> None:
    world = await _hanging(db, tenant)
    await erased(world)
    left = {
        table: await world.one(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of ours
        for table in ("suppression", "profile_embedding", "duplicate", "recheck", "segment_member", "profile_relation")
    }
    assert left == {
        **dict.fromkeys(("suppression", "profile_embedding", "recheck", "segment_member"), 3),
        "duplicate": 1,
        "profile_relation": 6,
    }


async def test_a_copy_holds_what_came_by_a_merged_profile(db: Database, tenant: Tenant) -> None:
    text = json.dumps(await exported(await _hanging(db, tenant)), ensure_ascii=False)
    assert "visitor-web-1" in text


async def test_a_merged_profile_is_erased_with_its_survivor_alone(db: Database, tenant: Tenant) -> None:
    world = await _hanging(db, tenant)
    with pytest.raises(NotFound):
        await erased(world, "web-1")
    assert (await erased(world)).counts["profiles"] == 2


async def test_what_waits_for_an_erased_person_is_cancelled_and_what_left_stays_as_it_was(
    db: Database, tenant: Tenant
) -> None:
    world = await known(db, tenant)
    await world.rows("UPDATE delivery_log SET status = 'sent', provider_id = 'p', response = '{\"to\": \"kh-1\"}'")
    await erased(world)
    (row,) = await world.rows("SELECT status, provider_id, response FROM delivery_log WHERE address = 'erased'")
    assert row == {"status": "sent", "provider_id": None, "response": None}
