"""Whether the process lives, whether it can work, and where to look first."""

from importlib.metadata import version

from fastapi import APIRouter, Request
from redis.exceptions import RedisError

from api.schemas.base import Output, example
from api.services import Services

router = APIRouter(tags=["health"])


class Landing(Output):
    model_config = example({"name": "LEO Activation", "version": "0.1.0", "docs": "/docs", "openapi": "/openapi.json"})
    name: str
    version: str
    docs: str
    openapi: str


class Alive(Output):
    model_config = example({"status": "ok"})
    status: str


class Ready(Output):
    """Without Redis the work is done too, found by the workers' sweep: slower, so it is told."""

    model_config = example({"status": "ready", "database": "ok", "redis": "ok"})
    status: str
    database: str
    redis: str


@router.get("/", operation_id="landing")
async def landing() -> Landing:
    """Say what this is and where its documentation is."""
    return Landing(name="LEO Activation", version=version("leo-activation"), docs="/docs", openapi="/openapi.json")


@router.get("/healthz", operation_id="isAlive")
async def is_alive() -> Alive:
    """Answer while the process lives; it looks at no server."""
    return Alive(status="ok")


@router.get("/readyz", operation_id="isReady")
async def is_ready(request: Request) -> Ready:
    """Answer where requests can be worked on; 503 where the database is away."""
    services: Services = request.app.state.services
    async with services.db.before_tenant() as conn:
        await conn.execute("SELECT 1")
    try:
        await services.queues.ping()
    except (RedisError, OSError):
        return Ready(status="ready", database="ok", redis="away")
    return Ready(status="ready", database="ok", redis="ok")
