"""The application: routes, errors and contract put together. What it needs is opened when it starts."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import contract, problems
from api.envelope import Envelope
from api.routes import (
    activation,
    campaigns,
    channels,
    consents,
    console,
    cypher,
    data,
    decisions,
    events,
    explain,
    funnels,
    health,
    identity,
    imports,
    inbox,
    insight,
    journeys,
    letters,
    operations,
    policies,
    preferences,
    privacy,
    profiles,
    segments,
    snapshots,
    tasks,
    templates,
    tenants,
    tracking,
    unsubscribe,
    webhooks,
)
from api.services import Services
from engine.settings import Settings

ROUTERS = (
    health.router,
    console.router,
    tenants.router,
    channels.router,
    consents.router,
    consents.finishing,
    consents.returning,
    # Before profiles, whose keys may contain a slash.
    explain.router,
    journeys.router,
    privacy.router,
    profiles.router,
    identity.router,
    imports.router,
    events.router,
    segments.router,
    snapshots.router,
    data.router,
    templates.router,
    templates.trials,
    funnels.router,
    campaigns.router,
    policies.router,
    activation.router,
    tasks.router,
    operations.router,
    decisions.router,
    letters.router,
    cypher.asking,
    cypher.router,
    insight.router,
    webhooks.router,
    webhooks.inbox,
    inbox.router,
    unsubscribe.router,
    preferences.router,
    tracking.router,
)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application; servers are reached, or started if none are configured, when it starts up."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Services.open(settings or Settings.load()) as services:
            app.state.services = services
            yield

    return _build(lifespan)


def app_with(services: Services) -> FastAPI:
    """Make the application around services that are already open."""
    app = _build(None)
    app.state.services = services
    return app


def _build(lifespan: Lifespan | None) -> FastAPI:
    # The documentation page is served from a wheel, so that it works on a machine without the Internet.
    app = FastAPIOffline(
        title="LEO Activation",
        version=version("leo-activation"),
        summary="From customer data to an explained, delivered, traced action.",
        description=contract.DESCRIPTION,
        openapi_tags=contract.TAGS,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.is_ending = False
    for router in ROUTERS:
        app.include_router(router, responses=contract.RESPONSES)
    problems.install(app)
    app.add_middleware(Envelope)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = contract.document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to extend it
    return app
