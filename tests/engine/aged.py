"""A world that decided and sent long ago: sealed, answered, over."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from engine import archive
from engine.archive import Moved
from engine.db import Database
from tests.conftest import Tenant
from tests.engine.ledger import sealed
from tests.engine.world import World, simple_world

AGO = timedelta(days=500)
KEEP = 400
NOTHING = Moved()

T = TypeVar("T")


async def aged(db: Database, tenant: Tenant, *, people: int = 4, ago: timedelta = AGO, is_sealed: bool = True) -> World:
    """People whom a campaign wrote to so long ago; each message was sent, tried twice and delivered."""
    world, campaign_id, ids = await simple_world(db, tenant, people=people)
    await again(world, campaign_id, ids, ago=ago)
    if is_sealed:
        await sealed(world)
    return world


async def again(world: World, campaign_id: int, ids: list[int], *, ago: timedelta = AGO, **run: Any) -> int:
    """One more run of it; gives its id."""
    run_id, (batch_id,) = await world.run(campaign_id, ids, **run)
    at = datetime.now(UTC) - ago
    await world.decide(batch_id, now=at)
    await world.rows(
        """
        WITH done AS (
            UPDATE delivery_log SET status = 'sent', attempts = 2, sent_at = queued_at,
                   provider_id = 'p-' || delivery_id, response = '{"said": "250 OK"}'
            WHERE run_id = %(run_id)s RETURNING *
        ), tried AS (
            INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, at, status, detail, channel_id)
            SELECT tenant_id, delivery_id, number, phase, 'w', %(at)s,
                   CASE WHEN phase = 'started' THEN 'sending' WHEN number = 1 THEN 'busy' ELSE 'accepted' END,
                   CASE WHEN phase = 'ended' THEN address || ' was asked' END,
                   CASE WHEN phase = 'started' THEN through_id END
            FROM done, unnest('{1,2}'::int[]) number, unnest('{started,ended}'::text[]) phase
        )
        INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at, received_at)
        SELECT tenant_id, delivery_id, profile_id, campaign_id, 'delivered', 'x', %(at)s, %(at)s FROM done
        """,
        run_id=run_id,
        at=at,
    )
    return run_id


async def archived(world: World, *, days: int = KEEP, tenant_id: UUID | None = None) -> Moved:
    moved = await archive.archive_old(world.db, tenant_id=tenant_id or world.tenant.tenant_id, days=days)
    assert moved is not None
    return moved


async def counts(world: World) -> dict[str, int]:
    """How many rows are live and how many in the archive."""
    rows = await world.rows(
        """
        SELECT (SELECT count(*) FROM decision) AS decisions, (SELECT count(*) FROM delivery_log) AS deliveries,
               (SELECT count(*) FROM delivery_attempt) AS attempts,
               (SELECT count(*) FROM archive_decision) AS old_decisions,
               (SELECT count(*) FROM archive_delivery) AS old_deliveries,
               (SELECT count(*) FROM archive_attempt) AS old_attempts
        """
    )
    return dict(rows[0])


async def asked(world: World, what: Callable[..., Awaitable[T]], **how: Any) -> T:
    """Give what a function answers in one transaction of the tenant."""
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await what(conn, **how)
