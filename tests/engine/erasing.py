"""A person about whom everything is known, to be exported and erased."""

from engine.db import Database
from engine.privacy import Erased, erase_profile, export_profile
from tests.conftest import Tenant
from tests.engine.ledger import recorded
from tests.engine.world import World

SECRET = "Trần Thị Mai"
TRACES = (SECRET, "kh-1", "0912345678")
TABLES = """
    SELECT c.table_name
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.column_name = 'tenant_id' AND c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
"""
EVERYTHING = "SELECT t::text FROM public.{table} t WHERE tenant_id = %s"


async def erased(world: World, ext_id: str = "kh-1", reason: str = "asked by mail on 2026-05-01") -> Erased:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await erase_profile(conn, ext_id=ext_id, reason=reason, by="test")


async def exported(world: World, ext_id: str = "kh-1") -> dict[str, object]:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await export_profile(conn, ext_id=ext_id)


async def known(db: Database, tenant: Tenant) -> World:
    """Four people with decisions, deliveries and outcomes; kh-1 left traces wherever somebody can."""
    world = await recorded(db, tenant)
    await world.rows(
        """
        WITH one AS (
            UPDATE cdp_profiles SET name = %(name)s, attributes = attributes || '{"phone": "0912345678"}'
            WHERE ext_id = 'kh-1' RETURNING tenant_id, profile_id
        ), event AS (
            INSERT INTO marketing_event (tenant_id, type, profile_id, ext_id, attributes)
            SELECT tenant_id, 'cart', profile_id, 'kh-1-cart', jsonb_build_object('name', %(name)s::text) FROM one
            RETURNING tenant_id, event_id, ext_id
        ), keys AS (
            INSERT INTO event_key (tenant_id, ext_id, event_id) SELECT tenant_id, ext_id, event_id FROM event
        )
        UPDATE outcome o SET raw = jsonb_build_object('to', 'kh-1@people.example')
        FROM one WHERE o.profile_id = one.profile_id
        """,
        name=SECRET,
    )
    await world.connect("chat", provider="sandbox")
    await world.rows(
        """
        INSERT INTO chat_message (tenant_id, channel_id, profile_id, address, event_id, body)
        SELECT p.tenant_id, c.channel_id, p.profile_id, 'kh-1', sha256('kh-1'), 'Chào ' || p.name
        FROM cdp_profiles p, channel c WHERE p.ext_id = 'kh-1' AND c.kind = 'chat'
        """
    )
    await world.rows(
        """
        INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status, detail)
        SELECT tenant_id, delivery_id, 1, 'ended', 'w', 'rejected', address || ' is unknown' FROM delivery_log
        """
    )
    return world
