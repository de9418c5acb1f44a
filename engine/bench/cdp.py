"""A sandbox of the benchmark's own, in its own process, with a generated CDP in it."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from channels.egress import ANYWHERE
from channels.http import HttpClient
from rules.errors import Unavailable

DATABASE = "bench"
START_S = 30.0
# A world of a million people takes a minute to generate.
WORLD_S = 900.0


@asynccontextmanager
async def opened(people: int) -> AsyncIterator[str]:
    """Start a sandbox with this many ordinary people and no traps; gives its URL and stops it afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "channels.sandbox", "--smtp-port", "0", "--http-port", "0", stdout=PIPE
    )
    try:
        url = await _url(process)
        await _world(url, people)
        yield url
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _url(process: Process) -> str:
    if process.stdout is None:
        raise Unavailable("The sandbox says nothing.", remedy="Run it again and report it.")
    async with asyncio.timeout(START_S):
        told: dict[str, Any] = json.loads(await process.stdout.readline())
    return f"http://127.0.0.1:{told['http_port']}"


async def _world(url: str, people: int) -> None:
    client = HttpClient(egress=ANYWHERE, connections=1, total_timeout_s=WORLD_S)
    wanted = {"database": DATABASE, "people": people, "events": 0, "traps": False}
    try:
        answer = await client.post(
            f"{url}/_sandbox/arango/worlds", json.dumps(wanted).encode(), {"Content-Type": "application/json"}
        )
    finally:
        await client.aclose()
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Unavailable(f"The sandbox made no world: {answer.status}.", remedy="Run it again and report it.")
