"""A sandbox for the whole session, emptied before each test that asks for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.channels.arango_reader import ODD, PLAIN, Reader, reading
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.channels.webhook_server import WebhookServer


@pytest.fixture(scope="session")
async def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[SandboxProcess, Path]]:
    record = tmp_path_factory.mktemp("sandbox") / "record.jsonl"
    sandbox = await start_sandbox("--record", str(record))
    yield sandbox, record
    assert sandbox.close() == 0


@pytest.fixture
async def sandbox(shared_sandbox: tuple[SandboxProcess, Path]) -> SandboxProcess:
    await shared_sandbox[0].reset()
    return shared_sandbox[0]


@pytest.fixture
def record_file(shared_sandbox: tuple[SandboxProcess, Path]) -> Path:
    return shared_sandbox[1]


@pytest.fixture
async def webhook() -> AsyncIterator[WebhookServer]:
    server = await WebhookServer().start()
    yield server
    await server.close()


@pytest.fixture
async def odd(sandbox: SandboxProcess) -> AsyncIterator[Reader]:
    """A CDP with every trap, of people enough for a page of equal times."""
    await sandbox.ask("arango/worlds", {"database": ODD, "people": 6_000, "traps": True})
    async with reading(sandbox, ODD) as reader:
        yield reader


@pytest.fixture
async def plain(sandbox: SandboxProcess) -> AsyncIterator[Reader]:
    """A CDP of 300 ordinary people."""
    await sandbox.ask("arango/worlds", {"database": PLAIN, "people": 300, "traps": False})
    async with reading(sandbox, PLAIN) as reader:
        yield reader
