"""What chaos leaves out: the API killed during posts, a slow network, a full disk, wrong clocks.

Each is a campaign of its own on a site of its own, judged as in chaos: from the sandbox's record against the log. If
PostgreSQL is hurt, it is the scenario's own.
"""

import asyncio
import json
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from channels.contract import ProviderError
from channels.egress import ANYWHERE
from channels.http import HttpClient
from engine import embedded
from engine.bench import Bar, Place, Result, campaign, disk, proxy, site
from engine.bench.campaign import Audience
from engine.bench.chaos import Toll, judge
from engine.bench.site import JSON, Site, until
from engine.campaigns import start_run
from engine.embedded import Servers
from engine.embedded.home import LOOPBACK
from engine.processes import background, table, track
from engine.queries import queries
from engine.tenants import Scope, create_api_key
from rules.errors import LeoError
from rules.words import Channel, Lane, RunKind

MESSAGES = 2_000
SEED = 20_263
EVENT = "cart_abandoned"
KILLS, AT_ONCE, LONGEST_S = 5, 8, 300.0
# A worker in another city on a bad line.
DELAY_S, BYTES_PER_S, STALL_S = 0.02, 500_000.0, 4.0
FAKETIME = "*/faketime/libfaketime.so.1"
AHEAD, BEHIND = "+1h", "-1h"
_POSTGRES = 5432
_SQL = queries("bench_act")

Scenario = Callable[[Place, int], Awaitable[Toll | None]]


async def run(place: Place, *, n: int | None = None) -> Result:
    """Do each in turn with `n` messages (2,000); what cannot be done on this host is left out, and that is reported."""
    messages = n or MESSAGES
    tolls: dict[str, Toll] = {}
    left_out: list[str] = []
    broken: dict[str, LeoError] = {}
    for name, scenario in SCENARIOS.items():
        place.say(f"{name}: {messages:,} messages")
        try:
            toll = await scenario(place, messages)
        except LeoError as error:  # the others are still worth seeing
            broken[name] = error
            continue
        if toll is None:
            left_out.append(name)
        else:
            tolls[name] = toll
    figures: dict[str, float] = {}
    for name, toll in tolls.items():
        figures |= {
            f"{name}_lost": toll.lost,
            f"{name}_duplicates": toll.duplicates,
            f"{name}_uncertain": toll.uncertain,
        }
    return Result(
        name="faults",
        n=messages,
        figures=figures,
        baseline="messages that are uncertain over all that were sent",
        ratio=sum(toll.uncertain for toll in tolls.values()) / max(1, len(tolls) * messages),
        bars=(
            *(
                Bar(f"{name}: nothing lost or doubled: {toll.lost}, {toll.duplicates}", _is_clean(toll))
                for name, toll in tolls.items()
            ),
            *(Bar(f"{name}: this host cannot show it", is_met=True) for name in left_out),
            *(Bar(f"{name}: {error.message}", is_met=False) for name, error in broken.items()),
        ),
    )


def _is_clean(toll: Toll) -> bool:
    return toll.lost == toll.duplicates == toll.unlogged == 0


async def api_killed(place: Place, messages: int) -> Toll:
    """Post an event of each person, with a key, and repeat the post if no answer came; meanwhile the API is killed."""
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        url = await opened.start_api()
        audience = await campaign.made(opened, "api_killed", Channel.TELEGRAM, trigger=EVENT)
        await audience.people(messages)
        async with opened.db.transaction(audience.tenant_id) as conn:
            key = await create_api_key(conn, tenant_id=audience.tenant_id, name="bench", scopes=list(Scope))
        opened.start_worker(Lane.REALTIME)
        waiting = iter(range(1, messages + 1))
        taken = 0

        async def post() -> None:
            nonlocal taken
            client = HttpClient(egress=ANYWHERE, connections=1, connect_timeout_s=1.0, total_timeout_s=10.0)
            try:
                for number in waiting:
                    await _posted(client, url, key.secret, number)
                    taken += 1
            finally:
                await client.aclose()

        async def kill() -> None:
            chance = random.Random(SEED)  # noqa: S311 - when it falls, no secret
            for mark in sorted(chance.randrange(messages * 9 // 10) for _ in range(KILLS)):
                while taken < mark:  # noqa: ASYNC110 - a count, no event
                    await asyncio.sleep(0.01)
                _killed(opened, "api")
                await opened.start_api()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(post())
            group.create_task(kill())
        return await _ended(audience, messages)


async def slow_network(place: Place, messages: int) -> Toll:
    """Send through connections to PostgreSQL, Redis and the provider that are slow, narrow and sometimes dead."""
    # To the guard of outgoing calls, the proxy to the provider is an inside address, and not the sandbox's own.
    inside = replace(place, settings=place.settings.model_copy(update={"allowed_hosts": LOOPBACK}))
    async with site.opened(inside) as opened:
        await opened.start_sandbox()
        at = urlsplit(opened.servers.database_url)
        async with (
            _slow(at.port or _POSTGRES, host=at.hostname or LOOPBACK) as db,
            _slow(urlsplit(opened.servers.redis_url).port or 0) as redis,
            _slow(opened.settings.sandbox_http_port) as provider,
        ):
            far = {"base_url": f"http://{LOOPBACK}:{provider.port}"}
            audience = await campaign.made(opened, "slow_network", Channel.TELEGRAM, settings=far)
            await audience.people(messages)
            servers = replace(
                opened.servers,
                database_url=_through(opened.servers.database_url, db.port),
                redis_url=_through(opened.servers.redis_url, redis.port),
            )
            for number in (0, 1):
                _start_worker(opened, Lane.BULK, number, servers=servers)
            await start_all(audience)
            for count, line in enumerate((db, provider, redis)):
                await _come(opened, messages * (count + 1) // 5)
                await line.stall(STALL_S)
            return await _ended(audience, messages)


async def disk_full(place: Place, messages: int) -> Toll | None:
    """Fill the disk of PostgreSQL in the middle, see that it stops, free space, and start it again."""
    if not disk.may_mount():
        return None
    made = disk.Small()
    try:
        async with site.opened(place, own_database=made.own_database) as opened:
            try:
                await opened.start_sandbox()
                audience = await campaign.made(opened, "disk_full", Channel.TELEGRAM)
                await audience.people(messages)
                for number in (0, 1):
                    opened.start_worker(Lane.BULK, number)
                await start_all(audience)
                await _come(opened, messages // 4)
                made.fill()
                await _stuck(opened, audience)
                made.make_room()
                embedded.ensure(opened.settings)
                return await _ended(audience, messages)
            finally:
                background.stop_all(opened.settings.home)
                embedded.stop(opened.settings, only={"postgres"})
                made.unmount()
    finally:
        made.unmount()


async def clocks_wrong(place: Place, messages: int) -> Toll | None:
    """Send with three workers: one an hour ahead, one an hour behind, one right."""
    library = faketime()
    if library is None:
        return None
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        audience = await campaign.made(opened, "clocks_wrong", Channel.TELEGRAM)
        await audience.people(messages)
        for number, off in enumerate((AHEAD, BEHIND, "+0")):
            wrong = {"LD_PRELOAD": str(library), "FAKETIME": off, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            _start_worker(opened, Lane.BULK, number, more=wrong)
        await start_all(audience)
        return await _ended(audience, messages)


def faketime() -> Path | None:
    """Find the library that gives a process a different clock: Debian's package libfaketime."""
    return next(iter(sorted(Path("/usr/lib").glob(FAKETIME))), None)


SCENARIOS: Mapping[str, Scenario] = {
    "api_killed": api_killed,
    "slow_network": slow_network,
    "disk_full": disk_full,
    "clocks_wrong": clocks_wrong,
}


async def start_all(audience: Audience) -> None:
    """Start a run for everybody."""
    ids = [row["profile_id"] for row in await audience.rows(_SQL["everybody"])]
    async with audience.site.db.transaction(audience.tenant_id) as conn:
        await start_run(
            conn,
            tenant_id=audience.tenant_id,
            campaign_id=audience.campaign_id,
            kind=RunKind.REQUEST,
            lane=Lane.BULK,
            profile_ids=ids,
        )


async def _posted(client: HttpClient, url: str, key: str, number: int) -> None:
    """Post the event until it is accepted, as a shop's own system would: with the same key."""
    event = {"type": EVENT, "profile": f"customer-{number}", "attributes": {"number": number}}
    headers = {**JSON, "Authorization": f"Bearer {key}", "Idempotency-Key": f"event-{number}"}
    while True:
        try:
            answer = await client.post(f"{url}/events", json.dumps(event).encode(), headers)
        except ProviderError:
            await asyncio.sleep(0.1)
            continue
        if answer.status == HTTPStatus.ACCEPTED:
            return
        await asyncio.sleep(0.2)


def _killed(opened: Site, name: str) -> None:
    process = background.running(opened.settings.home, name)
    if process is not None:
        track.signal_run(process, signal.SIGKILL)
        track.wait_ended(process, timeout_s=10)


def _start_worker(
    opened: Site, lane: Lane, number: int, *, servers: Servers | None = None, more: Mapping[str, str] | None = None
) -> None:
    part = table.part(opened.settings, servers or opened.servers, f"worker-{lane}")
    environment = {**part.environment, **(more or {})}
    background.start(opened.settings.home, replace(part, name=f"{part.name}-{number}", environment=environment))


def _slow(port: int, *, host: str = LOOPBACK) -> AbstractAsyncContextManager[proxy.Proxy]:
    return proxy.between(port, host=host, delay_s=DELAY_S, bytes_per_s=BYTES_PER_S)


def _through(url: str, port: int) -> str:
    parts = urlsplit(url)
    who = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{who}@{LOOPBACK}:{port}" if who else f"{LOOPBACK}:{port}").geturl()


async def _come(opened: Site, mark: int) -> None:
    async def have() -> bool:
        return opened.count_received() >= mark

    await until(have, seconds=LONGEST_S, what=f"message {mark:,}")


async def _stuck(opened: Site, audience: Audience) -> None:
    """Wait until the database accepts nothing any more."""

    async def is_stuck() -> bool:
        try:
            await audience.people(1, prefix=f"late-{random.random()}-")  # noqa: S311 - a name, no secret
        except LeoError:
            return True
        return "postgres" not in embedded.is_running(opened.settings)

    await until(is_stuck, seconds=LONGEST_S, what="the disk to be full")


async def _ended(audience: Audience, messages: int) -> Toll:
    await audience.settled(seconds=LONGEST_S)
    toll = await judge(audience, messages)
    await audience.check_graph()
    return toll
