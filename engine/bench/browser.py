"""A headless Chromium, spoken to over its own protocol, for what only a browser can tell."""

import asyncio
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from engine.embedded.home import LOOPBACK
from rules.errors import Misconfigured, Unavailable

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
)
PORT_FILE = "DevToolsActivePort"
START_S = 30.0
ANSWER_S = 60.0
_END_S = 10.0


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol; raises Unavailable where the browser refuses or is gone."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_S):
            while True:
                told = await self._socket.receive_json()
                if told.get("id") == number:
                    break
        if "error" in told:
            raise Unavailable(f"The browser refused {method}: {told['error']}.", remedy="Run it again and report it.")
        result: dict[str, Any] = told["result"]
        return result

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript in the page, and wait for it where it is a promise."""
        told = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise Unavailable(
                f"The page failed: {told['exceptionDetails'].get('exception', {}).get('description')}.",
                remedy="Run it again and report it.",
            )
        return told["result"].get("value")


@asynccontextmanager
async def opened() -> AsyncIterator[Page]:
    """Open a browser with a profile of its own, and end it afterwards; raises Misconfigured where there is none."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        raise Misconfigured("There is no Chromium on PATH.", remedy="Install the package chromium, then run it again.")
    home = Path(tempfile.mkdtemp(prefix="leo-browser-"))
    command = [program, *FLAGS, f"--user-data-dir={home}", "about:blank"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = await _port(home)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{LOOPBACK}:{port}/json/list") as answer:
                targets = await answer.json()
            address = next(one["webSocketDebuggerUrl"] for one in targets if one["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), _END_S)
        shutil.rmtree(home, ignore_errors=True)


async def _port(home: Path) -> int:
    file = home / PORT_FILE
    async with asyncio.timeout(START_S):
        while not file.exists() or not file.read_text(encoding="utf-8").strip():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
    return int(file.read_text(encoding="utf-8").splitlines()[0])
