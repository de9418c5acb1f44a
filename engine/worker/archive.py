"""Archiving by the clock: what is older than each tenant keeps live, a part at a time."""

import logging
from typing import Any

from engine import archive, lanes
from engine.metrics import count
from engine.queries import queries
from engine.worker.jobs import Hands
from rules.errors import LeoError

# What is not done then goes on with the next slot.
TIMEOUT_S = 3000

log = logging.getLogger("leo.worker")


async def archive_old(ctx: dict[str, Any]) -> None:
    """Archive what is older than each tenant keeps live; nothing of a tenant that has said nothing."""
    hands: Hands = ctx["hands"]
    async with hands.db.before_tenant() as conn:
        tenants = [row["tenant_id"] for row in await (await conn.execute(queries("upkeep")["tenants"])).fetchall()]
    for tenant_id in tenants:
        about = {"tenant": str(tenant_id)}
        try:
            moved = await archive.archive_old(hands.db, tenant_id=tenant_id, stop=hands.stop)
        except Exception as error:  # noqa: BLE001 - one tenant's failure keeps nobody else waiting
            count.job_failed(lanes.ARCHIVE)
            extra = about | {"job": lanes.ARCHIVE, "error": str(error)}
            _tell(extra, error)
            continue
        if moved is not None and moved.decisions:
            log.info("archived", extra=about | {"decisions": moved.decisions, "deliveries": moved.deliveries})


def _tell(extra: dict[str, str], error: Exception) -> None:
    log.error("upkeep failed", extra=extra, exc_info=None if isinstance(error, LeoError) else error)
