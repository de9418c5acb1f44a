"""The streams that browsers hold open in this process: bounded, and woken by one Redis subscription for all of them.

Whoever stores a message announces it after the commit under a name that stands for one visitor of one channel;
processes with an open window of that visitor have subscribed to the name. The announcement has no content: a stream
that is woken reads the database inside its own tenant's border. Redis may be emptied, or be away; then streams look by
themselves.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import UUID

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

# A person has a few windows; a process needs a connection and some kilobytes for each.
MOST_OF_ONE, MOST_OPEN = 5, 1_000
# At most this many of the pool's connections (10) look for streams, because after Redis came back all of them look at
# once.
MOST_LOOKS = 4
# Looks without an announcement: while Redis answers, for senders that could not announce; otherwise for everything.
SELDOM_S, OFTEN_S = 30.0, 1.0
# How often Redis is asked whether it is still there; after two unanswered questions it counts as gone.
QUIET_S = 10.0
AGAIN_S = 1.0
# A sender waits no longer for Redis, and after a failure no sender asks it for a while.
ANSWER_S = 0.25
SILENCE_S = 5.0
PREFIX = "leo:inbox:"
# A subscription to nothing would end itself.
_ALWAYS = f"{PREFIX}alive"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose inbox a stream shows: that of one visitor of one channel."""

    tenant_id: UUID
    channel_id: int
    address: str

    @property
    def name(self) -> str:
        """Give the name under which Redis knows it; the address cannot be read from it."""
        written = f"{self.tenant_id}/{self.channel_id}/{self.address}"
        return f"{PREFIX}{hashlib.sha256(written.encode()).hexdigest()}"


class Stream:
    """One open window; however often it is woken while it looks, it looks once more."""

    def __init__(self, streams: "Streams") -> None:
        self._streams = streams
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    @asynccontextmanager
    async def look(self) -> AsyncIterator[None]:
        """Take a turn at the database; announcements from now on wake the stream again."""
        async with self._streams.looks:
            self._woken.clear()
            yield

    async def wait(self, most_s: float) -> bool:
        """Wait until there may be something new, `most_s` at most; gives whether to look."""
        try:
            async with asyncio.timeout(most_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    @property
    def look_s(self) -> float:
        """Seconds without an announcement after which it looks by itself."""
        return SELDOM_S if self._streams.is_heard else OFTEN_S


class Streams:
    """Counts and wakes the streams of this process; `is_heard`: Redis answers, and knows what they wait for."""

    def __init__(self, client: "Redis") -> None:
        self._client = client
        self._open: dict[str, set[Stream]] = {}
        self._changed = asyncio.Event()
        self._silent_until = 0.0
        self.is_heard = False
        self.looks = asyncio.Semaphore(MOST_LOOKS)

    @contextmanager
    def one(self, place: Place) -> Iterator[Stream | None]:
        """Register one more stream while it is open; gives None if there are too many."""
        name = place.name
        if len(self._open.get(name, ())) >= MOST_OF_ONE or self.count() >= MOST_OPEN:
            yield None
            return
        stream = Stream(self)
        self._open.setdefault(name, set()).add(stream)
        self._changed.set()
        try:
            yield stream
        finally:
            self._open[name].discard(stream)
            if not self._open[name]:
                del self._open[name]
                self._changed.set()

    def count(self) -> int:
        return sum(len(streams) for streams in self._open.values())

    async def tell(self, place: Place) -> None:
        """Announce something new; call it after the commit. A Redis that is away costs a moment, once."""
        if monotonic() < self._silent_until:
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._client.publish(place.name, b"")
        except (RedisError, OSError) as error:
            self._silent_until = monotonic() + SILENCE_S
            log.warning("nobody heard of a message", extra={"error": type(error).__name__})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear the announcements of other processes while the block runs."""
        task = asyncio.create_task(self._listen_forever())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen_forever(self) -> None:
        is_news = True
        try:
            while True:
                lost = await self._listen()
                if is_news or self.is_heard:
                    log.warning("streams look each second: Redis does not answer", extra={"error": lost})
                self.is_heard = is_news = False
                self._wake_all()
                await asyncio.sleep(AGAIN_S)
        finally:
            self.is_heard = False

    async def _listen(self) -> str:
        """Subscribe and listen until Redis is lost; gives the error."""
        lost = ""
        try:
            async with self._client.pubsub() as subscription, asyncio.TaskGroup() as group:
                await subscription.subscribe(_ALWAYS)
                group.create_task(self._ask(subscription))
                group.create_task(self._hear(subscription))
        except* (RedisError, OSError) as errors:
            lost = type(errors.exceptions[0]).__name__
        return lost

    def _wake_all(self) -> None:
        for streams in self._open.values():
            for stream in streams:
                stream.wake()

    async def _ask(self, subscription: "PubSub") -> None:
        """Keep the subscription equal to what is open here: one command for all changes since the last."""
        asked: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._open)
            if new := wanted - asked:
                await subscription.subscribe(*new)
            if gone := asked - wanted:
                await subscription.unsubscribe(*gone)
            asked = wanted
            await self._changed.wait()

    async def _hear(self, subscription: "PubSub") -> None:
        unanswered = 0
        while True:
            told: Any = await subscription.get_message(timeout=QUIET_S)
            if told is None:
                if unanswered:
                    raise ConnectionError("Redis does not answer any more")
                unanswered += 1
                await subscription.ping()
                continue
            unanswered, self.is_heard = 0, True
            # Being subscribed wakes it as well, because it missed announcements between its first look and now.
            if told["type"] in {"message", "subscribe"}:
                for stream in self._open.get(told["channel"].decode(), ()):
                    stream.wake()
