"""A throw-away site: workers, sandbox and API as processes of their own on the benchmark's database.

Redis and all files are the site's own, below a temporary LEO_HOME, so that nobody else's workers or keys are touched.
"""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

from channels.contract import ProviderError
from channels.egress import ANYWHERE
from channels.http import HttpClient
from engine import embedded
from engine.bench import Place
from engine.db import Database
from engine.embedded import Servers
from engine.embedded.home import LOOPBACK, Home
from engine.processes import background, table, track
from engine.processes.background import Part
from engine.settings import Settings
from rules.errors import Unavailable
from rules.words import Lane

# Four processes that start at once on a busy machine take a minute.
START_S = 120.0
LOOK_S = 0.05
JSON = {"Content-Type": "application/json"}
_SANDBOX, _API = "sandbox", "api"


def _here(part: Part) -> Part:
    return part


@dataclass(frozen=True, slots=True)
class Site:
    """What is running, and where; `db` is the benchmark's own pool."""

    settings: Settings
    servers: Servers
    db: Database

    @property
    def sandbox_url(self) -> str:
        return f"http://{LOOPBACK}:{self.settings.sandbox_http_port}"

    @property
    def record(self) -> Path:
        """The sandbox's own record: a JSON line per message, in the order of arrival."""
        return self.settings.home / "sandbox.jsonl"

    async def start_sandbox(self, *, also_at: str | None = None) -> None:
        """Start the sandbox; it also answers at another address, if given."""
        part = table.part(self.settings, self.servers, _SANDBOX)
        more = () if also_at is None else ("--also-at", also_at)
        background.start(self.settings.home, replace(part, arguments=(*part.arguments, *more)))
        await self._answers(f"{self.sandbox_url}/_sandbox/reset")
        if background.running(self.settings.home, _SANDBOX) is None:
            raise Unavailable(f"Another program answers at {self.sandbox_url}.", remedy="Run it again.")

    async def start_api(self) -> str:
        """Start the API and give its URL."""
        background.start(self.settings.home, table.part(self.settings, self.servers, _API))
        url = table.api_url(self.settings)
        await self._answers(f"{url}/health")
        return url

    def start_worker(self, lane: Lane, number: int = 0, *, elsewhere: Callable[[Part], Part] = _here) -> track.Run:
        """Start one more worker of a lane, or restart the one with this number after it was killed."""
        part = table.part(self.settings, self.servers, f"worker-{lane}")
        return background.start(self.settings.home, elsewhere(replace(part, name=f"{part.name}-{number}")))

    async def worker_started(self, lane: Lane, number: int = 0) -> None:
        """Wait until a worker looks for work."""
        log = background.log_file(self.settings.home, f"worker-{lane}-{number}")

        async def has_started() -> bool:
            return '"worker started"' in log.read_text(encoding="utf-8")

        await until(has_started, seconds=START_S, what=f"{log.stem} to start")

    def received(self) -> Iterator[dict[str, Any]]:
        """Give what the sandbox has received so far."""
        with contextlib.suppress(FileNotFoundError), self.record.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.endswith("\n"))

    def count_received(self) -> int:
        """Count the messages of the record without reading them."""
        with contextlib.suppress(FileNotFoundError):
            return self.record.read_bytes().count(b"\n")
        return 0

    async def tell_sandbox(self, path: str, document: Any) -> None:
        """Post to one of the sandbox's control endpoints; raises Unavailable if it refuses."""
        client = HttpClient(egress=ANYWHERE, connections=1)
        body = json.dumps(document).encode()
        try:
            answer = await client.post(f"{self.sandbox_url}/_sandbox/{path}", body, JSON)
        finally:
            await client.aclose()
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Unavailable(
                f"The sandbox refused {path}: {answer.body[:200]!r}.", remedy="Run it again and report it."
            )

    async def _answers(self, url: str) -> None:
        client = HttpClient(egress=ANYWHERE, connections=1, connect_timeout_s=1.0, total_timeout_s=5.0)

        async def does() -> bool:
            try:
                return (await client.post(url, b"{}", JSON)).status > 0
            except ProviderError:
                return False

        try:
            await until(does, seconds=START_S, what=f"{url} to answer")
        finally:
            await client.aclose()


def _ports(home: Path) -> dict[str, int]:
    """Choose ports that nobody prefers: two sites starting at once would both find the usual ones free."""
    directory = Home(home)
    directory.prepare()
    return {name: directory.free_port(name) for name in table.PORTS}


@asynccontextmanager
async def opened(place: Place, *, own_database: Callable[[Settings], Servers] | None = None) -> AsyncIterator[Site]:
    """Open a site on the benchmark's database and stop all of it afterwards.

    `own_database` starts and sets up a separate server for the site, which may be restarted.
    """
    home = Path(tempfile.mkdtemp(prefix="leo-bench-"))
    ours = {
        "home": home,
        "database_url": None if own_database else place.admin_url,
        "admin_database_url": None,
        "redis_url": None,
        "public_url": None,
        **_ports(home),
    }
    settings = Settings.load(**(place.settings.model_dump() | ours))
    try:
        settings = table.resolved(settings)
        servers = own_database(settings) if own_database else embedded.ensure(settings)
        async with Database.open(servers.database_url, settings) as db:
            yield Site(settings, servers, db)
    finally:
        background.stop_all(home)
        embedded.erase(settings)
        shutil.rmtree(home, ignore_errors=True)


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float, what: str, look_s: float = LOOK_S) -> None:
    """Wait until a condition holds; raises Unavailable after `seconds`, saying what was waited for."""
    deadline = monotonic() + seconds
    while not await holds():
        if monotonic() > deadline:
            raise Unavailable(f"Waited {seconds:g} s for {what}.", remedy="Run it again and report it.")
        await asyncio.sleep(look_s)
