"""Windows that visitors keep open on a web site: what hundreds of idle ones cost, and how soon a message appears."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import quote, urlsplit
from uuid import uuid4

from channels import signature
from channels.contract import Secret
from channels.egress import ANYWHERE
from channels.http import HttpClient
from engine.bench import Bar, Place, Result, percentile, site
from engine.bench.site import JSON, Site
from engine.bench.usage import Watch
from engine.campaigns import connect_channel
from engine.credentials import Vault
from engine.processes import background
from engine.queries import queries
from engine.streams import SELDOM_S
from engine.visitors import PATH, Inbox, Visitor, sign
from rules.errors import Conflict, Unavailable

LISTENERS = 500
MESSAGES = 200
PER_S = 20
# Long enough for each to have looked once by itself.
IDLE_S = SELDOM_S
# A smaller run is measured for a shorter time; the system reports processor time in ticks.
LEAST_IDLE_S, TICK_S = 2.0, 0.01
# By then their first looks are over, and Redis knows all of them.
SETTLE_S = 3.0
LONGEST_S = 60.0
KEY = "the_key_of_a_benchmark_0123456789abcdef"
SEED = 20_264
MOST_P99_MS, LEAST_RATIO = 100.0, 5.0


@dataclass(frozen=True, slots=True)
class _Measured:
    """`cores`: how many cores of API and PostgreSQL idle windows keep busy; `ms`: how late messages were, ascending."""

    cores: float
    ms: Sequence[float]


async def run(place: Place, *, n: int | None = None) -> Result:
    """Hold `n` (500) windows open, idle and then with messages: woken through Redis, and each looking once a second."""
    listeners = n or LISTENERS
    async with site.opened(place) as opened:
        found, path = await _site(opened)
        measured: dict[str, _Measured] = {}
        for name, redis_url in (("woken", opened.servers.redis_url), ("looking", "redis://127.0.0.1:1/0")):
            place.say(f"{listeners:,} windows, {name}")
            one = replace(opened, servers=replace(opened.servers, redis_url=redis_url))
            measured[name] = await _measure(one, found, path, listeners)
            background.stop(opened.settings.home, "api")
    woken, looking = measured["woken"], measured["looking"]
    p99, ratio = percentile(woken.ms, 99), looking.cores / woken.cores
    return Result(
        name="listeners",
        n=listeners,
        figures={
            "p50_ms": percentile(woken.ms, 50),
            "p99_ms": p99,
            "idle_cores": woken.cores,
            "baseline_p50_ms": percentile(looking.ms, 50),
            "baseline_p99_ms": percentile(looking.ms, 99),
            "baseline_idle_cores": looking.cores,
        },
        baseline="the processor time of as many windows that each look once a second, as they do without Redis",
        ratio=ratio,
        bars=(
            Bar(f"a message is there within {MOST_P99_MS:g} ms: p99 {p99:.0f} ms", p99 <= MOST_P99_MS),
            Bar(f"idle windows cost a {LEAST_RATIO:g}th of looking: {ratio:.1f} times less", ratio >= LEAST_RATIO),
        ),
    )


async def _site(opened: Site) -> tuple[Inbox, str]:
    """Make a tenant with an inbox; gives it and its path."""
    tenant_id = uuid4()
    vault = Vault(opened.servers.secrets.credential_key)
    async with opened.db.transaction(tenant_id) as conn:
        await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": "bench"})
        channel = await connect_channel(
            conn, vault, tenant_id=tenant_id, kind="chat", name="site", settings={"visitor_key": KEY}
        )
    return Inbox(tenant_id, channel.channel_id, Secret(KEY)), f"{PATH}{channel.webhook_key}"


async def _measure(opened: Site, inbox: Inbox, path: str, listeners: int) -> _Measured:
    url = await opened.start_api()
    api = background.running(opened.settings.home, "api")
    async with _windows(url, inbox, path, listeners) as windows:
        await asyncio.sleep(SETTLE_S)
        idle_s = max(LEAST_IDLE_S, IDLE_S * min(1.0, listeners / LISTENERS))
        watch = Watch(opened.servers.admin_database_url, {"api": [api.pid] if api else []})
        async with watch.watched():
            await asyncio.sleep(idle_s)
        cores = max(sum(watch.usage.cores.values()), TICK_S / idle_s)
        return _Measured(cores, await windows.late(min(MESSAGES, listeners)))


class _Windows:
    """When each message was posted, and when its window showed it."""

    def __init__(self, url: str, path: str, visitors: int) -> None:
        self._url, self._path, self._visitors = url, path, visitors
        self._shown: dict[str, float] = {}

    async def hold(self, token: str, opened: asyncio.Event) -> None:
        """Read one window's stream as a browser does, until it ends; raises Unavailable if it is refused."""
        place = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            asked = f"GET {self._path}/stream?token={quote(token)} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n"
            writer.write(asked.encode())
            if b" 200 " not in await reader.readline():
                raise Unavailable("A window was refused.", remedy="Run it again and report it.")
            async for line in reader:
                if line.startswith(b": open"):
                    opened.set()
                if line.startswith(b"data: "):
                    self._shown.setdefault(json.loads(line.removeprefix(b"data: "))["text"], time.time())
        finally:
            writer.close()

    async def late(self, messages: int) -> list[float]:
        """Post this many messages, each to one of the visitors; gives their milliseconds on the way, ascending."""
        chance = random.Random(SEED)  # noqa: S311 - whose turn it is, no secret
        client = HttpClient(egress=ANYWHERE, connections=50)
        posted: dict[str, float] = {}
        began = time.monotonic()
        run = uuid4().hex
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(messages):
                    await asyncio.sleep(began + number / PER_S - time.monotonic())
                    text = f"{run} {number}"
                    posted[text] = time.time()
                    group.create_task(self._post(client, text, f"visitor-{chance.randrange(self._visitors)}"))
        finally:
            await client.aclose()

        async def are_shown() -> bool:
            return self._shown.keys() >= posted.keys()

        await site.until(are_shown, seconds=LONGEST_S, what="the last message to be shown")
        return sorted((self._shown[text] - at) * 1000 for text, at in posted.items())

    async def _post(self, client: HttpClient, text: str, address: str) -> None:
        event_id = uuid4().hex * 2
        body = json.dumps({"event_id": event_id, "address": address, "subject": None, "text": text, "link": None})
        signed = signature.sign(Secret(KEY), timestamp=int(time.time()), body=body.encode())
        answer = await client.post(f"{self._url}{self._path}/messages", body.encode(), {**JSON, **signed})
        if answer.status != HTTPStatus.CREATED:
            raise Conflict(f"A message was answered {answer.status}.", remedy="Run it again and report it.")


@asynccontextmanager
async def _windows(url: str, inbox: Inbox, path: str, listeners: int) -> AsyncIterator[_Windows]:
    """Hold as many visitors' windows open while the block runs."""
    windows = _Windows(url, path, listeners)
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    opened = [asyncio.Event() for _ in range(listeners)]
    holding = [
        asyncio.create_task(
            windows.hold(
                sign(inbox, Visitor(inbox.tenant_id, inbox.channel_id, f"visitor-{number}", expires_at)), opened[number]
            )
        )
        for number in range(listeners)
    ]
    try:
        async with asyncio.timeout(LONGEST_S):
            await asyncio.gather(*(event.wait() for event in opened))
        yield windows
    finally:
        for task in holding:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*holding)
