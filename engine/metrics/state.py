"""The state of all work: one query and a few Redis commands, bounded in time, so that nobody waits for the figures."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from engine import lanes
from engine.db import Database
from engine.metrics.catalogue import METRICS
from engine.queries import queries
from rules.errors import LeoError
from rules.words import Lane

# Counting stops here, for each tenant and channel; a longer queue is reported as this long.
MOST = 100_000
LIMIT_S = 3.0

_SQL = queries("metrics")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sample:
    metric: str
    labels: Mapping[str, str]
    value: float


async def read_state(db: Database, client: ArqRedis) -> list[Sample]:
    """Read everything; a server that does not answer in time is reported as such."""
    parts = await asyncio.gather(
        _of("postgresql", lambda: _database(db)),
        _of("redis", lambda: _redis(client)),
    )
    return [sample for part in parts for sample in part]


async def _of(source: str, read: Callable[[], Awaitable[Sequence[Sample]]]) -> list[Sample]:
    try:
        async with asyncio.timeout(LIMIT_S):
            samples = await read()
    except (LeoError, RedisError, OSError) as error:  # TimeoutError is an OSError
        log.warning("metrics cannot be read", extra={"source": source, "error": type(error).__name__})
        return [Sample("leo_source_up", {"source": source}, 0.0)]
    return [Sample("leo_source_up", {"source": source}, 1.0), *samples]


async def _database(db: Database) -> list[Sample]:
    async with db.before_tenant() as conn:
        # The server gives up as well, so that a page nobody waits for any more costs nothing.
        await conn.execute(_SQL["limit"], {"limit_ms": str(round(LIMIT_S * 1000))})
        rows = await (await conn.execute(_SQL["state"], {"most": MOST})).fetchall()
    known = [row for row in rows if _is_known(row["metric"], row["labels"])]
    if len(known) < len(rows):
        log.warning("metrics of another version are left out", extra={"rows": len(rows) - len(known)})
    return [Sample(row["metric"], row["labels"], row["value"]) for row in known]


def _is_known(metric: str, labels: Mapping[str, str]) -> bool:
    """Tallies outlive the version that counted them: after an upgrade or a downgrade, some may be unknown here."""
    return metric in METRICS and set(labels) == set(METRICS[metric].labels)


async def _redis(client: ArqRedis) -> list[Sample]:
    now_ms = int(time.time() * 1000)
    samples = []
    for lane in Lane:
        name = lanes.queue_name(lane)
        async with client.pipeline(transaction=False) as asked:
            asked.zcount(name, "-inf", now_ms)
            asked.zcard(name)
            asked.zrange(name, 0, 0, withscores=True)
            asked.llen(lanes.URGENT)
            due, total, first, heard = await asked.execute()
        urgent = heard if lane is Lane.REALTIME else 0
        age_s = max(0.0, (now_ms - first[0][1]) / 1000) if first else 0.0
        samples += [
            Sample("leo_queue_jobs", {"lane": lane, "state": "due"}, due + urgent),
            Sample("leo_queue_jobs", {"lane": lane, "state": "later"}, total - due),
            Sample("leo_queue_oldest_seconds", {"lane": lane}, age_s),
            Sample("leo_workers", {"lane": lane}, await lanes.count_workers(client, lane)),
        ]
    return samples
