"""What every request shares: settings, database, queues, adapters and secrets, opened once a process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from arq.connections import ArqRedis

from engine import embedded, lanes
from engine.credentials import Vault
from engine.db import Database
from engine.dispatch.adapters import Adapters
from engine.settings import Settings
from engine.unsubscribe import Links
from rules.words import Lane


@dataclass(frozen=True, slots=True)
class Bell:
    """Batches to be decided, to be told to the workers of a lane once the transaction that made them is committed."""

    tenant_id: UUID
    lane: Lane
    batch_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    db: Database
    queues: ArqRedis
    adapters: Adapters
    vault: Vault = field(repr=False)
    platform_key: str = field(repr=False)

    @property
    def links(self) -> Links:
        return self.adapters.links

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["Services"]:
        """Connect to the servers of these settings, starting embedded ones where none are named.

        Raises Unavailable or Misconfigured where the database cannot be used; Redis may be away.
        """
        servers = await asyncio.to_thread(embedded.ensure, settings)
        async with Database.open(servers.database_url, settings) as db:
            queues = lanes.connect(servers.redis_url)
            adapters = Adapters.of(settings)
            try:
                yield cls(
                    settings=settings,
                    db=db,
                    queues=queues,
                    adapters=adapters,
                    vault=Vault(servers.secrets.credential_key),
                    platform_key=servers.secrets.platform_key,
                )
            finally:
                await adapters.aclose()
                await queues.aclose()

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Tell the workers; where Redis is away they find the work by themselves within seconds."""
        for bell in bells:
            await lanes.ring_batches(self.queues, lane=bell.lane, tenant_id=bell.tenant_id, batch_ids=bell.batch_ids)
