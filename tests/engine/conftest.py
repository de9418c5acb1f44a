"""What tests of the sync share: a sandbox for each module, a CDP for each test, the vault of these settings."""

from collections.abc import AsyncIterator

import pytest

from engine.credentials import Vault
from engine.settings import Settings
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.engine.cdp import Cdp, new_cdp


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[SandboxProcess]:
    process = await start_sandbox()
    yield process
    process.close()


@pytest.fixture
async def cdp(sandbox: SandboxProcess) -> Cdp:
    await sandbox.reset()
    return new_cdp(sandbox)


@pytest.fixture
def vault(settings: Settings) -> Vault:
    assert settings.credential_key
    return Vault(settings.credential_key.get_secret_value())
