"""What all requests share: settings, database, queues, adapters and secrets, opened once per process."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from arq.connections import ArqRedis

from engine import clock, embedded, lanes, metrics, replica
from engine.consents import States
from engine.credentials import Vault
from engine.db import Database
from engine.dispatch.adapters import Adapters
from engine.graph_file import GraphFiles
from engine.insight import Insights
from engine.settings import Settings
from engine.streams import Streams
from engine.think import models
from engine.think.gateway import Gateway
from engine.throttle import Throttle
from engine.unsubscribe import Links
from rules.words import Lane

# Connecting to a host that drops packets takes 2 s; the workers look for work themselves every second or two.
SILENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Bell:
    """What the workers of a lane are told after the transaction that caused it has committed.

    Batches to decide, segments of people to check again, or an agent task.
    """

    tenant_id: UUID
    lane: Lane
    batch_ids: tuple[int, ...] = ()
    is_recheck: bool = False
    is_task: bool = False


class Ringer:
    """Rings the workers' bells.

    A Redis that does not answer is left alone for a while, so that no request waits for it.
    """

    def __init__(self, queues: ArqRedis) -> None:
        self._queues = queues
        self._silent_until = 0.0

    async def ring(self, bell: Bell) -> None:
        if time.monotonic() < self._silent_until:
            return
        if bell.is_recheck:
            heard = await lanes.ring_recheck(self._queues, bell.tenant_id)
        elif bell.is_task:
            heard = await lanes.ring_tasks(self._queues, bell.tenant_id)
        else:
            heard = await lanes.ring_batches(
                self._queues, lane=bell.lane, tenant_id=bell.tenant_id, batch_ids=bell.batch_ids
            )
        if not heard:
            self._silent_until = time.monotonic() + SILENCE_S


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    db: Database
    queues: ArqRedis
    ringer: Ringer
    adapters: Adapters
    gateway: Gateway
    throttle: Throttle
    streams: Streams
    insights: Insights = field(default_factory=Insights, kw_only=True)
    graph_files: GraphFiles = field(default_factory=GraphFiles, kw_only=True)
    vault: Vault = field(repr=False)
    platform_key: str = field(repr=False)
    states: States = field(kw_only=True, repr=False)
    figures: metrics.Page = field(kw_only=True, repr=False)

    @property
    def links(self) -> Links:
        return self.adapters.links

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["Services"]:
        """Connect to the servers of these settings, starting embedded ones if none are named.

        Raises Unavailable or Misconfigured if the database cannot be used; Redis may be away.
        """
        servers = await asyncio.to_thread(embedded.ensure, settings)
        async with (
            Database.open(servers.database_url, settings) as db,
            clock.watched(db),
            replica.watched(db, settings),
            models.opened(settings) as gateway,
        ):
            queues = lanes.connect(servers.redis_url)
            adapters, streams = Adapters.of(settings), Streams(queues)
            try:
                async with streams.listening():
                    yield cls(
                        settings=settings,
                        db=db,
                        queues=queues,
                        ringer=Ringer(queues),
                        adapters=adapters,
                        gateway=gateway,
                        throttle=Throttle(queues),
                        streams=streams,
                        vault=Vault(servers.secrets.credential_key),
                        platform_key=servers.secrets.platform_key,
                        states=States(servers.secrets.credential_key),
                        figures=metrics.Page(db, queues),
                    )
            finally:
                await adapters.aclose()
                await queues.aclose()

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Tell the workers; if Redis is away, they find the work by themselves within seconds."""
        for bell in bells:
            await self.ringer.ring(bell)
