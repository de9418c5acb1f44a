"""Ways to send one campaign: ours, Celery's with its default and its careful setting, and a loop."""

import signal
from typing import Protocol

from engine.bench import Place
from engine.bench.campaign import Audience
from engine.bench.compare import celery_tasks
from engine.bench.site import Site
from engine.campaigns import start_run
from engine.db import admin
from engine.processes import background, track
from engine.processes.background import Part
from engine.queries import queries
from rules.words import Lane, RunKind

_SQL = queries("bench_compare")


class Way(Protocol):
    """One way: `prepare` creates this many people to send to, `start` starts the process that sends."""

    @property
    def name(self) -> str: ...
    async def prepare(self, people: int) -> None: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...
    async def uncertain(self) -> int: ...


class Leo:
    """One bulk worker: every person is decided for with all gates, logged before and after, and mirrored."""

    name = "leo"

    def __init__(self, audience: Audience) -> None:
        self._audience = audience

    async def prepare(self, people: int) -> None:
        of_bench = queries("bench_act")
        ids = [row["profile_id"] for row in await self._audience.rows(of_bench["everybody"])][:people]
        async with self._audience.site.db.transaction(self._audience.tenant_id) as conn:
            await start_run(
                conn,
                tenant_id=self._audience.tenant_id,
                campaign_id=self._audience.campaign_id,
                kind=RunKind.REQUEST,
                lane=Lane.BULK,
                profile_ids=ids,
            )

    def start(self) -> None:
        self._audience.site.start_worker(Lane.BULK)

    def kill(self) -> None:
        _kill(self._audience.site, f"worker-{Lane.BULK}-0")

    def stop(self) -> None:
        background.stop(self._audience.site.settings.home, f"worker-{Lane.BULK}-0")

    async def uncertain(self) -> int:
        return int((await self._audience.rows(_SQL["uncertain"]))[0]["messages"])


class _Process:
    """A process of its own on two plain tables."""

    def __init__(self, place: Place, site: Site, *, name: str, arguments: tuple[str, ...]) -> None:
        self.name = name
        self.site = site
        self._place = place
        self._arguments = arguments

    async def prepare(self, people: int) -> None:
        with admin(self._place.admin_url) as connection:
            connection.execute(_SQL["nobody"])
            connection.execute(_SQL["people"], {"people": people})

    def start(self) -> None:
        environment = {
            "COMPARE_DATABASE_URL": self._place.admin_url,
            "COMPARE_BROKER_URL": self.site.servers.redis_url,
            "COMPARE_PROVIDER_URL": f"{self.site.sandbox_url}/bot1:compare/sendMessage",
        }
        module = "engine.bench.compare.work"
        background.start(
            self.site.settings.home,
            Part(name=self.name, module=module, arguments=self._arguments, environment=environment),
        )

    def kill(self) -> None:
        _kill(self.site, self.name)

    def stop(self) -> None:
        background.stop(self.site.settings.home, self.name)

    async def uncertain(self) -> int:
        """Nobody knows what was being sent."""
        return 0


class Celery(_Process):
    """One task per person: read, check whether it was sent before, call, and record."""

    def __init__(self, place: Place, site: Site, *, is_late: bool) -> None:
        name = "celery_late" if is_late else "celery"
        super().__init__(place, site, name=name, arguments=(name,))
        self._is_late = is_late

    async def prepare(self, people: int) -> None:
        await super().prepare(people)
        celery_tasks.enqueue(self.site.servers.redis_url, people, is_late=self._is_late)


class Loop(_Process):
    """The shape of the public leo-activation: pages of two, one call after the other, nothing recorded."""

    def __init__(self, place: Place, site: Site) -> None:
        super().__init__(place, site, name="loop", arguments=("loop",))


def _kill(site: Site, name: str) -> None:
    found = background.running(site.settings.home, name)
    if found is not None:
        track.signal_run(found, signal.SIGKILL)
        track.wait_ended(found, timeout_s=10)
