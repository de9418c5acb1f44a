"""What more workers bring, what limits them, and what a unit of work costs while people grow a hundredfold.

Workers are processes of their own on one PostgreSQL and one Redis. The job is complete: a bulk run is started, its
people are decided for and their messages sent, until the last result is written.
"""

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from engine.bench import Bar, Place, Result, campaign, growth, namespaces, site
from engine.bench.site import Site
from engine.bench.tenant import Bench
from engine.bench.usage import Usage, Watch
from engine.campaigns import start_run
from engine.processes import background
from engine.queries import queries
from rules.errors import Conflict
from rules.words import Channel, Lane, RunKind

PEOPLE = 1_000_000
GROWTH = 100
WORKERS = (1, 2, 4)
# The people of one run, and of one with a slow provider.
RUN_PEOPLE, SLOW_PEOPLE = 50_000, 6_000
# For a smaller `n`, one in this many of its people.
RUN_SHARE = 20
# The answer time of a provider overseas; the emulator's own answer takes a millisecond.
SLOW_S = 0.4
LONGEST_S = 600.0
LEAST_GAIN = 1.6
MOST_GROWTH = 1.5
APART, TOGETHER = "each in a network namespace of its own", "processes of one network"
_SQL = queries("bench_scale")


@dataclass(frozen=True, slots=True)
class Throughput:
    """People a second, from the run's start to the last result, with this many workers; and who used what meanwhile."""

    workers: int
    per_s: float
    usage: Usage


async def run(place: Place, *, n: int | None = None) -> Result:
    """Run 1, 2 and 4 workers; then measure each kind of work among `n` / 100, `n` / 10 and `n` (1,000,000) people."""
    large = max(GROWTH * 2, n or PEOPLE)
    async with _opened(place) as bench:
        people, slow_people = (min(most, max(60, large // RUN_SHARE)) for most in (RUN_PEOPLE, SLOW_PEOPLE))
        fast = [await bench.throughput(workers, people) for workers in WORKERS]
        slow_answers = {"channel": "telegram", "mode": "slow", "delay": SLOW_S, "times": None}
        await bench.site.tell_sandbox("faults", slow_answers)
        slow = [await bench.throughput(workers, slow_people, provider="slow") for workers in WORKERS]
        await bench.site.tell_sandbox("reset", {})
        sizes = [large // GROWTH, math.isqrt(large * (large // GROWTH)), large]
        here = Bench(place, bench.site.db, UUID(int=0), 0, datetime.now(UTC))
        costs, taken = await growth.measure(bench.site, sizes=sizes, bench=here)
    return _result(large, fast, slow, growth.figures(costs, taken), is_apart=bench.hosts is not None)


@asynccontextmanager
async def _opened(place: Place) -> AsyncIterator["Scale"]:
    """Open a site whose workers are in namespaces of their own, or next to each other if none can be made."""
    if not namespaces.are_allowed():
        async with site.opened(place) as opened:
            await opened.start_sandbox()
            yield Scale(place, opened, None)
        return
    with namespaces.made(max(WORKERS)) as hosts:
        # To the guard of outgoing calls, the bridge between our own hosts is inside.
        settings = place.settings.model_copy(update={"allowed_hosts": namespaces.BRIDGE_ADDRESS})
        async with site.opened(replace(place, settings=settings), own_database=namespaces.own_database) as opened:
            await namespaces.redis_on_bridge(opened)
            await opened.start_sandbox(also_at=namespaces.BRIDGE_ADDRESS)
            yield Scale(place, opened, hosts)


@dataclass(frozen=True, slots=True)
class Scale:
    """The site, and the hosts of its workers if they have hosts of their own."""

    place: Place
    site: Site
    hosts: namespaces.Hosts | None

    async def throughput(self, workers: int, people: int, *, provider: str = "fast") -> Throughput:
        """Start bulk workers, and a run for people of a tenant of its own; raises Conflict if a message is missing."""
        audience = await campaign.made(
            self.site, f"{provider}_{workers}", Channel.TELEGRAM, trigger="never", settings=self._provider()
        )
        await audience.people(people, prefix=f"{provider}-{workers}-")
        campaign.vacuum(self.site.servers.admin_database_url)
        names = [self._start_worker(number) for number in range(workers)]
        for number in range(workers):
            await self.site.worker_started(Lane.BULK, number)
        self.place.say(f"{people:,} people, {workers} workers ({provider} provider)")
        watch = Watch(self.site.servers.admin_database_url, self._pids(names))
        async with watch.watched():
            run_id = await _start(audience)
            await audience.settled(seconds=LONGEST_S)
        for number, name in enumerate(names):
            background.stop(self.site.settings.home, name)
            background.log_file(self.site.settings.home, f"worker-{Lane.BULK}-{number}").unlink()
        took = (await audience.rows(_SQL["took"], run_id=run_id))[0]
        if took["sent"] != people:
            raise Conflict(f"{took['sent']:,} of {people:,} messages were sent.", remedy="Run it again and report it.")
        return Throughput(workers, people / took["seconds"], watch.usage)

    def _provider(self) -> dict[str, Any]:
        if self.hosts is None:
            return {}
        return {"base_url": f"http://{namespaces.BRIDGE_ADDRESS}:{self.site.settings.sandbox_http_port}"}

    def _start_worker(self, number: int) -> str:
        hosts = self.hosts
        if hosts is None:
            return self.site.start_worker(Lane.BULK, number).name
        return self.site.start_worker(
            Lane.BULK, number, elsewhere=lambda part: namespaces.moved(part, hosts, number)
        ).name

    def _pids(self, names: Sequence[str]) -> dict[str, list[int]]:
        groups = {"workers": names, "sandbox": ["sandbox"], "redis": ["redis"]}
        home = self.site.settings.home
        return {
            group: [run.pid for name in parts if (run := background.running(home, name)) is not None]
            for group, parts in groups.items()
        }


async def _start(audience: campaign.Audience) -> int:
    ids = [row["profile_id"] for row in await audience.rows(queries("bench_act")["everybody"])]
    async with audience.site.db.transaction(audience.tenant_id) as conn:
        started = await start_run(
            conn,
            tenant_id=audience.tenant_id,
            campaign_id=audience.campaign_id,
            kind=RunKind.REQUEST,
            lane=Lane.BULK,
            profile_ids=ids,
        )
    return started.run_id


def _result(
    n: int, fast: Sequence[Throughput], slow: Sequence[Throughput], grown: Mapping[str, float], *, is_apart: bool
) -> Result:
    figures = {f"per_s_{one.workers}": one.per_s for one in fast}
    figures |= {f"slow_per_s_{one.workers}": one.per_s for one in slow}
    figures["cores_all"] = fast[0].usage.all_cores
    for one in fast:
        figures |= {f"cores_{name.lower()}_{one.workers}": cores for name, cores in one.usage.cores.items()}
        figures |= {f"cores_busy_{one.workers}": one.usage.busy, f"cores_others_{one.workers}": one.usage.others}
        waits = {name: one.usage.waits.get(name, 0.0) for name in ("work", "commits", "locks")}
        figures |= {f"sessions_{name}_{one.workers}": sessions for name, sessions in waits.items()}
    gain, slow_gain = fast[1].per_s / fast[0].per_s, slow[1].per_s / slow[0].per_s
    return Result(
        name="scale",
        n=n,
        figures={**figures, **grown},
        baseline=f"one worker; the ratio is that of two, {APART if is_apart else TOGETHER}",
        ratio=gain,
        bars=(
            Bar(_gain("two workers do", gain, fast), _is_as_much_as_cores_allow(gain, fast)),
            Bar(
                _gain(f"with a provider that takes {SLOW_S * 1000:.0f} ms two do", slow_gain, slow),
                _is_as_much_as_cores_allow(slow_gain, slow),
            ),
            *(
                Bar(
                    f"{kind}: a unit among {n:,} costs {grown[f'growth_{kind}']:.2f} times one among {n // GROWTH:,}",
                    is_met,
                )
                for kind in growth.KINDS
                for is_met in [grown[f"growth_{kind}"] <= MOST_GROWTH]
            ),
        ),
    )


def _is_as_much_as_cores_allow(gain: float, of: Sequence[Throughput]) -> bool:
    """Whether two did 1.6 times as much as one, or used all that was left.

    Of 2 cores, 1.4 busy with one worker allow 1.43 times.
    """
    one, two = of[0].usage, of[1].usage
    return gain >= LEAST_GAIN or (one.all_cores < LEAST_GAIN * one.busy and two.is_saturated)


def _gain(words: str, gain: float, of: Sequence[Throughput]) -> str:
    limits = "; ".join(f"with {one.workers}: {one.usage.limit}" for one in of)
    one = of[0].usage
    allowed = f"{one.all_cores} cores, of which one keeps {one.busy:.2f} busy, allow {one.all_cores / one.busy:.2f}"
    return f"{words} at least {LEAST_GAIN:g} times one where cores allow: {gain:.2f}; {allowed}. Limited, {limits}"
