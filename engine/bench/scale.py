"""What more workers bring, what limits them, and what a unit of work costs as people grow a hundredfold.

Workers are processes of their own on one PostgreSQL and one Redis. The job is the whole one: a bulk run started, its
people decided for and their messages sent, until the last result is written.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from engine.bench import Bar, Place, Result, campaign, growth, site
from engine.bench.decide import Bench
from engine.bench.site import Site
from engine.bench.usage import Usage, Watch
from engine.campaigns import start_run
from engine.processes import background
from engine.queries import queries
from rules.errors import Conflict
from rules.words import Channel, Lane, RunKind

PEOPLE = 1_000_000
GROWTH = 100
WORKERS = (1, 2, 4)
# People of one run, and those of one whose provider takes its time.
RUN_PEOPLE, SLOW_PEOPLE = 10_000, 3_000
# A provider across the sea; the emulator's own answer takes a millisecond.
SLOW_S = 0.4
LONGEST_S = 600.0
LEAST_GAIN = 1.6
MOST_GROWTH = 1.5
_SQL = queries("bench_scale")


@dataclass(frozen=True, slots=True)
class Throughput:
    """People a second, from the run's start to the last result, with so many workers; and who used what meanwhile."""

    workers: int
    per_s: float
    usage: Usage


async def run(place: Place, *, n: int | None = None) -> Result:
    """Run 1, 2 and 4 workers; then measure each kind of work among `n` / 100, `n` / 10 and `n` (1,000,000) people."""
    large = max(GROWTH * 2, n or PEOPLE)
    people, slow_people = (min(most, max(60, large // GROWTH)) for most in (RUN_PEOPLE, SLOW_PEOPLE))
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        fast = [await throughput(place, opened, workers, people) for workers in WORKERS]
        await opened.tell_sandbox("faults", {"channel": "telegram", "mode": "slow", "delay": SLOW_S, "times": None})
        slow = [await throughput(place, opened, workers, slow_people, name="slow") for workers in WORKERS]
        await opened.tell_sandbox("reset", {})
        sizes = [large // GROWTH, math.isqrt(large * (large // GROWTH)), large]
        bench = Bench(place, opened.db, UUID(int=0), 0, datetime.now(UTC))
        costs, taken = await growth.measure(opened, sizes=sizes, bench=bench)
    return _result(large, fast, slow, growth.figures(costs, taken))


async def throughput(place: Place, opened: Site, workers: int, people: int, *, name: str = "fast") -> Throughput:
    """Start so many bulk workers, and a run for people of a tenant of its own; raises Conflict where one is missing."""
    audience = await campaign.made(opened, f"{name}_{workers}", Channel.TELEGRAM, trigger="never")
    await audience.people(people, prefix=f"{name}-{workers}-")
    campaign.vacuum(place.admin_url)
    numbers = range(10 * workers, 11 * workers) if name == "fast" else range(1_000 * workers, 1_001 * workers)
    runs = [opened.start_worker(Lane.BULK, number) for number in numbers]
    for number in numbers:
        await opened.worker_started(Lane.BULK, number)
    place.say(f"{people:,} people, {workers} workers ({name} provider)")
    home = opened.settings.home
    pids = {"workers": [one.pid for one in runs]}
    for part in ("sandbox", "redis"):
        found = background.running(home, part)
        pids[part] = [] if found is None else [found.pid]
    watch = Watch(place.admin_url, pids)
    async with watch.watched():
        run_id = await _start(audience)
        await audience.settled(seconds=LONGEST_S)
    for number in numbers:
        background.stop(home, f"worker-{Lane.BULK}-{number}")
    took = (await audience.rows(_SQL["took"], run_id=run_id))[0]
    if took["sent"] != people:
        raise Conflict(f"{took['sent']:,} of {people:,} messages were sent.", remedy="Run it again and report it.")
    return Throughput(workers, people / took["seconds"], watch.usage)


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


def _result(n: int, fast: Sequence[Throughput], slow: Sequence[Throughput], grown: Mapping[str, float]) -> Result:
    figures = {f"per_s_{one.workers}": one.per_s for one in fast}
    figures |= {f"slow_per_s_{one.workers}": one.per_s for one in slow}
    for one in fast:
        figures |= {f"cores_{name.lower()}_{one.workers}": cores for name, cores in one.usage.cores.items()}
        figures[f"cores_busy_{one.workers}"] = one.usage.busy
    gain, slow_gain = fast[1].per_s / fast[0].per_s, slow[1].per_s / slow[0].per_s
    return Result(
        name="scale",
        n=n,
        figures={**figures, **grown},
        baseline="one worker; the ratio is that of two",
        ratio=gain,
        bars=(
            Bar(_gain("two workers do", gain, fast), gain >= LEAST_GAIN),
            Bar(
                _gain(f"with a provider that takes {SLOW_S * 1000:.0f} ms two do", slow_gain, slow),
                slow_gain >= LEAST_GAIN,
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


def _gain(words: str, gain: float, of: Sequence[Throughput]) -> str:
    limits = "; ".join(f"with {one.workers}: {one.usage.limit}" for one in of)
    return f"{words} at least {LEAST_GAIN:g} times one: {gain:.2f}. Limited, {limits}"
