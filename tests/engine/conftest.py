"""What tests share: a sandbox for each module, a CDP or channels that lead to it for each test, the vault."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from arq.connections import ArqRedis

from engine import lanes
from engine.cli import run
from engine.credentials import Vault
from engine.db import Database
from engine.dispatch import Adapters
from engine.settings import Settings
from rules.words import Lane
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant
from tests.engine.acts import Act
from tests.engine.cdp import Cdp, new_cdp
from tests.engine.world import World


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[SandboxProcess]:
    process = await start_sandbox()
    yield process
    assert process.close() == 0


@pytest.fixture
async def cdp(sandbox: SandboxProcess) -> Cdp:
    await sandbox.reset()
    return new_cdp(sandbox)


@pytest.fixture
def leo(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """The command line finds the servers of these tests."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)


Types = Callable[..., Awaitable[str]]


@pytest.fixture
def types(
    leo: None,
    db: Database,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Types:
    """Type a command for the tenant, in a thread, for it runs a loop of its own; gives what it said as one line."""
    del leo, db  # the settings lead there, and the database exists before the command connects
    monkeypatch.setenv("COLUMNS", "200")

    async def type_(*words: str, ends_with: int = 0) -> str:
        code = await asyncio.to_thread(run, (*words, "--tenant", tenant.slug))
        said = capsys.readouterr()
        assert code == ends_with, said
        return " ".join((said.out + said.err).split())

    return type_


@pytest.fixture
def vault(settings: Settings) -> Vault:
    assert settings.credential_key
    return Vault(settings.credential_key.get_secret_value())


@pytest.fixture
async def adapters(settings: Settings) -> AsyncIterator[Adapters]:
    made = Adapters.of(settings)
    yield made
    await made.aclose()


@pytest.fixture
async def act(db: Database, tenant: Tenant, adapters: Adapters, sandbox: SandboxProcess) -> Act:
    await sandbox.reset()
    return Act(World(db, tenant), adapters, sandbox)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[ArqRedis]:
    """Redis as a bulk worker has it, with nothing in it."""
    found = lanes.connect(redis_url, lane=Lane.BULK)
    await found.flushdb()
    yield found
    await found.aclose()
