"""Playing a demo: people in, campaigns activated over the API, decisions and deliveries by the workers, outcomes back.

The servers, the API, the workers and the sandbox are the real ones, each a process of its own. A worker that is killed
meanwhile is started again, as `leo up` would.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from psycopg.types.json import Jsonb

from engine import lanes
from engine import trace as traces
from engine.credentials import Vault
from engine.db import Database
from engine.demo import hillstrom, people
from engine.demo.client import Client
from engine.demo.report import Summary
from engine.demo.seed import Places, Seeded, connect, seed_campaigns, seed_tenant
from engine.demo.story import Story, email_test, vietnamese
from engine.embedded import Servers
from engine.events import record_events
from engine.processes import background, track
from engine.processes.table import api_url, parts, public_url
from engine.profiles import upsert_profiles
from engine.queries import queries
from engine.settings import Settings
from graph import mirror
from rules.errors import Unavailable

CHUNK = 1_000
# Outcome overrides travel in one request; the sandbox takes 64 MB, and this many take about 1.
ASKED_AT_ONCE = 10_000
CARTS = 40
LOOK_EVERY_S = 0.1
# Counting takes longer the more there is; it may use this share of the time, or it would slow what it watches.
LOOKING_SHARE = 0.05
# If nothing moves for this long, something is broken and waiting longer would not help.
PATIENCE_S = 120.0
START_S = 30.0
_SQL = queries("demo")


class Progress(Protocol):
    """Shows the progress of a stage; `total` is None if nobody knows it."""

    def stage(self, name: str, total: int | None) -> Callable[[int], None]: ...

    def say(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Played:
    """What a demo leaves to be shown; the trace is of one delivery worth showing, `sql` is its statement."""

    tenant: Seeded
    summary: Summary
    campaigns: Sequence[dict[str, Any]]
    trace: traces.Trace | None
    sql: str | None
    delivery_id: int | None


@dataclass(slots=True)
class Demo:
    """One demo with everything it needs open."""

    settings: Settings
    servers: Servers
    db: Database
    api: Client
    sandbox: Client
    progress: Progress
    stages: dict[str, float] = field(default_factory=dict)

    async def play(self, customers: Sequence[hillstrom.Customer] | None, *, count: int) -> Played:
        """Play the real customers if they are given, otherwise `count` generated ones."""
        began = time.monotonic()
        now = datetime.now(UTC)
        story = vietnamese(now) if customers is None else email_test()
        with self._timed("seed"):
            tenant = await seed_tenant(self.db, story)
            places = Places(self.settings.sandbox_smtp_port, _sandbox_url(self.settings), public_url(self.settings))
            await connect(self.db, Vault(self.servers.secrets.credential_key), self.sandbox, tenant, places)
            if customers is not None:
                await self._ask_outcomes(customers)
        with self._timed("sync"):
            if customers is None:
                await self._sync(tenant, list(people.people(count, now=now)))
                await self._sync_events(tenant, list(people.events(count, now=now)))
            else:
                await self._sync(tenant, [hillstrom.profile(customer, now=now) for customer in customers])
            await self._analyze(tenant)
        async with Client.open(api_url(self.settings), name="API", key=tenant.key) as api:
            with self._timed("target"):
                campaign_ids = await seed_campaigns(self.db, tenant, story, now=now)
                people_aimed = await self._activate(api, story, campaign_ids)
            with self._timed("decide_and_act"):
                carts = [] if customers is not None else people.carts(count, now=now, limit=CARTS)
                await self._work(api, tenant, people_aimed + len(carts), carts)
        with self._timed("learn"):
            if customers is not None:
                await self._record_control(tenant, campaign_ids["test-no-e-mail"], customers)
            await self._learn(tenant)
        return await self._told(tenant, began)

    async def _sync(self, tenant: Seeded, profiles: list[dict[str, Any]]) -> None:
        advance = self.progress.stage("people in", len(profiles))
        for start in range(0, len(profiles), CHUNK):
            chunk = profiles[start : start + CHUNK]
            async with self.db.transaction(tenant.tenant_id) as connection:
                await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=chunk, source="demo")
            advance(len(chunk))

    async def _sync_events(self, tenant: Seeded, events: list[dict[str, Any]]) -> None:
        advance = self.progress.stage("events in", len(events))
        for start in range(0, len(events), CHUNK):
            chunk = events[start : start + CHUNK]
            async with self.db.transaction(tenant.tenant_id) as connection:
                await record_events(connection, tenant_id=tenant.tenant_id, events=chunk, source="demo")
            advance(len(chunk))

    async def _ask_outcomes(self, customers: Sequence[hillstrom.Customer]) -> None:
        """Tell the sandbox what each customer did in the two weeks after the real mail."""
        asked = {customer.address: customer.outcomes for customer in customers if customer.arm != hillstrom.CONTROL}
        keys = list(asked)
        for start in range(0, len(keys), ASKED_AT_ONCE):
            part = {key: asked[key] for key in keys[start : start + ASKED_AT_ONCE]}
            await self.sandbox.post("/_sandbox/outcomes", part)

    async def _activate(self, api: Client, story: Story, campaign_ids: dict[str, int] | Any) -> int:
        """Activate each campaign over the API; give how many people they aim at."""
        aimed = 0
        for campaign in story.campaigns:
            answer = await api.post(f"/campaigns/{campaign_ids[campaign.key]}/activate", {}, key=f"demo-{campaign.key}")
            aimed += (answer.get("snapshot") or {}).get("member_count", 0)
        return aimed

    async def _work(self, api: Client, tenant: Seeded, expected: int, carts: list[dict[str, Any]]) -> None:
        """Let the workers work; meanwhile people abandon baskets, which are decided in the realtime lane."""
        decided = self.progress.stage("decisions", expected)
        settled = self.progress.stage("deliveries", None)
        seen = {"decided": 0, "settled": 0}
        if carts:
            await api.post("/events", carts, key="demo-carts")
        async for row in self._watch(tenant):
            done = row["deliveries"] - row["unsent"]
            decided(row["decided"] - seen["decided"])
            settled(done - seen["settled"])
            seen = {"decided": row["decided"], "settled": done}
            if row["undecided"] == 0 and row["unsent"] == 0 and row["decided"] >= expected:
                return

    async def _learn(self, tenant: Seeded) -> None:
        """Wait until the sandbox has reported everything."""
        learned = self.progress.stage("outcomes", None)
        seen = 0
        async for row in self._watch(tenant):
            learned(row["outcomes"] - seen)
            seen = row["outcomes"]
            if (await self.sandbox.get("/_sandbox/stats"))["outcomes"]["pending"] == 0:
                return

    async def _watch(self, tenant: Seeded) -> AsyncIterator[dict[str, Any]]:
        """Look repeatedly, and restart what died; raises Unavailable if nothing moves any more."""
        moved, last = time.monotonic(), None
        while True:
            began = time.monotonic()
            async with self.db.transaction(tenant.tenant_id, read_only=True) as connection:
                row = await (await connection.execute(_SQL["progress"])).fetchone()
            took = time.monotonic() - began
            if row is None:
                raise Unavailable("The demo's tenant is gone.", remedy="Run the demo again.")
            if row != last:
                moved, last = time.monotonic(), row
            yield row
            if time.monotonic() - moved > PATIENCE_S:
                raise Unavailable(
                    f"Nothing has moved for {PATIENCE_S:.0f} seconds.",
                    remedy=f"Read the logs in {self.settings.home / 'log'}.",
                )
            await asyncio.to_thread(self._mend)
            await asyncio.sleep(max(LOOK_EVERY_S, took / LOOKING_SHARE))

    def _mend(self) -> None:
        for part in parts(self.settings, self.servers):
            if background.running(self.settings.home, part.name) is None:
                run = background.start(self.settings.home, part)
                self.progress.say(f"{part.name} had ended; it runs again as process {run.pid}.")

    async def _record_control(self, tenant: Seeded, campaign_id: int, customers: Sequence[hillstrom.Customer]) -> None:
        """Record what the control group did: people without a message visit and buy too."""
        what = [
            {"ext_id": customer.key, **(outcome if isinstance(outcome, dict) else {"type": outcome})}
            for customer in customers
            if customer.arm == hillstrom.CONTROL
            for outcome in customer.outcomes
            if outcome != "delivered"
        ]
        async with self.db.transaction(tenant.tenant_id) as connection:
            await connection.execute(_SQL["control_outcomes"], {"what": Jsonb(what), "campaign_id": campaign_id})

    async def _analyze(self, tenant: Seeded) -> None:
        """Tell the planner what was loaded: without statistics a trace through the graph takes 175 ms instead of 5."""
        async with self.db.transaction(tenant.tenant_id) as connection:
            await mirror.analyze(connection)

    async def _told(self, tenant: Seeded, began: float) -> Played:
        with self._timed("verify"):
            await self._analyze(tenant)
            async with self.db.transaction(tenant.tenant_id) as connection:
                differences = sum(difference.total for difference in await mirror.compare(connection))
                orphans = sum(kind.count for kind in await traces.orphans(connection))
        async with self.db.transaction(tenant.tenant_id, read_only=True) as connection:
            totals = await (await connection.execute(_SQL["totals"])).fetchone() or {}
            campaigns = await (await connection.execute(_SQL["campaigns"])).fetchall()
            told = await (await connection.execute(_SQL["tell"])).fetchone()
            trace = sql = delivery_id = None
            if told is not None:
                delivery_id = told["delivery_id"]
                root = await traces.find(connection, str(delivery_id), kind=traces.Kind.DELIVERY)
                trace = await traces.trace(connection, root)
                sql = await traces.auditor_sql(connection, root, tenant_id=tenant.tenant_id)
        summary = Summary(
            tenant=tenant.slug,
            **totals,
            orphans=orphans,
            graph_differences=differences,
            elapsed_s=time.monotonic() - began + self.stages.get("start", 0.0),
            stages=self.stages,
        )
        return Played(tenant, summary, campaigns, trace, sql, delivery_id)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.stages[name] = time.monotonic() - began


@asynccontextmanager
async def opened(settings: Settings, servers: Servers, progress: Progress) -> AsyncIterator[Demo]:
    """Start what a demo needs and does not run yet; it keeps running afterwards, until `leo down`."""
    began = time.monotonic()
    await _check_redis(servers)
    for part in parts(settings, servers):
        await asyncio.to_thread(background.start, settings.home, part)
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(Database.open(servers.database_url, settings))
        api = await stack.enter_async_context(Client.open(api_url(settings), name="API"))
        sandbox = await stack.enter_async_context(Client.open(_sandbox_url(settings), name="sandbox"))
        demo = Demo(settings, servers, db, api, sandbox, progress)
        await _until_up(demo)
        demo.stages["start"] = time.monotonic() - began
        yield demo


async def _check_redis(servers: Servers) -> None:
    client = lanes.connect(servers.redis_url)
    try:
        await lanes.check(client)
    finally:
        await client.aclose()


async def _until_up(demo: Demo) -> None:
    deadline = time.monotonic() + START_S
    waiting = {"api": (demo.api, "/readyz"), "sandbox": (demo.sandbox, "/_sandbox/stats")}
    while waiting:
        waiting = {name: place for name, place in waiting.items() if not await _is_up(demo, name, *place)}
        if waiting and time.monotonic() > deadline:
            names = " and ".join(waiting)
            raise Unavailable(
                f"The {names} did not start within {START_S:.0f} seconds.",
                remedy=f"Read the logs in {demo.settings.home / 'log'}.",
            )
        await asyncio.sleep(0.05 if waiting else 0)


async def _is_up(demo: Demo, name: str, client: Client, path: str) -> bool:
    """Whether our own process answers: if another program took the port first, ours ends and the other may answer."""
    home = demo.settings.home
    run = background.running(home, name)
    if run is None:
        log = background.log_file(home, name)
        raise Unavailable(f"The {name} ended: {track.log_tail(log)}.", remedy="Run it again; the log has the rest.")
    return await client.is_up(path) and await asyncio.to_thread(track.listens, run)


def _sandbox_url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.sandbox_http_port}"
