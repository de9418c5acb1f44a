"""The API as a process, and callers of it."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import api
from api.services import Services
from engine.settings import Settings
from engine.tenants import ALL_SCOPES, create_api_key
from tests.conftest import Tenant

ROOT = Path(api.__file__).parent.parent


def environment_of(settings: Settings, **changed: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LEO_")}
    return inherited | settings.environment() | changed


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(environment: dict[str, str]) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "api", cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 90)
        assert line, "it ended at once"
        yield line.decode().strip()
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def key_of(services: Services, tenant: Tenant) -> dict[str, str]:
    async with services.db.transaction(tenant.tenant_id) as conn:
        key = await create_api_key(conn, tenant_id=tenant.tenant_id, name="test", scopes=ALL_SCOPES)
    return {"Authorization": f"Bearer {key.secret}"}
