"""Whether this process can handle requests: the servers it needs and the schema, and what is wrong with each."""

import asyncio
from dataclasses import dataclass
from functools import cache

from arq.connections import ArqRedis

from engine import lanes
from engine.bootstrap import expected_schema
from engine.db import Database
from engine.queries import queries
from rules.errors import LeoError, Unavailable

LIMIT_S = 3.0
OK, AWAY, OLD = "ok", "away", "old"

_SQL = queries("readiness")


@dataclass(frozen=True, slots=True)
class Readiness:
    """`database`: ok, away or old (its schema); `redis`: ok or away, which work survives; `reasons` are sentences."""

    database: str
    redis: str
    reasons: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return self.database == OK


async def readiness(db: Database, client: ArqRedis) -> Readiness:
    """Look at PostgreSQL, its schema and Redis, for a few seconds at most."""
    (database, wrong), (redis, silent) = await asyncio.gather(_database(db), _redis(client))
    return Readiness(database, redis, tuple(reason for reason in (wrong, silent) if reason))


async def _database(db: Database) -> tuple[str, str | None]:
    try:
        async with asyncio.timeout(LIMIT_S), db.before_tenant() as conn:
            row = await (await conn.execute(_SQL["schema"])).fetchone()
    except (LeoError, TimeoutError):
        return AWAY, "PostgreSQL does not answer."
    version = row["version"] if row else None
    # An older release works on a newer schema, which only ever extends the older one, so servers can be upgraded one by
    # one.
    if version is None or version < _expected():
        return OLD, f"The schema is of version {version}, and this release needs {_expected()}: run leo db upgrade."
    return OK, None


async def _redis(client: ArqRedis) -> tuple[str, str | None]:
    try:
        async with asyncio.timeout(LIMIT_S):
            await lanes.check(client)
    except (Unavailable, TimeoutError):
        return AWAY, "Redis does not answer: work is found later, by the workers' own look."
    return OK, None


@cache
def _expected() -> int:
    return expected_schema()
