"""The backlog, read from `/metrics` each second: batches of people to decide for, and messages due or being sent."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic, time

from channels.contract import ProviderError
from channels.egress import ANYWHERE
from channels.http import HttpClient
from engine.settings import Settings
from rules.errors import Unavailable

EVERY_S = 1.0
# At the end, when the backlog should be gone within seconds.
LAST_EVERY_S = 0.1
# The API keeps its figures for this long, so what it reports may be that old.
STALE_S = 1.0
ANSWER_S = 5.0
_BATCHES = re.compile(rb'^leo_backlog_batches{[^}]*state="due"[^}]*} (\S+)$', re.MULTILINE)
_MESSAGES = re.compile(
    rb'^(?:leo_backlog_messages{[^}]*state="due"[^}]*}|leo_messages_in_hand{[^}]*}) (\S+)$', re.MULTILINE
)
_OK = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """At an instant (Unix seconds): batches of at most 500 people to decide for, and messages due or being sent."""

    at: float
    batches: int
    messages: int

    @property
    def waiting(self) -> int:
        return self.batches + self.messages


@dataclass(slots=True)
class Backlog:
    """Samples in the order of time; a look that is not answered in time leaves a gap."""

    url: str
    settings: Settings
    samples: list[Sample] = field(default_factory=list)

    async def drain(self, *, seconds: float) -> None:
        """Look until nothing is waiting any more, for this long at most."""
        async with self._client() as client:
            await asyncio.sleep(STALE_S)
            for _ in range(round(seconds / LAST_EVERY_S)):
                sample = await self._look(client)
                if sample is not None and not sample.waiting:
                    return
                await asyncio.sleep(LAST_EVERY_S)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look each second while the block runs; raises what a look raises."""
        ended = asyncio.Event()

        async def watch() -> None:
            due = monotonic()
            async with self._client() as client:
                while not ended.is_set():
                    await self._look(client)
                    due += EVERY_S
                    await asyncio.sleep(max(0.0, due - monotonic()))

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            try:
                yield
            finally:
                ended.set()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[HttpClient]:
        client = HttpClient(egress=ANYWHERE, connections=1, total_timeout_s=ANSWER_S)
        try:
            yield client
        finally:
            await client.aclose()

    async def _look(self, client: HttpClient) -> Sample | None:
        token = self.settings.metrics_token
        headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
        try:
            answer = await client.get(f"{self.url}/metrics", headers)
        except ProviderError:
            return None
        if answer.status != _OK:
            raise Unavailable(f"/metrics answers {answer.status}.", remedy="Read the API's log.")
        sample = read(answer.body, at=time())
        if sample is not None:
            self.samples.append(sample)
        return sample


def read(page: bytes, *, at: float) -> Sample | None:
    """Read the page; None if the API could not read the database, so that nothing is known."""
    batches, messages = _BATCHES.findall(page), _MESSAGES.findall(page)
    if not batches or not messages:
        return None
    return Sample(at, *(int(sum(map(float, found))) for found in (batches, messages)))


def most(samples: Sequence[Sample]) -> int:
    """Give the longest backlog of some samples."""
    return max((sample.waiting for sample in samples), default=0)


def drain_s(samples: Sequence[Sample], *, after: float, before: float) -> float | None:
    """Give the seconds from `after` until nothing was waiting; None if something still was at `before`.

    What is reported in the first second may be older than `after`, so it does not count.
    """
    for sample in samples:
        if after + STALE_S <= sample.at <= before and sample.waiting == 0:
            return sample.at - after
    return None
