"""Heartbeats: a worker says every two seconds that it is alive, so that nobody waits a minute for a killed one's work.

The key may also be missing because Redis was emptied or restarted. So an owner counts as gone only after its key has
been missing for two of our beats while Redis could be reached: a living one has written its key again by then.
"""

import asyncio
import os
import socket
import time
from collections.abc import Collection

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from engine.lanes import WORKERS, beat_key

BEAT_S = 2.0
ALIVE_FOR_S = 8.0
GONE_AFTER_S = 2 * BEAT_S
# An owner of leases without a heartbeat (the API, which sends for one person) is believed until its lease ends.
_WORKER = "worker-"


def owner_name(lane: str) -> str:
    """Name this process: lane, host, process id and when it started, because ids are reused."""
    return f"{_WORKER}{lane}@{socket.gethostname()}:{os.getpid()}:{time.time_ns() // 1_000_000}"


async def beat_forever(client: ArqRedis, owner: str) -> None:
    """Say that we are alive until cancelled; while Redis is away there is nobody to tell."""
    while True:
        try:
            await client.set(beat_key(owner), b"1", px=int(ALIVE_FOR_S * 1000))
            await client.sadd(WORKERS, owner)  # type: ignore[misc]  # redis-py types both of its clients at once
            await asyncio.sleep(BEAT_S)
        except (RedisError, OSError):
            await asyncio.sleep(BEAT_S / 4)


async def say_goodbye(client: ArqRedis, owner: str) -> None:
    """Remove the heartbeat at a clean end; if Redis is gone it expires by itself."""
    try:
        await client.delete(beat_key(owner))
        await client.srem(WORKERS, owner)  # type: ignore[misc]
    except (RedisError, OSError):
        return


class Absences:
    """Remembers since when an owner's heartbeat has been missing."""

    def __init__(self) -> None:
        self._missing_since: dict[str, float] = {}

    async def gone(self, client: ArqRedis, owners: Collection[str]) -> set[str]:
        """Give those of `owners` that are workers and have been missing long enough; raises RedisError."""
        asked = sorted(owner for owner in owners if owner.startswith(_WORKER))
        beats = await client.mget([beat_key(owner) for owner in asked]) if asked else []
        now = time.monotonic()
        missing = {owner for owner, beat in zip(asked, beats, strict=True) if beat is None}
        self._missing_since = {owner: self._missing_since.get(owner, now) for owner in missing}
        return {owner for owner, since in self._missing_since.items() if now - since >= GONE_AFTER_S}
