"""The fault test in small: whatever is killed, no message is lost, none comes twice, what is uncertain was in flight.

`leo bench chaos` is the same with 20,000 messages and a hundred kills.
"""

import random

from engine.bench import Place
from engine.bench.chaos import OFTEN, Blow, plan, run
from engine.settings import Settings


def test_the_same_seed_gives_the_same_blows() -> None:
    blows, again, others = (plan(20_000, random.Random(seed)) for seed in (1, 1, 2))  # noqa: S311 - no secret
    assert blows == again != others
    assert sum(blow is Blow.KILL for _, blow in blows) == 20_000 // OFTEN[Blow.KILL] == 100
    assert {blow for _, blow in blows} == set(Blow)


async def test_whatever_is_killed_nothing_is_lost_and_nothing_comes_twice(settings: Settings, admin_url: str) -> None:
    # A provider that was away is left alone for half a minute (test_gates.py): too long here.
    blows: dict[Blow, int] = {blow: one_in for blow, one_in in OFTEN.items() if blow is not Blow.SANDBOX}
    place = Place(admin_url=admin_url, settings=settings, say=lambda _: None)
    result = await run(place, n=400, seed=7, blows=blows)
    figures = result.figures
    assert figures["deliveries"] == 400
    assert figures["kills"] == 2
    assert figures["postgres_restarts"] == 1
    assert (figures["lost"], figures["duplicates"], figures["unlogged"]) == (0, 0, 0)
    assert figures["uncertain"] <= figures["in_flight"]
