"""What work costs in a tenant with old decisions, live and archived, compared with the same work without them."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from engine import archive, embedded
from engine import trace as traces
from engine.audit import Signer
from engine.bench import Bar, Place, Result
from engine.bench.campaign import vacuum
from engine.bench.tenant import BATCH, Bench, begin, decide_all, fill, seal_all, start, verify_all
from engine.db import Database, admin
from engine.dispatch import Adapters
from engine.dispatch.claim import claim_within
from engine.pause import seldom_collected
from engine.queries import queries
from engine.tenants import drop_tenant
from graph import mirror
from rules.errors import Conflict
from rules.words import Lane

OLD = 200_000
PEOPLE = 40_000
# Timed batches, after some untimed ones: a connection plans a statement anew the first five times.
BATCHES, WARM_UP = 12, 6
CLAIMS, CLAIM_WARM_UP, CLAIMED = 30, 6, 100
TRACES, TRACE_WARM_UP = 200, 30
AGO = timedelta(days=500)
LEAST_PER_S = 500.0
# Archived decisions should cost nothing; this is how exactly a shared machine repeats its figures.
MOST_GROWTH = 1.25
_FASTER = frozenset({"decide_per_s"})
_SQL = queries("bench_archive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """People decided a second, 100 messages claimed, a decision's and a person's journey, the graph compared, sizes."""

    decide_per_s: float
    claim_ms: float
    trace_ms: float
    compare_s: float
    tables_mb: float
    graph_mb: float
    person_ms: float
    archive_mb: float

    def over(self, other: "Costs") -> dict[str, float]:
        """Give how many times as much each costs here, except reading and keeping the archive itself."""
        here, there = asdict(self), asdict(other)
        names = [name for name in here if name not in {"person_ms", "archive_mb"}]
        return {name: _times(name, here[name], there[name]) for name in names}


@dataclass(slots=True)
class _Work:
    """A tenant at work, and how far along its people the decisions have come."""

    bench: Bench
    after: int = 0


async def run(place: Place, *, n: int | None = None) -> Result:
    """Measure in a tenant without old decisions, then in one with `n` (200,000) sent ones: first live, then archived.

    Beyond 200,000 they are archived as they are written, and not measured live.
    """
    rounds = max(1, (n or OLD) // PEOPLE)
    is_live_too = rounds * PEOPLE <= OLD
    async with Database.open(place.admin_url, place.settings) as db:
        with seldom_collected():
            without = await _without(place, db, times=1 + is_live_too)
            work = await _begun(place, db)
            live, moved_s, records = None, 0.0, 0
            for first in range(0, rounds, OLD // PEOPLE):
                await _write_old(work.bench, range(first, min(rounds, first + OLD // PEOPLE)))
                if is_live_too:
                    live = await _measure(work)
                records += await seal_all(work.bench)
                moved_s += await _archive(work.bench)
            archived = await _measure(work)
            more = {"moved_per_s": rounds * PEOPLE / moved_s} | (await _given_out(work.bench) if is_live_too else {})
            await verify_all(work.bench, least=records)
    return _result(rounds * PEOPLE, without, live, archived, more)


async def _without(place: Place, db: Database, *, times: int) -> Costs:
    """Measure in a tenant that is dropped when as much was decided in it as in the other."""
    work = await _begun(place, db)
    for _ in range(times):
        costs = await _measure(work)
    drop_tenant(place.admin_url, tenant_id=work.bench.tenant_id, reason="measured")
    return costs


async def _begun(place: Place, db: Database) -> _Work:
    work = _Work(await begin(place, db))
    await fill(work.bench, first=1, last=PEOPLE)
    await _decide(work, batches=WARM_UP)
    return work


async def _write_old(bench: Bench, numbers: range) -> None:
    async with bench.db.transaction(bench.tenant_id) as conn:
        like = await (await conn.execute(_SQL["like"])).fetchone() or {}
    for number in numbers:
        bench.place.say(f"writing old decisions: {number * PEOPLE:,}")
        values = {name: Jsonb(value) for name, value in like.items()}
        at = bench.now - AGO + timedelta(hours=number)
        async with bench.db.transaction(bench.tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            await conn.execute(_SQL["old"], {**values, "campaign_id": bench.campaign_id, "at": at})


async def _archive(bench: Bench) -> float:
    """Archive what is old; gives the seconds it took."""
    bench.place.say("archiving")
    began = perf_counter()
    moved = await archive.archive_old(bench.db, tenant_id=bench.tenant_id, days=archive.KEEP_DAYS)
    took_s = perf_counter() - began
    if moved is None or not moved.decisions or moved.decisions % PEOPLE:
        raise Conflict(f"{moved} was archived.", remedy="Run it again and report it.")
    vacuum(bench.place.admin_url)
    return took_s


async def _given_out(bench: Bench) -> dict[str, float]:
    """Export everything that is archived, and check the files."""
    bench.place.say("exporting and checking")
    signer = Signer(embedded.load_secrets(bench.place.settings).credential_key)
    with tempfile.TemporaryDirectory(prefix="leo_bench_") as name:
        directory = Path(name) / "export"
        began = perf_counter()
        written = await archive.export(
            bench.db,
            directory,
            tenant_id=bench.tenant_id,
            slug="bench",
            period=archive.Period(None, bench.now),
            signer=signer,
        )
        written_s = perf_counter() - began
        checked = archive.check(directory, public_key=signer.public_key)
        checked_s = perf_counter() - began - written_s
    if checked.finding is not None or checked.decisions != written.decisions:
        raise Conflict(f"The files came to {checked.finding}.", remedy="Run it again and report it.")
    size = sum(described["bytes"] for described in written.files.values())
    return {
        "exported_per_s": written.decisions / written_s,
        "checked_per_s": checked.decisions / checked_s,
        "export_mb": size / 1048576,
    }


async def _measure(work: _Work) -> Costs:
    """Give what things cost now."""
    bench = work.bench
    vacuum(bench.place.admin_url)
    await _decide(work, batches=WARM_UP)
    decide_per_s = await _decide(work, batches=BATCHES)
    bench.place.say("claiming, tracing and comparing")
    claim_ms = await _claim_ms(bench)
    async with bench.db.transaction(bench.tenant_id) as conn:
        values = {"since": bench.now - timedelta(days=1), "count": TRACES + TRACE_WARM_UP}
        recent = await (await conn.execute(_SQL["recent"], values)).fetchall()
    trace_ms = await _trace_ms(bench, [str(row["decision_id"]) for row in recent])
    person_ms = await _trace_ms(bench, [row["ext_id"] for row in recent])
    compare_s = await _compare_s(bench)
    _make_small(bench)
    async with bench.db.transaction(bench.tenant_id) as conn:
        mb = await (await conn.execute(_SQL["sizes"])).fetchone() or {}
    return Costs(
        decide_per_s=decide_per_s,
        claim_ms=claim_ms,
        trace_ms=trace_ms,
        person_ms=person_ms,
        compare_s=compare_s,
        **mb,
    )


async def _decide(work: _Work, *, batches: int) -> float:
    """Decide for the next people; gives how many a second."""
    bench = work.bench
    async with bench.db.transaction(bench.tenant_id) as conn:
        values = {"after": work.after, "count": batches * BATCH}
        people = [row["profile_id"] for row in await (await conn.execute(_SQL["people"], values)).fetchall()]
    work.after = people[-1]
    batch_ids = await start(bench, people)
    began = perf_counter()
    await decide_all(bench, batch_ids)
    return len(people) / (perf_counter() - began)


async def _claim_ms(bench: Bench) -> float:
    """Claim what is due and release it again: the median, without its commit."""
    adapters = Adapters.of(bench.place.settings)
    times: list[float] = []
    try:
        for _ in range(CLAIM_WARM_UP + CLAIMS):
            async with (
                bench.db.transaction(bench.tenant_id) as conn,
                conn.transaction(force_rollback=True),
            ):
                began = perf_counter()
                claimed = await claim_within(
                    conn,
                    adapters,
                    tenant_id=bench.tenant_id,
                    lane=Lane.BULK,
                    owner="benchmark",
                    most=CLAIMED,
                    now=bench.now + timedelta(hours=1),
                )
                times.append((perf_counter() - began) * 1000)
            if not claimed.messages:
                raise Conflict("Nothing was claimed.", remedy="Run it again and report it.")
    finally:
        await adapters.aclose()
    return median(times[CLAIM_WARM_UP:])


async def _trace_ms(bench: Bench, arguments: list[str]) -> float:
    times: list[float] = []
    for argument in arguments:
        began = perf_counter()
        async with bench.db.transaction(bench.tenant_id, read_only=True) as conn:
            await traces.trace(conn, await traces.find(conn, argument))
        times.append((perf_counter() - began) * 1000)
    return median(times[TRACE_WARM_UP:])


async def _compare_s(bench: Bench) -> float:
    async with bench.db.transaction(bench.tenant_id, read_only=True) as conn:
        began = perf_counter()
        differences = await mirror.compare(conn)
        took_s = perf_counter() - began
    if any(one.total for one in differences):
        raise Conflict("The graph differs from its tables.", remedy="Run it again and report it.")
    return took_s


def _make_small(bench: Bench) -> None:
    """Free the space of deleted rows, so that sizes are those of existing rows."""
    with admin(bench.place.admin_url) as connection:
        connection.autocommit = True
        tables = connection.execute(_SQL["to_make_small"]).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(*name) for name in tables)
        connection.execute(sql.SQL("VACUUM (FULL) {}").format(names))


def _result(old: int, without: Costs, live: Costs | None, archived: Costs, more: Mapping[str, float]) -> Result:
    growth = archived.over(without)
    states = {"without": without, "archived": archived} | ({} if live is None else {"live": live})
    most, moved_per_s = max(growth, key=growth.__getitem__), more["moved_per_s"]
    return Result(
        name="archive",
        n=old,
        figures={**dict(_figures(states)), **_grown(growth), **more},
        baseline=f"{most} without anything old, which grows most, against the same with it archived",
        ratio=growth[most],
        bars=(
            *(
                Bar(f"{name} with all archived over without: {times:.2f}, at most {MOST_GROWTH}", times <= MOST_GROWTH)
                for name, times in growth.items()
            ),
            Bar(f"at least {LEAST_PER_S:,.0f} decisions a second move: {moved_per_s:,.0f}", moved_per_s >= LEAST_PER_S),
        ),
    )


def _figures(states: Mapping[str, Costs]) -> Iterator[tuple[str, float]]:
    for state, costs in states.items():
        values: dict[str, Any] = asdict(costs)
        if state != "archived":
            values.pop("archive_mb")
        yield from ((f"{name}_{state}", value) for name, value in values.items())


def _grown(growth: Mapping[str, float]) -> dict[str, float]:
    return {f"growth_{name.rsplit('_', 1)[0].removesuffix('_per')}": times for name, times in growth.items()}


def _times(name: str, here: float, there: float) -> float:
    return there / here if name in _FASTER else here / there
