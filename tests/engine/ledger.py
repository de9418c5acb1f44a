"""A ledger with records in it: recording, sealing, verifying and forging them."""

from engine import audit
from engine.audit import Checkpoint, Signer, Verified
from engine.db import Database
from tests.conftest import Tenant
from tests.engine.acting import acting
from tests.engine.world import World, simple_world

SIGNER = Signer("A" * 43 + "=")


async def sealed(world: World, *, most: int = 8_192) -> int:
    """Seal all that is there; the horizon needs a mark, a barrier and a look past it."""
    records = 0
    for _ in range(3):
        is_behind = True
        while is_behind:
            async with world.db.transaction(world.tenant.tenant_id) as conn:
                one = await audit.seal(conn, tenant_id=world.tenant.tenant_id, grace_s=0.0, most=most)
            records, is_behind = records + one.records, one.is_behind
    return records


async def verified(world: World, against: Checkpoint | None = None) -> Verified:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await audit.verify(conn, tenant_id=world.tenant.tenant_id, against=against)


async def taken(world: World) -> Checkpoint:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await audit.checkpoint(conn, tenant_id=world.tenant.tenant_id)


async def recorded(db: Database, tenant: Tenant, *, people: int = 4) -> World:
    """Decisions and deliveries, and an outcome of each delivery."""
    world, campaign_id, ids = await simple_world(db, tenant, people=people)
    _, (batch_id,) = await world.run(campaign_id, ids)
    await world.decide(batch_id)
    await world.rows(
        "INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at) "
        "SELECT tenant_id, delivery_id, profile_id, campaign_id, 'delivered', 'x', now() FROM delivery_log"
    )
    return world


def forge(admin_url: str, tenant: Tenant, table: str, change: str) -> None:
    """Change a table as only a superuser can who takes its triggers off first."""
    with acting(admin_url, "superuser", tenant.tenant_id) as connection:
        triggers = connection.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled = 'A'",
            (table,),
        ).fetchall()
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        connection.execute(change.encode())
        for (name,) in triggers:
            connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}".encode())
