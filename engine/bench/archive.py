"""What deciding, a recent journey and comparing the graph cost beside old decisions, live and archived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from time import perf_counter

from psycopg.types.json import Jsonb

from engine import archive
from engine import trace as traces
from engine.audit import seal, verify
from engine.bench import Bar, Place, Result
from engine.bench.decide import BATCH, Bench, begin, decide_all, fill
from engine.campaigns import start_run
from engine.db import Database, admin
from engine.pause import seldom_collected
from engine.queries import queries
from graph import mirror
from rules.errors import Conflict
from rules.words import Lane, RunKind

OLD = 200_000
PEOPLE = 20_000
# Batches that are timed, after some that are not: a connection plans a statement anew the first five times.
BATCHES, WARM_UP = 12, 6
TRACES, TRACE_WARM_UP = 200, 30
AGO = timedelta(days=500)
# Live data is a twentieth then, and is to cost no more than it would alone: far less than half.
MOST_SHARE = 0.5
LEAST_PER_S = 500.0
_STEPS = 5
_SQL = queries("bench_archive")


@dataclass(frozen=True, slots=True)
class Costs:
    """People decided a second, milliseconds of a recent journey, seconds to compare the graph, megabytes by place."""

    per_s: float
    trace_ms: float
    compare_s: float
    mb: Mapping[str, float]


async def run(place: Place, *, n: int | None = None) -> Result:
    """Write `n` old decisions (200,000) that were sent, measure, archive them, measure again."""
    rounds = max(1, (n or OLD) // PEOPLE)
    async with Database.open(place.admin_url, place.settings) as db:
        with seldom_collected():
            bench = await begin(place, db)
            await fill(bench, first=1, last=PEOPLE)
            after = await _decide(bench, batches=WARM_UP, after=0)
            await _write_old(bench, rounds)
            before, after = await _measure(bench, after)
            records = await _seal(bench)
            place.say(f"archiving {rounds * PEOPLE:,} decisions")
            began = perf_counter()
            moved = await archive.archive_old(db, tenant_id=bench.tenant_id, days=archive.KEEP_DAYS)
            move_s = perf_counter() - began
            if moved is None or moved.decisions != rounds * PEOPLE:
                raise Conflict(f"{moved} was archived.", remedy="Run it again and report it.")
            since, _ = await _measure(bench, after)
            await _verify(bench, records)
    return _result(rounds * PEOPLE, before, since, moved.decisions / move_s)


async def _write_old(bench: Bench, rounds: int) -> None:
    async with bench.db.transaction(bench.tenant_id) as conn:
        like = await (await conn.execute(_SQL["like"])).fetchone() or {}
    for number in range(rounds):
        bench.place.say(f"writing old decisions: {number * PEOPLE:,} of {rounds * PEOPLE:,}")
        values = {name: Jsonb(value) for name, value in like.items()}
        at = bench.now - AGO + timedelta(hours=number)
        async with bench.db.transaction(bench.tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            await conn.execute(_SQL["old"], {**values, "campaign_id": bench.campaign_id, "at": at})


async def _measure(bench: Bench, after: int) -> tuple[Costs, int]:
    """Give what things cost now, and whom the decisions went up to."""
    _vacuum(bench, "VACUUM (ANALYZE)")
    after = await _decide(bench, batches=WARM_UP, after=after)
    began = perf_counter()
    after = await _decide(bench, batches=BATCHES, after=after)
    per_s = BATCHES * BATCH / (perf_counter() - began)
    trace_ms = await _trace_ms(bench)
    async with bench.db.transaction(bench.tenant_id, read_only=True) as conn:
        began = perf_counter()
        differences = await mirror.compare(conn)
        compare_s = perf_counter() - began
    if any(one.total for one in differences):
        raise Conflict("The graph differs from its tables.", remedy="Run it again and report it.")
    _vacuum(bench, "VACUUM (FULL)")
    async with bench.db.transaction(bench.tenant_id) as conn:
        mb = await (await conn.execute(_SQL["sizes"])).fetchone() or {}
    return Costs(per_s, trace_ms, compare_s, mb), after


async def _decide(bench: Bench, *, batches: int, after: int) -> int:
    async with bench.db.transaction(bench.tenant_id) as conn:
        values = {"after": after, "count": batches * BATCH}
        people = [row["profile_id"] for row in await (await conn.execute(_SQL["people"], values)).fetchall()]
        started = await start_run(
            conn,
            tenant_id=bench.tenant_id,
            campaign_id=bench.campaign_id,
            kind=RunKind.REQUEST,
            lane=Lane.BULK,
            profile_ids=people,
        )
    await decide_all(bench, started.batch_ids)
    return int(people[-1])


async def _trace_ms(bench: Bench) -> float:
    async with bench.db.transaction(bench.tenant_id) as conn:
        values = {"since": bench.now - timedelta(days=1), "count": TRACES + TRACE_WARM_UP}
        rows = await (await conn.execute(_SQL["recent"], values)).fetchall()
    times: list[float] = []
    for row in rows:
        began = perf_counter()
        async with bench.db.transaction(bench.tenant_id, read_only=True) as conn:
            await traces.trace(conn, await traces.find(conn, str(row["decision_id"])))
        times.append((perf_counter() - began) * 1000)
    return median(times[TRACE_WARM_UP:])


async def _seal(bench: Bench) -> int:
    records = idle = 0
    while idle < _STEPS:
        async with bench.db.transaction(bench.tenant_id) as conn:
            sealed = await seal(conn, tenant_id=bench.tenant_id, grace_s=0)
        records += sealed.records
        idle = 0 if sealed.batches else idle + 1
    return records


async def _verify(bench: Bench, records: int) -> None:
    async with bench.db.transaction(bench.tenant_id, read_only=True) as conn:
        verified = await verify(conn, tenant_id=bench.tenant_id)
    if verified.finding is not None or verified.records != records:
        raise Conflict(f"The ledger came to {verified}.", remedy="Run it again and report it.")


def _vacuum(bench: Bench, statement: str) -> None:
    """Do now what autovacuum does within a minute; whole, so that sizes are those of the rows that are there."""
    with admin(bench.place.admin_url) as connection:
        connection.autocommit = True
        connection.execute(statement)


def _result(old: int, before: Costs, since: Costs, moved_per_s: float) -> Result:
    shares = {place: since.mb[place] / before.mb[place] for place in ("live", "graph")}
    figures = {
        "decide_per_s_live": before.per_s,
        "decide_per_s_archived": since.per_s,
        "trace_ms_live": before.trace_ms,
        "trace_ms_archived": since.trace_ms,
        "compare_s_live": before.compare_s,
        "compare_s_archived": since.compare_s,
        "tables_mb_live": before.mb["live"],
        "tables_mb_archived": since.mb["live"],
        "graph_mb_live": before.mb["graph"],
        "graph_mb_archived": since.mb["graph"],
        "archive_mb": since.mb["archive"],
        "moved_per_s": moved_per_s,
    }
    return Result(
        name="archive",
        n=old,
        figures=figures,
        baseline="comparing the graph with everything live, against the same with what is old archived",
        ratio=before.compare_s / since.compare_s,
        bars=(
            *_bars(shares),
            Bar(f"at least {LEAST_PER_S:,.0f} decisions a second move: {moved_per_s:,.0f}", moved_per_s >= LEAST_PER_S),
        ),
    )


def _bars(shares: Mapping[str, float]) -> Sequence[Bar]:
    return [
        Bar(f"{place} is at most {MOST_SHARE:.0%} of what it was: {share:.0%}", share <= MOST_SHARE)
        for place, share in shares.items()
    ]
