"""What sealing costs in comparison with deciding, and how many records a second are recomputed."""

from time import perf_counter

from engine.bench import Bar, Place, Result
from engine.bench.decide import WARM_UP, bulk
from engine.bench.tenant import BATCH, Bench, begin, fill, seal_all, verify_all
from engine.db import Database
from engine.pause import seldom_collected

PEOPLE = 20_000
# Deciding leaves at most this many records per person: a decision and a delivery. Earlier ones are sealed too.
RECORDS = 2
MOST_SHARE = 0.10
LEAST_VERIFY_PER_S = 50_000.0


async def run(place: Place, *, n: int | None = None) -> Result:
    """Decide for `n` people (20,000), then seal all their records, then recompute all."""
    people = max((WARM_UP + 2) * BATCH, n or PEOPLE)
    async with Database.open(place.admin_url, place.settings) as db:
        # As in a worker's process.
        with seldom_collected():
            bench = await begin(place, db)
            await fill(bench, first=1, last=people + BATCH)
            await seal_all(bench)
            decide_s, _ = await bulk(bench, batches=people // BATCH, after=0)
            place.say("sealing")
            began = perf_counter()
            sealed = await seal_all(bench)
            seal_s = (perf_counter() - began) / sealed
            place.say(f"recomputing {sealed:,} records")
            verify_per_s = await _verify_per_s(bench, sealed)
    share = RECORDS * seal_s / decide_s
    return Result(
        name="ledger",
        n=people,
        figures={"append_cost_share": share, "verify_per_s": verify_per_s, "records": float(sealed)},
        baseline="records sealed a second, against recomputed",
        ratio=verify_per_s * seal_s,
        bars=(
            Bar(f"sealing costs at most {MOST_SHARE:.0%} of deciding: {share:.1%}", share <= MOST_SHARE),
            Bar(
                f"at least {LEAST_VERIFY_PER_S:,.0f} records a second are recomputed: {verify_per_s:,.0f}",
                verify_per_s >= LEAST_VERIFY_PER_S,
            ),
        ),
    )


async def _verify_per_s(bench: Bench, sealed: int) -> float:
    began = perf_counter()
    verified = await verify_all(bench, least=sealed)
    return verified.records / (perf_counter() - began)
