"""The sweeper: once a second it asks PostgreSQL who has something to do, and rings for it. It makes arq durable."""

import asyncio
import logging
from datetime import datetime
from time import monotonic
from uuid import UUID

from arq.constants import in_progress_key_prefix
from psycopg.rows import DictRow

from engine import clock, lanes
from engine.decide import due_batches
from engine.dispatch import give_up_leases, lease_owners
from engine.dispatch.claim import LEASE
from engine.queries import queries
from engine.worker import tasks, upkeep
from engine.worker.beat import BEAT_S, Absences
from engine.worker.jobs import Hands
from engine.worker.schedule import Scheduler
from rules.errors import LeoError

SWEEP_S = 1.0
# Leases of killed workers need no more frequent look than each beat.
LEASES_S = BEAT_S
# Clocks kept by NTP differ by milliseconds.
SKEW_S = 5.0

log = logging.getLogger("leo.worker")


class Sweeper:
    """One per worker; several at once merely ring twice."""

    def __init__(self, hands: Hands, scheduler: Scheduler | None = None) -> None:
        self._hands = hands
        self._absences = Absences()
        self._attempts: dict[int, int] = {}
        self._looked_at_leases = 0.0
        self._scheduler = scheduler
        self._is_silent = False
        self._is_skewed = False

    async def sweep_forever(self) -> None:
        """Sweep until cancelled; raises RedisError if Redis is lost, and survives the database's absence."""
        while True:
            try:
                await self.sweep()
                self._is_silent = False
            except LeoError as error:
                if not self._is_silent:
                    log.error("sweep failed", extra={"code": error.code, "error": str(error)})  # noqa: TRY400
                self._is_silent = True
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Ring for everything that is due, and end the leases of workers that are gone."""
        self._tell_skew(await clock.look(self._hands.db))
        heads: set[int] = set()
        for row in await self._due(clock.now()):
            if row["batches"]:
                heads |= await self._ring_batches(row["tenant_id"])
            if row["deliveries"]:
                await self._hands.ring_dispatch(row["tenant_id"])
            if row["leases"]:
                await self._give_up(row["tenant_id"], set())
        self._attempts = {batch_id: attempt for batch_id, attempt in self._attempts.items() if batch_id in heads}
        await upkeep.ring_due(self._hands)
        await tasks.ring_due(self._hands)
        if self._scheduler is not None:
            await self._scheduler.tick()
        if monotonic() - self._looked_at_leases >= LEASES_S:
            await self._look_for_the_gone()
            self._looked_at_leases = monotonic()

    def _tell_skew(self, ahead_s: float) -> None:
        """Say once that this host's own clock differs; work does not go by it."""
        is_skewed = abs(ahead_s) > SKEW_S
        if is_skewed and not self._is_skewed:
            extra = {"owner": self._hands.owner, "ahead_s": round(ahead_s, 1)}
            log.warning("this host's clock is not the database's, which is gone by", extra=extra)
        self._is_skewed = is_skewed

    async def _due(self, at: datetime) -> list[DictRow]:
        async with self._hands.db.before_tenant() as conn:
            found = await conn.execute(queries("lanes")["due"], {"lane": self._hands.lane, "now": at})
            return await found.fetchall()

    async def _ring_batches(self, tenant_id: UUID) -> set[int]:
        """Ring for the first batches that nobody is working on.

        If arq says that such a job is running while nobody holds its batch, its worker was killed (arq would believe in
        the job until its time limit): it is rung for under its next name.
        """
        async with self._hands.db.transaction(tenant_id) as conn:
            batch_ids = await due_batches(conn, lane=self._hands.lane, now=clock.now(), most=lanes.AHEAD)
        for batch_id in batch_ids:
            attempt = self._attempts.get(batch_id, 0)
            if await self._hands.ring_batch(tenant_id, batch_id, attempt=attempt):
                continue
            running = await self._hands.client.exists(in_progress_key_prefix + lanes.batch_job(batch_id, attempt))
            if running:
                self._attempts[batch_id] = attempt + 1
        return set(batch_ids)

    async def _look_for_the_gone(self) -> None:
        holders: dict[UUID, set[str]] = {}
        # A lease that begins now ends within LEASE, so asking as of a later time finds every tenant with a message
        # being sent.
        for row in await self._due(clock.now() + 2 * LEASE):
            if row["leases"]:
                async with self._hands.db.transaction(row["tenant_id"]) as conn:
                    holders[row["tenant_id"]] = await lease_owners(conn, lane=self._hands.lane)
        gone = await self._absences.gone(self._hands.client, set().union(*holders.values()))
        for tenant_id, owners in holders.items():
            if owners & gone:
                await self._give_up(tenant_id, owners & gone)

    async def _give_up(self, tenant_id: UUID, gone: set[str]) -> None:
        async with self._hands.db.transaction(tenant_id) as conn:
            given_up = await give_up_leases(conn, lane=self._hands.lane, now=clock.now(), gone=gone)
        if given_up.requeued or given_up.uncertain:
            extra = {
                "tenant": str(tenant_id),
                "owners": sorted(gone),
                "uncertain": given_up.uncertain,
                "requeued": given_up.requeued,
            }
            log.warning("messages of a lost worker", extra=extra)
