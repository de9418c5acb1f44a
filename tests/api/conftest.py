"""The application on real servers, in this process, callers with keys, and a sandbox for each module."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import httpx
import pytest

from api.app import app_with
from api.services import Services
from engine.db import Database
from engine.settings import Settings
from engine.tenants import ALL_SCOPES, create_api_key
from tests.api.story import campaign, connect_mail, decide_all, ok
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant


@pytest.fixture(scope="module")
async def services(settings: Settings, db: Database) -> AsyncIterator[Services]:
    del db  # its database exists before the application connects
    async with Services.open(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[SandboxProcess]:
    running = await start_sandbox()
    yield running
    assert running.close() == 0


@pytest.fixture(scope="module")
async def anybody(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without any key."""
    transport = httpx.ASGITransport(app_with(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
        yield client


class Callers:
    """Makes callers of a tenant with the scopes asked for."""

    def __init__(self, services: Services, stack: AsyncExitStack) -> None:
        self._services = services
        self._stack = stack

    async def of(
        self, tenant: Tenant, scopes: Sequence[str] = ALL_SCOPES, *, services: Services | None = None
    ) -> httpx.AsyncClient:
        async with self._services.db.transaction(tenant.tenant_id) as conn:
            key = await create_api_key(conn, tenant_id=tenant.tenant_id, name="test", scopes=scopes)
        return await self._stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app_with(services or self._services)),
                base_url="http://api.example",
                headers={"Authorization": f"Bearer {key.secret}"},
            )
        )


@pytest.fixture
async def callers(services: Services) -> AsyncIterator[Callers]:
    async with AsyncExitStack() as stack:
        yield Callers(services, stack)


@pytest.fixture
async def caller(callers: Callers, tenant: Tenant) -> httpx.AsyncClient:
    """A caller of `tenant` who may do everything."""
    return await callers.of(tenant)


@pytest.fixture
async def stranger(callers: Callers, other_tenant: Tenant) -> httpx.AsyncClient:
    """A caller of another tenant who may do everything there."""
    return await callers.of(other_tenant)


@pytest.fixture
async def campaign_id(caller: httpx.AsyncClient, services: Services, tenant: Tenant) -> int:
    """A campaign that has decided to write to one person, whose message is queued."""
    await connect_mail(services, tenant)
    made = await campaign(caller)
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    await decide_all(services, tenant)
    return int(made["campaign_id"])
