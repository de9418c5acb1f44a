"""The sandbox as the product starts it: a subprocess on free ports, spoken to over the wire only."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]


class SandboxProcess:
    """A running sandbox; `close` sends SIGTERM and gives the exit code."""

    def __init__(self, process: subprocess.Popen[bytes], ports: dict[str, Any]) -> None:
        self.process = process
        self.smtp_port: int = ports["smtp_port"]
        self.http_port: int = ports["http_port"]
        self.base_url = f"http://127.0.0.1:{self.http_port}"

    async def ask(self, path: str, document: Any = None) -> Any:
        """GET a control endpoint, or POST where a document is given."""
        method = "GET" if document is None else "POST"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.base_url}/_sandbox/{path}", json=document) as response,
        ):
            return await response.json()

    async def reset(self) -> None:
        await self.ask("reset", {})

    async def messages(self) -> list[dict[str, Any]]:
        return list((await self.ask("messages?limit=1000"))["messages"])

    def close(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=15)
        if self.process.stdout:
            self.process.stdout.close()
        return code


async def start_sandbox(*options: str) -> SandboxProcess:
    """Start one on free ports; it is ready when this returns."""
    command = [sys.executable, "-m", "channels.sandbox", "--smtp-port", "0", "--http-port", "0", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)  # noqa: ASYNC220, S603 - our own module
    if process.stdout is None:
        raise RuntimeError("The sandbox has no output.")
    line = await asyncio.to_thread(process.stdout.readline)
    return SandboxProcess(process, json.loads(line))
