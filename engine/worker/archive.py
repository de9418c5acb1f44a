"""Archiving by the clock: what is older than each tenant keeps live, in parts."""

import logging
from typing import Any
from uuid import UUID

from engine import archive, lanes
from engine.worker.jobs import Hands
from engine.worker.rounds import for_each_tenant

# What is not done by then continues with the next slot.
TIMEOUT_S = 3000

log = logging.getLogger("leo.worker")


async def archive_old(ctx: dict[str, Any]) -> None:
    """Archive what is older than each tenant keeps live; nothing for a tenant that has not set this."""
    await for_each_tenant(ctx["hands"], lanes.ARCHIVE, _archive)


async def _archive(hands: Hands, tenant_id: UUID) -> None:
    moved = await archive.archive_old(hands.db, tenant_id=tenant_id, stop=hands.stop)
    if moved is not None and moved.decisions:
        counts = {"decisions": moved.decisions, "deliveries": moved.deliveries}
        log.info("archived", extra={"tenant": str(tenant_id), **counts})
