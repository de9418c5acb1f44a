"""A worker as the product starts it: a subprocess with its log, killed or stopped as an operator would."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """`log` holds what it wrote so far, one document a line."""

    def __init__(self, lane: str, environment: Mapping[str, str], log: Path) -> None:
        self.log_file = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "engine.worker", "--lane", lane],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=file,
                stderr=file,
            )

    @property
    def log(self) -> list[dict[str, Any]]:
        lines = self.log_file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def said(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == message]

    async def ready(self) -> None:
        await until(self._has_started, seconds=90.0)

    async def _has_started(self) -> bool:
        assert self._process.poll() is None, self.log_file.read_text(encoding="utf-8")
        return bool(self.said("worker started"))

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)

    async def stop(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, 30)


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 30.0, pause_s: float = 0.05) -> None:
    """Wait until something holds; fails after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await holds():
        assert asyncio.get_running_loop().time() < deadline, "it did not come true in time"
        await asyncio.sleep(pause_s)
