"""Workers killed, Redis emptied, servers restarted, connections cut at random moments: what becomes of the messages.

The judge compares the sandbox's own record with the log: a message is lost if the log says it was sent and nobody
received it, and doubled if it was received twice. All randomness comes from one seed.
"""

import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic

from engine import bootstrap, embedded, lanes
from engine.bench import Bar, Place, Result, campaign, site
from engine.bench.campaign import Audience
from engine.bench.site import Site, until
from engine.campaigns import start_run
from engine.embedded import Servers
from engine.processes import background, track
from engine.queries import queries
from engine.settings import Settings
from rules.errors import LeoError
from rules.words import Channel, DeliveryStatus, Lane, RunKind

MESSAGES = 20_000
SEED = 20_261
# The workers' lanes; the last one works on what is urgent, a tenth of the people.
WORKERS = ((Lane.BULK, 0), (Lane.BULK, 1), (Lane.REALTIME, 0))
URGENT_SHARE = 0.1
# Connections cut by one order to the sandbox.
CUTS = 2
PROGRESS_S, STUCK_S, END_S = 180.0, 45.0, 300.0
BASELINE = "uncertain messages over those in somebody's hands when it was killed or its connection cut"
_SQL = queries("bench_chaos")


class Blow(StrEnum):
    """What is done to the site."""

    KILL = "kill"
    """SIGKILL to one worker."""
    FLUSH = "flush"
    """FLUSHALL of Redis."""
    REDIS = "redis"
    """Redis stopped and started again, empty."""
    POSTGRES = "postgres"
    """PostgreSQL stopped fast, or in the middle (SIGQUIT), and started again."""
    CUT = "cut"
    """Connections to the provider cut, half of them after it took the message."""
    SANDBOX = "sandbox"
    """The provider's process killed and started again."""


# Blows per message sent: a hundred kills in 20,000.
OFTEN: Mapping[Blow, int] = {
    Blow.KILL: 200,
    Blow.FLUSH: 2_000,
    Blow.REDIS: 5_000,
    Blow.POSTGRES: 5_000,
    Blow.CUT: 1_000,
    Blow.SANDBOX: 10_000,
}


@dataclass(slots=True)
class Siege:
    """One campaign under attack; `in_hand` counts the messages being sent when it was hit."""

    site: Site
    audience: Audience
    chance: random.Random
    done: Counter[Blow] = field(default_factory=Counter)
    in_hand: int = 0

    async def strike(self, blow: Blow) -> None:
        """Deal one blow, and restart what it stopped."""
        ways: Mapping[Blow, Callable[[], Awaitable[None]]] = {
            Blow.KILL: self._kill,
            Blow.FLUSH: self._flush,
            Blow.REDIS: self._restart_redis,
            Blow.POSTGRES: self._restart_postgres,
            Blow.CUT: self._cut,
            Blow.SANDBOX: self._restart_sandbox,
        }
        await ways[blow]()
        self.done[blow] += 1

    async def _kill(self) -> None:
        lane, number = self.chance.choice(WORKERS)
        worker = background.running(self.site.settings.home, f"worker-{lane}-{number}")
        if worker is not None:
            track.signal_run(worker, signal.SIGKILL)
            track.wait_ended(worker, timeout_s=10)
            self.in_hand += await self._count(f"%:{worker.pid}:%")
        self.site.start_worker(lane, number)

    async def _flush(self) -> None:
        client = lanes.connect(self.site.servers.redis_url)
        await client.flushall()
        await client.aclose()

    async def _restart_redis(self) -> None:
        embedded.stop(self.site.settings, only={"redis"})
        embedded.ensure(self.site.settings)

    async def _restart_postgres(self) -> None:
        server = embedded.is_running(self.site.settings)["postgres"]
        if self.chance.random() < 0.5:  # noqa: PLR2004 - one in two
            track.signal_run(server, signal.SIGQUIT)
            track.wait_ended(server, timeout_s=30)
        else:
            embedded.stop(self.site.settings, only={"postgres"})
        embedded.ensure(self.site.settings)
        self.in_hand += await self._count("%")

    async def _cut(self) -> None:
        fault = {"channel": "telegram", "mode": "cut", "times": CUTS, "keep": self.chance.random() < 0.5}  # noqa: PLR2004
        await self.site.tell_sandbox("faults", fault)
        self.in_hand += CUTS

    async def _restart_sandbox(self) -> None:
        before = await self._count("%")
        sandbox = background.running(self.site.settings.home, "sandbox")
        if sandbox is not None:
            track.signal_run(sandbox, signal.SIGKILL)
            track.wait_ended(sandbox, timeout_s=10)
        self.in_hand += max(before, await self._count("%"))
        await self.site.start_sandbox()

    async def _count(self, owner: str) -> int:
        """Count the messages held by owners like this."""
        counted = 0

        async def is_counted() -> bool:
            nonlocal counted
            try:
                counted = (await self.audience.rows(_SQL["in_hand"], owner=owner))[0]["messages"]
            except LeoError:  # the database is on its way back
                return False
            return True

        await until(is_counted, seconds=60, what="PostgreSQL to answer")
        return counted


@dataclass(frozen=True, slots=True)
class Toll:
    """The result of the siege; `unlogged` were received without an attempt in the log."""

    deliveries: int
    lost: int
    duplicates: int
    uncertain: int
    unlogged: int


async def run(place: Place, *, n: int | None = None, seed: int = SEED, blows: Mapping[Blow, int] = OFTEN) -> Result:
    """Send `n` messages (20,000) under attack; `blows` says how many messages there are per blow."""
    messages = n or MESSAGES
    async with site.opened(place, own_database=_own_database) as opened:
        await opened.start_sandbox()
        audience = await campaign.made(opened, "bench", Channel.TELEGRAM)
        place.say(f"writing {messages:,} people")
        await audience.people(messages)
        chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated, no secret
        siege = Siege(opened, audience, chance)
        for lane, number in WORKERS:
            opened.start_worker(lane, number)
        await _start(audience, messages)
        for mark, blow in plan(messages, chance, blows):
            place.say(f"{mark:,} of {messages:,} messages, then: {blow}")
            await _progressed(audience, mark)
            await siege.strike(blow)
        place.say("waiting for the last message")
        await audience.settled(seconds=END_S)
        toll = await judge(audience, messages)
        await audience.check_graph()
    return _result(messages, siege, toll)


def plan(messages: int, chance: random.Random, blows: Mapping[Blow, int] = OFTEN) -> Sequence[tuple[int, Blow]]:
    """Give the blows, in order, by how many messages have arrived before each."""
    marks = [
        (chance.randrange(messages * 85 // 100), blow)
        for blow, one_in in blows.items()
        for _ in range(max(1, messages // one_in))
    ]
    return sorted(marks)


async def judge(audience: Audience, messages: int) -> Toll:
    """Compare the log with what the sandbox received."""
    received = audience.received()
    log = await audience.rows(_SQL["log"])
    of_event = {row["event_id"]: row for row in log}
    people = {row["profile_id"] for row in log}
    settled = {DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN}
    broken = [
        row
        for row in log
        if row["status"] not in settled or (row["status"] == DeliveryStatus.SENT and not received[row["event_id"]])
    ]
    return Toll(
        deliveries=len(log),
        lost=messages - len(people) + len(broken),
        duplicates=len(log) - len(people) + sum(times - 1 for times in received.values()),
        uncertain=sum(row["status"] == DeliveryStatus.UNCERTAIN for row in log),
        unlogged=sum(not of_event.get(event_id, {}).get("started") for event_id in received),
    )


def _own_database(settings: Settings) -> Servers:
    """A PostgreSQL of the siege's own, so that yours is never restarted."""
    servers = embedded.ensure(settings)
    bootstrap.set_up(servers.admin_database_url, app_url=servers.database_url)
    return servers


async def _start(audience: Audience, messages: int) -> None:
    urgent = int(messages * URGENT_SHARE)
    ids = [row["profile_id"] for row in await audience.rows(queries("bench_act")["everybody"])]
    async with audience.site.db.transaction(audience.tenant_id) as conn:
        for lane, profile_ids in ((Lane.REALTIME, ids[:urgent]), (Lane.BULK, ids[urgent:])):
            await start_run(
                conn,
                tenant_id=audience.tenant_id,
                campaign_id=audience.campaign_id,
                kind=RunKind.REQUEST,
                lane=lane,
                profile_ids=profile_ids,
            )


async def _progressed(audience: Audience, mark: int) -> None:
    """Wait until this many messages have arrived.

    If no more arrive, the next blow falls on the recovery.
    """
    count, came_at = -1, monotonic()

    async def has() -> bool:
        nonlocal count, came_at
        before, count = count, audience.site.count_received()
        if count != before:
            came_at = monotonic()
        return count >= mark or (count > 0 and monotonic() - came_at > STUCK_S)

    await until(has, seconds=PROGRESS_S, what=f"message {mark:,}", look_s=0.02)


def _result(messages: int, siege: Siege, toll: Toll) -> Result:
    done = siege.done
    figures = {
        "deliveries": toll.deliveries,
        "kills": done[Blow.KILL],
        "redis_losses": done[Blow.FLUSH] + done[Blow.REDIS],
        "postgres_restarts": done[Blow.POSTGRES],
        "provider_resets": done[Blow.CUT] * CUTS + done[Blow.SANDBOX],
        "lost": toll.lost,
        "duplicates": toll.duplicates,
        "unlogged": toll.unlogged,
        "uncertain": toll.uncertain,
        "in_flight": siege.in_hand,
    }
    return Result(
        name="chaos",
        n=messages,
        figures=figures,
        baseline=BASELINE,
        ratio=toll.uncertain / max(1, siege.in_hand),
        bars=(
            Bar(f"no message is lost: {toll.lost}", toll.lost == 0),
            Bar(f"no message came twice: {toll.duplicates}", toll.duplicates == 0),
            Bar(f"no message came without its log row: {toll.unlogged}", toll.unlogged == 0),
            Bar(
                f"uncertain are at most those in flight when hit, {siege.in_hand:,}: {toll.uncertain:,}",
                toll.uncertain <= siege.in_hand,
            ),
        ),
    )
