"""The same campaign sent by LEO and by what one would write instead, each also killed once in the middle."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.bench import Bar, Place, Result, campaign, site
from engine.bench.compare import journeys
from engine.bench.compare.ways import Celery, Leo, Loop, Way
from engine.bench.site import Site
from engine.db import admin
from engine.queries import queries
from rules.errors import Conflict
from rules.words import Channel

PEOPLE = 4_000
# The loop waits for each answer, so more people would only make the benchmark longer.
LOOP_PEOPLE = 400
# Celery acknowledges a task when it begins (its default), or when it has ended.
IS_LATE = (False, True)
# Roughly the time a provider on the Internet takes to answer; with loopback's a loop would look better than it is.
ANSWER_S = 0.02
# After this long nothing more arrives: longer than Celery's visibility timeout and LEO's leases.
QUIET_S = 30.0
LONGEST_S = 600.0


async def run(place: Place, *, n: int | None = None) -> Result:
    """Send to `n` people (4,000) in four ways: messages a second, and what one SIGKILL loses and doubles."""
    people = max(100, n or PEOPLE)
    figures: dict[str, float] = {}
    with admin(place.admin_url) as connection:
        connection.execute(queries("bench_compare")["tables"])
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        await opened.tell_sandbox("faults", {"channel": "telegram", "mode": "slow", "delay": ANSWER_S, "times": None})
        audience = await campaign.made(opened, "compare", Channel.TELEGRAM, trigger="never")
        await audience.people(people)
        campaign.vacuum(place.admin_url)
        loop = (Loop(place, opened), min(people, LOOP_PEOPLE))
        celery = [(Celery(place, opened, is_late=is_late), people) for is_late in IS_LATE]
        ways: Sequence[tuple[Way, int]] = [(Leo(audience), people), *celery, loop]
        for way, size in ways:
            place.say(f"{way.name}: {size:,} people, then the same killed in the middle")
            figures[f"{way.name}_per_s"] = await _undisturbed(opened, way, size)
            figures |= await _killed(opened, way, size)
    place.say("reading journeys with and without a graph")
    figures |= await journeys.times(place)
    return _result(people, figures)


def _result(people: int, figures: Mapping[str, float]) -> Result:
    fastest = max(value for name, value in figures.items() if name.startswith("celery") and name.endswith("_per_s"))
    return Result(
        name="compare",
        n=people,
        figures=figures,
        baseline="Celery and Redis, a task for each person, the faster of two settings",
        ratio=figures["leo_per_s"] / fastest,
        bars=(
            Bar(f"LEO loses nothing that it does not call uncertain: {figures['leo_lost']:g}", not figures["leo_lost"]),
            Bar(f"LEO doubles nothing: {figures['leo_doubled']:g}", not figures["leo_doubled"]),
        ),
    )


async def _undisturbed(opened: Site, way: Way, people: int) -> float:
    """Send to this many; gives the messages a second, from the first that arrived to the last."""
    came = await _send(opened, way, people, is_killed=False)
    times = [float(line["at"]) for line in came]
    if len({line["address"] for line in came}) != people:
        raise Conflict(f"{way.name} sent {len(came):,} of {people:,} messages.", remedy="Run it again and report it.")
    return len(times) / max(max(times) - min(times), 0.001)


async def _killed(opened: Site, way: Way, people: int) -> Mapping[str, float]:
    """Send to this many with one SIGKILL at half; gives who got nothing and who got it twice."""
    came = Counter(line["address"] for line in await _send(opened, way, people, is_killed=True))
    uncertain = await way.uncertain()
    return {
        f"{way.name}_lost": max(0, people - len(came) - uncertain),
        f"{way.name}_doubled": sum(times > 1 for times in came.values()),
        f"{way.name}_uncertain": uncertain,
    }


async def _send(opened: Site, way: Way, people: int, *, is_killed: bool) -> Sequence[Mapping[str, Any]]:
    """Give what the sandbox received."""
    before = opened.count_received()
    await way.prepare(people)
    way.start()
    if is_killed:
        # Checked often: a process that is killed too late has nothing left to lose.
        await _until(lambda: opened.count_received() - before >= people // 2, look_s=0.01)
        way.kill()
        way.start()
    await _quiet(opened, before, people, is_killed=is_killed)
    way.stop()
    return list(opened.received())[before:]


async def _quiet(opened: Site, before: int, people: int, *, is_killed: bool) -> None:
    """Wait until everything has arrived or, after a kill, until nothing more arrives."""
    count, since = opened.count_received(), time.monotonic()

    def is_quiet() -> bool:
        nonlocal count, since
        now = opened.count_received()
        if now != count or now == before:
            # A worker that is only just starting is not done.
            count, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_S or (not is_killed and now - before >= people)

    await _until(is_quiet, look_s=0.1)


async def _until(holds: Callable[[], bool], *, look_s: float) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not holds():
        if time.monotonic() > deadline:
            raise Conflict(f"Nothing ended within {LONGEST_S:g} s.", remedy="Run it again and report it.")
        await asyncio.sleep(look_s)
