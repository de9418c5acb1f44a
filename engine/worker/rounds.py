"""A round: what a job does for every tenant, one after the other. A failure for one keeps no other waiting."""

import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from engine.metrics import count
from engine.queries import queries
from engine.worker.jobs import Hands
from rules.errors import LeoError

log = logging.getLogger("leo.worker")

Work = Callable[[Hands, UUID], Awaitable[None]]


async def for_each_tenant(hands: Hands, job: str, work: Work) -> None:
    """Do `work` for each tenant until the worker stops; raises Unavailable if the tenants cannot be listed."""
    async with hands.db.before_tenant() as conn:
        rows = await (await conn.execute(queries("upkeep")["tenants"])).fetchall()
    for row in rows:
        if hands.stop.is_set():
            return
        try:
            await work(hands, row["tenant_id"])
        except Exception as error:  # noqa: BLE001 - one tenant's failure keeps nobody else waiting
            tell_failed(job, row["tenant_id"], error)


def tell_failed(job: str, tenant_id: UUID, error: Exception, **about: str) -> None:
    """Count and log what went wrong for a tenant, with a traceback if the error has no sentence of its own."""
    count.job_failed(job)
    code = getattr(error, "code", type(error).__name__)
    extra = {"job": job, "tenant": str(tenant_id), "code": code, "error": str(error)}
    log.error("upkeep failed", extra=extra | about, exc_info=None if isinstance(error, LeoError) else error)
