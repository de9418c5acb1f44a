"""A world whose channels lead to the sandbox: messages are queued, sent and looked at."""

import asyncio
from typing import Any

from engine.dispatch import Adapters, Dispatched, dispatch_due
from rules.words import Lane
from tests.channels.sandbox_process import SandboxProcess
from tests.engine.world import World

OWNER = "worker-bulk@test:1:1"


class Act:
    """A world whose channels lead to the sandbox."""

    def __init__(self, world: World, adapters: Adapters, sandbox: SandboxProcess) -> None:
        self.world = world
        self.adapters = adapters
        self.sandbox = sandbox
        self.campaign_id = 0
        self.people: list[int] = []

    async def queue(
        self,
        count: int,
        *,
        channel: str = "email",
        body: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Connect the channel, make a campaign, decide it for so many people: their messages are due."""
        await self.connect(channel, limits=limits)
        template = await self.world.template(channel, **(body or {}))
        self.campaign_id = await self.world.campaign(templates=[template], **more)
        self.people = await self.world.people(count, channels=(channel,))
        if self.people:
            _, (batch_id,) = await self.world.run(self.campaign_id, self.people)
            await self.world.decide(batch_id)

    async def connect(self, channel: str = "email", *, limits: dict[str, Any] | None = None) -> int:
        """Connect one more channel of the kind to the sandbox."""
        settings: dict[str, Any] = {"host": "127.0.0.1", "port": self.sandbox.smtp_port, "tls": "none"}
        settings["sender"] = "Cửa hàng <shop@shop.example>"
        if channel == "telegram":
            settings = {"token": "1:abc", "base_url": self.sandbox.base_url, "timeout_s": 3}
        if limits is not None:
            settings["limits"] = limits
        return await self.world.connect(channel, **settings)

    async def send(self, *, lane: Lane = Lane.BULK, **options: Any) -> Dispatched:
        tenant_id = self.world.tenant.tenant_id
        return await dispatch_due(self.world.db, self.adapters, tenant_id=tenant_id, lane=lane, owner=OWNER, **options)

    async def attempts(self) -> list[tuple[int, str, str]]:
        rows = await self.world.rows("SELECT number, phase, status FROM delivery_attempt ORDER BY at, phase DESC")
        return [(row["number"], row["phase"], row["status"]) for row in rows]

    async def only(self) -> dict[str, Any]:
        (delivery,) = await self.world.deliveries()
        return delivery

    async def due_again(self) -> None:
        """Let the time pass that messages and channels wait for."""
        await self.world.rows("UPDATE delivery_log SET due_at = now() WHERE status = 'queued'")
        await self.world.rows("UPDATE channel_gate SET held_until = now(), spent_until = NULL")

    async def gate(self, channel_id: int | None = None) -> dict[str, Any]:
        """Give the only channel's gate, or the one named, with the channel's status."""
        rows = await self.world.rows(
            """
            SELECT g.*, c.status FROM channel_gate g JOIN channel c USING (tenant_id, channel_id)
            WHERE %(one)s::bigint IS NULL OR c.channel_id = %(one)s
            """,
            one=channel_id,
        )
        (row,) = rows
        return row


async def until(look: Any, wanted: Any, *, seconds: float = 10.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while (found := await look()) != wanted:
        assert asyncio.get_running_loop().time() < deadline, f"{found} is not {wanted}"
        await asyncio.sleep(0.02)
