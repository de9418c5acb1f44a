"""How often somebody may ask, counted in Redis for all processes together: a quota a minute that refills evenly.

The generic cell rate algorithm: for everybody who asked lately, one number is stored: when the quota would be full
again. If Redis is away nobody is refused: work is worth more than a limit, and PostgreSQL has bounds of its own.
"""

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Any, cast

from arq.connections import ArqRedis
from redis.exceptions import RedisError

WINDOW_S = 60
PREFIX = "leo:rate:"
# A request waits no longer for an answer, and after a failure no request asks for a while.
ANSWER_S = 0.25
SILENCE_S = 5.0
# In microseconds. %.0f, because a number that Lua writes by itself loses its last digits. A weight of 0 looks without
# taking.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local step, window, weight = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
if full + step * math.max(weight, 1) - now > window then
    return {0, 0, full + step * math.max(weight, 1) - now - window}
end
full = full + step * weight
if weight > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
end
return {1, math.floor((window - (full - now)) / step), full - now}
"""

log = logging.getLogger("leo.throttle")


@dataclass(frozen=True, slots=True)
class Limit:
    """A quota a minute under a name; 0: no limit."""

    name: str
    quota: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The result of asking: how much is left, and in how many seconds there is more (all of it, if it was let in)."""

    limit: Limit
    is_allowed: bool
    left: int
    wait_s: float


class Throttle:
    """Counts in the Redis of the queues; a limit without a quota is not counted."""

    def __init__(self, client: ArqRedis) -> None:
        self._take = client.register_script(_TAKE)
        self._silent_until = 0.0

    async def take(self, limit: Limit, who: str, *, weight: int = 1) -> Taken | None:
        """Take from a quota, or look at it with a weight of 0; None if nothing is counted.

        `who` may be a credential: only a hash of it is stored.
        """
        if not limit.quota or time.monotonic() < self._silent_until:
            return None
        name = f"{PREFIX}{limit.name}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
        step = WINDOW_S * 1_000_000 // limit.quota
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._take(keys=[name], args=[step, WINDOW_S * 1_000_000, weight])
        except (RedisError, OSError) as error:
            self._silent_until = time.monotonic() + SILENCE_S
            log.warning("nothing is limited for %g s: Redis does not answer (%s)", SILENCE_S, type(error).__name__)
            return None
        allowed, left, wait_us = cast("list[Any]", answer)
        return Taken(limit, bool(allowed), int(left), int(wait_us) / 1_000_000)
