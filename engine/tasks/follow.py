"""Following a task while it goes on: its steps as they are written, until the task ends."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from uuid import UUID

from engine.db import Database
from engine.tasks.store import get_task, steps
from engine.tasks.task import Told

# At the latest this long after its commit a step is seen; a look is two index probes.
LOOK_S = 0.5
# Proxies close what is silent for a minute, some even earlier.
SILENT_S = 15.0


async def follow(
    db: Database, *, tenant_id: UUID, task_id: int, after: int = 0, look_s: float = LOOK_S, silent_s: float = SILENT_S
) -> AsyncIterator[Told | None]:
    """Give each step beyond `after` once it is written, None if nothing happened for a while; ends with the task.

    No transaction is open between two looks. Raises NotFound.
    """
    spoke_at = monotonic()
    while True:
        async with db.transaction(tenant_id, read_only=True) as conn:
            # The task is read first, so that the second read sees a step written between the two.
            task = await get_task(conn, tenant_id=tenant_id, task_id=task_id)
            found = await steps(conn, tenant_id=tenant_id, task_id=task_id, after=after)
        for one in found:
            yield one
            after, spoke_at = one.place, monotonic()
        if task.is_final and not found:
            return
        if monotonic() - spoke_at >= silent_s:
            yield None
            spoke_at = monotonic()
        if not found:
            await asyncio.sleep(look_s)
