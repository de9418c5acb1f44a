"""Callbacks of providers: each is verified to come from the provider before any of it is believed."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse

from api import throttle
from api.routes.paging import After, Limit, PathId, following
from api.schemas.callbacks import CallbackOut, CallbackPage, OutcomesOut, WholeCallback
from api.services import Bell, Services
from api.work import Working, WorkRoute, needs
from engine import callbacks, clock, webhooks
from engine.tenants import Scope
from rules.words import Lane

router = APIRouter(tags=["webhooks"], dependencies=[Depends(throttle.by_address)])
inbox = APIRouter(route_class=WorkRoute, tags=["webhooks"])

Key = Annotated[str, Path(max_length=100, description="The webhook key of a connected channel.")]
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"example": "1158201444"}}}}


@router.post("/webhooks/{key}", operation_id="receiveOutcomes")
async def receive_outcomes(key: Key, request: Request) -> OutcomesOut:
    """Take what a provider reports about messages (delivered, read, clicked, bounced), signed in that provider's way.

    A correctly signed callback is stored as it is and answered with 200, understood or not: it can be read again later.
    """
    body = await request.body()
    services: Services = request.app.state.services
    async with services.db.before_tenant() as conn:
        received = await webhooks.receive(
            conn, services.adapters, key=key, headers=request.headers, body=body, now=clock.now()
        )
    await _ring(services, received)
    return OutcomesOut.of(received.reading)


@router.get("/webhooks/{key}", operation_id="greetWebhook", response_class=PlainTextResponse, responses=_TEXT)
async def greet_webhook(key: Key, request: Request) -> PlainTextResponse:
    """Answer a provider that asks, with a token known to both sides, whether this address is ours (Facebook)."""
    services: Services = request.app.state.services
    async with services.db.before_tenant() as conn:
        return PlainTextResponse(await webhooks.greet(conn, services.adapters, key=key, query=request.query_params))


@inbox.get("/callbacks", operation_id="listCallbacks", openapi_extra=needs(Scope.READ))
async def list_callbacks(
    work: Working,
    status: Annotated[callbacks.Status | None, Query(description="Only those of this status.")] = None,
    after: After = 0,
    limit: Limit = 100,
) -> CallbackPage:
    """List the stored callbacks, in the order in which they came, without their bodies."""
    found = await callbacks.list_callbacks(work.conn, status=status, after=after, limit=limit)
    return CallbackPage(
        items=[CallbackOut.model_validate(one) for one in found],
        next=following([one.callback_id for one in found], limit),
    )


@inbox.get("/callbacks/{callback_id}", operation_id="getCallback", openapi_extra=needs(Scope.READ))
async def get_callback(callback_id: PathId, work: Working) -> WholeCallback:
    """Show a callback as it was posted. It contains what people wrote."""
    return WholeCallback.of(await callbacks.get_callback(work.conn, callback_id=callback_id))


@inbox.post("/callbacks/{callback_id}/replay", operation_id="replayCallback", openapi_extra=needs(Scope.WRITE))
async def replay_callback(callback_id: PathId, work: Working) -> OutcomesOut:
    """Read a callback again, as often as you like: what is already known is not stored twice."""
    reading = await callbacks.replay(
        work.conn,
        work.services.adapters,
        tenant_id=work.tenant_id,
        callback_id=callback_id,
        now=clock.now(),
    )
    work.ring(Lane.REALTIME, tuple(run.batch_id for run in reading.recorded.runs))
    return OutcomesOut.of(reading)


async def _ring(services: Services, received: webhooks.Received) -> None:
    batch_ids = tuple(run.batch_id for run in received.reading.recorded.runs)
    if batch_ids:
        await services.ring([Bell(received.tenant_id, Lane.REALTIME, batch_ids)])
