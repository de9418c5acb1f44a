"""The console in headless Chromium: the API on a socket of its own, a browser for the session, a shop to look at."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from api.app import app_with
from api.console import BUILT, FOLDER
from api.console.build import build, is_current
from api.services import Services
from engine.tenants import ALL_SCOPES, Scope, create_api_key
from rules.errors import LeoError
from tests.api.conftest import Callers
from tests.api.console.shop import Shop
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A machine that does much else is slow, not wrong.
PATIENCE_MS = 30_000
# What fades in has another contrast on its way.
STILL = {"reduced_motion": "reduce"}
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def built() -> Path:
    """The console as its sources are now."""
    if is_current():
        return BUILT
    try:
        return build()
    except (LeoError, subprocess.SubprocessError) as error:
        pytest.skip(f"The console cannot be built here, so there is nothing to look at: {error}")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("No Chromium was found on PATH, so the console cannot be looked at: install the package chromium.")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield opened
        await opened.close()


@asynccontextmanager
async def served(services: Services, *, knows_itself: bool = False) -> AsyncIterator[str]:
    """Serve the API on a socket of its own; gives where, which it knows itself where it has to send people back."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        if knows_itself:
            services = replace(services, settings=services.settings.model_copy(update={"public_url": url}))
        config = uvicorn.Config(app_with(services), log_level="warning", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[taken]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by an attribute alone
            await asyncio.sleep(0.01)
        yield url
        server.should_exit = True
        await serving


@pytest.fixture(scope="module")
async def url(built: Path, services: Services) -> AsyncIterator[str]:
    """Where the API listens, with the console at its root."""
    del built
    async with served(services) as address:
        yield address


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[SandboxProcess]:
    process = await start_sandbox()
    yield process
    process.close()


@pytest.fixture
async def shop(services: Services, tenant: Tenant, callers: Callers, sandbox: SandboxProcess) -> Shop:
    made = Shop(services, tenant, await callers.of(tenant))
    await made.open(sandbox)
    return made


class Desk:
    """Somebody with a browser and a key."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        # A refused request is told by the page itself; what is not meant to happen is a script or a policy failing.
        # That a message's own script was stopped is what its frame is for.
        meant = ("the server responded with", "Blocked script execution in 'about:srcdoc'")
        if message.type == "error" and not any(part in message.text for part in meant):
            self.errors.append(f"{message.text} at {message.location}")

    async def login(self, key: str, place: str = "people") -> None:
        await self.page.goto(f"{self.url}/#/{place}")
        await self.page.fill("#key", key)
        await self.page.press("#key", "Enter")
        await self.at(place)

    async def goto(self, place: str) -> None:
        await self.page.goto(f"{self.url}/#/{place}")
        await self.at(place)

    async def at(self, place: str) -> None:
        """Wait until the page of a place stands there whole: what is looked for may be on the one before as well."""
        await expect(self.page.locator("main")).to_have_attribute("data-address", f"#/{place}")
        await expect(self.page.locator("main h1")).to_be_visible()

    async def faults(self) -> list[str]:
        """Give the serious faults that axe finds on the page as it stands."""
        await self.page.evaluate(_axe())
        found = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['help']}: {node['html']} {node.get('failureSummary', '')}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"]
        ]


def _axe() -> str:
    return (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


class Desks:
    """Opens browsers for people with different keys and languages."""

    def __init__(self, browser: Browser, url: str, services: Services, tenant: Tenant) -> None:
        self._browser = browser
        self._url = url
        self._services = services
        self._tenant = tenant
        self._contexts: list[BrowserContext] = []
        self._desks: list[Desk] = []

    async def key(self, scopes: tuple[Scope, ...] = ALL_SCOPES) -> str:
        async with self._services.db.transaction(self._tenant.tenant_id) as conn:
            made = await create_api_key(conn, tenant_id=self._tenant.tenant_id, name="console", scopes=scopes)
        return made.secret

    async def of(
        self, *, language: str = "vi-VN", scopes: tuple[Scope, ...] = ALL_SCOPES, place: str = "people", **options: Any
    ) -> Desk:
        """Open a browser and log in."""
        desk = await self.anonymous(language=language, **options)
        await desk.login(await self.key(scopes), place)
        return desk

    async def anonymous(self, *, language: str = "vi-VN", **options: Any) -> Desk:
        """Open a browser, and load nothing."""
        settings = {"locale": language, "viewport": DESK, "timezone_id": "Asia/Ho_Chi_Minh", **STILL, **options}
        context = await self._browser.new_context(**settings)
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        desk = Desk(await context.new_page(), self._url)
        self._desks.append(desk)
        return desk

    async def close(self) -> list[str]:
        """Close all of them; gives what went wrong in their pages."""
        for context in self._contexts:
            await context.close()
        return [error for desk in self._desks for error in desk.errors]


@pytest.fixture
async def desks(browser: Browser, url: str, services: Services, tenant: Tenant) -> AsyncIterator[Desks]:
    """Browsers; the test fails where a page's script or policy did."""
    opened = Desks(browser, url, services, tenant)
    yield opened
    assert await opened.close() == []
