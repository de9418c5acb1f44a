"""Connecting an account by consent: begun here, agreed to at the provider, finished by whoever began it."""

from html import escape
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from api import throttle
from api.pages import HEADERS, UNKNOWN, page
from api.routes.channels import shown
from api.schemas.channels import BegunOut, ChannelOut, ConsentIn, FinishIn
from api.services import Services
from api.work import Acting, ActingNow, ActRoute, Working, WorkRoute, needs
from engine import clock, consents
from engine.processes.table import public_url
from engine.tenants import Scope
from rules.errors import Unauthorized

router = APIRouter(route_class=WorkRoute, tags=["channels"])
finishing = APIRouter(route_class=ActRoute, tags=["channels"])
returning = APIRouter(tags=["channels"], dependencies=[Depends(throttle.by_address)])

# The part after # is sent to no server, not even this one.
_CONSOLE = "/#/channels/zalo"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    303: {"description": "To the console, which finishes it with the key of whoever began it."},
    **UNKNOWN,
}


@router.post(
    "/channels/zalo/consents",
    status_code=201,
    operation_id="beginConsent",
    openapi_extra=needs(Scope.ADMIN, is_secret=True),
)
async def begin_consent(body: ConsentIn, work: Working) -> BegunOut:
    """Begin the consent of a Zalo Official Account (authorization code with PKCE): 15 minutes, once, by this key.

    An administrator of the account opens `url`; Zalo has to know `redirect_uri`. Settings that lead into the network of
    this installation are refused.
    """
    settings = {**body.settings, "app_id": body.app_id, "app_secret": body.app_secret.get_secret_value()}
    work.services.adapters.egress.check_settings(settings)
    begun = await consents.begin(
        work.conn,
        work.services.vault,
        work.services.states,
        tenant_id=work.tenant_id,
        kind=body.kind,
        name=body.name,
        settings=settings,
        redirect_uri=_redirect_uri(work.services),
        by=work.who,
        now=clock.now(),
    )
    return BegunOut.model_validate(begun)


@finishing.post(
    "/channels/zalo/consents/finish",
    status_code=201,
    operation_id="finishConsent",
    openapi_extra=needs(Scope.ADMIN),
)
async def finish_consent(body: FinishIn, acting: ActingNow) -> ChannelOut:
    """Exchange the returned code for tokens and connect the channel; only by the key that began the consent, once."""
    services = acting.services
    channel = await consents.finish(
        services.db,
        services.vault,
        services.states,
        tenant_id=acting.tenant_id,
        state=body.state,
        code=body.code,
        by=_who(acting),
        egress=services.adapters.egress,
        now=clock.now(),
    )
    return shown(channel)


@returning.get(
    consents.RETURN_PATH,
    operation_id="returnFromZalo",
    response_class=RedirectResponse,
    status_code=HTTPStatus.SEE_OTHER,
    responses=_ANSWERS,
)
async def return_from_zalo(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=2_000)] = "",
) -> Response:
    """Send an administrator who consented on to the console. This changes nothing and leads nowhere else."""
    services: Services = request.app.state.services
    try:
        services.states.read(state, now=clock.now())
    except Unauthorized:
        return _said("No consent was begun here, or it took too long. Begin it again in the console.")
    if not code:
        return _said("Zalo sent no code: the consent was not given. Begin it again in the console.")
    return RedirectResponse(
        f"{_CONSOLE}?{urlencode({'state': state, 'code': code})}", HTTPStatus.SEE_OTHER, headers=dict(HEADERS)
    )


def _redirect_uri(services: Services) -> str:
    return public_url(services.settings).rstrip("/") + consents.RETURN_PATH


def _who(acting: Acting) -> str:
    """Name the caller's key as `Work.who` does."""
    return "platform" if acting.caller is None else f"API key {acting.caller.api_key_id}"


def _said(english: str) -> Response:
    body = (
        "<p>Không có lần uỷ quyền nào đang chờ ở đây. Hãy bắt đầu lại trong trang quản trị.</p>\n"
        f'<p lang="en" class="second">{escape(english)}</p>'
    )
    return page("Chưa kết nối Zalo", body, status=HTTPStatus.NOT_FOUND)
