"""Whether the process is alive, whether it can work, and where to look first."""

from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field

from api.routes import console
from api.schemas.base import Output, example
from api.services import Services
from engine import metrics
from engine.readiness import readiness

router = APIRouter(tags=["health"])

_CONSOLE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"example": "<!doctype html>..."}}}}

_FIGURES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"example": 'leo_backlog_messages{lane="realtime",state="due"} 0.0'}}}
}


class Landing(Output):
    model_config = example({"name": "LEO Activation", "version": "0.1.0", "docs": "/docs", "openapi": "/openapi.json"})
    name: str
    version: str
    docs: str
    openapi: str


class Alive(Output):
    model_config = example({"status": "ok"})
    status: str


Standing = Literal["ready", "draining", "not_ready"]


class Ready(Output):
    """Without Redis the work is still found, by the workers' sweep, but later; `redis` and `reasons` say so."""

    model_config = example({"status": "ready", "database": "ok", "redis": "ok", "reasons": []})
    status: Standing
    database: Literal["ok", "away", "old"]
    redis: Literal["ok", "away"]
    reasons: list[str] = Field(description="What is wrong, a sentence each.")


_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "It cannot work, or it ends."}}


@router.get("/", operation_id="landing", response_model=Landing, responses=_CONSOLE)
async def landing(request: Request) -> Landing | Response:
    """Say what this is and where its documentation is; a browser gets the console."""
    if console.is_wanted(request):
        return console.start(request)
    return Landing(name="LEO Activation", version=version("leo-activation"), docs="/docs", openapi="/openapi.json")


@router.get("/healthz", operation_id="isAlive")
async def is_alive() -> Alive:
    """Answer as long as the process is alive; no server is asked."""
    return Alive(status="ok")


@router.get("/readyz", operation_id="isReady", responses=_NOT_READY)
async def is_ready(request: Request, response: Response) -> Ready:
    """Answer if requests can be handled; 503 with the reasons if not, or while this process is ending."""
    services: Services = request.app.state.services
    seen = await readiness(services.db, services.queues)
    status: Standing = "ready" if seen.is_ready else "not_ready"
    reasons = list(seen.reasons)
    if request.app.state.is_ending:
        status, reasons = "draining", [*reasons, "This process ends: it answers what was asked, and wants no more."]
    if status != "ready":
        response.status_code = 503
    return Ready(status=status, database=seen.database, redis=seen.redis, reasons=reasons)


@router.get("/metrics", operation_id="getMetrics", response_class=PlainTextResponse, responses=_FIGURES)
async def get_metrics(request: Request) -> Response:
    """Report all pending work and what this process did, for Prometheus; without naming any tenant."""
    services: Services = request.app.state.services
    client = request.client.host if request.client else None
    metrics.admit(services.settings, client=client, headers=request.headers)
    return Response(await services.figures.text(), media_type=metrics.CONTENT_TYPE)
