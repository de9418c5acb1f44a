"""The ear: hears of urgent batches at once and starts a task for each; arq only hears of them from the sweeper."""

import asyncio
from typing import Any
from uuid import UUID

from engine import lanes
from engine.worker.deciding import decide
from engine.worker.jobs import Hands, tell_failed
from rules.errors import LeoError

# How many batches are taken at once: most of them wait for their turn.
MOST_IN_HAND = 2_000


class Ear:
    """`tasks` are the batches being decided; they go on when nobody listens any more."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self.tasks: set[asyncio.Task[None]] = set()
        self._done: list[tuple[UUID, int]] = []

    async def listen_forever(self) -> None:
        """Take urgent batches until cancelled; raises RedisError if Redis is lost."""
        while True:
            while len(self.tasks) >= MOST_IN_HAND:
                await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
            done, self._done = self._done, []
            await lanes.let_go(self._hands.client, done)
            for tenant_id, batch_id in await lanes.take_urgent(self._hands.client, MOST_IN_HAND - len(self.tasks)):
                task = asyncio.create_task(self._work(tenant_id, batch_id))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def _work(self, tenant_id: UUID, batch_id: int) -> None:
        ctx: dict[str, Any] = {"hands": self._hands, "job_id": lanes.batch_job(batch_id, 0)}
        try:
            await decide(ctx, str(tenant_id), batch_id)
        except LeoError as error:
            tell_failed(lanes.DECIDE, tenant_id, error, batch=batch_id)
        finally:
            self._done.append((tenant_id, batch_id))
