"""Connecting the channels that a tenant's messages are sent through."""

from datetime import timedelta

from fastapi import APIRouter

from api.routes.paging import PathId
from api.schemas.base import FaultOut
from api.schemas.channels import ChannelIn, ChannelOut, Channels, PauseIn, VisitorIn, VisitorOut
from api.work import Working, WorkRoute, needs
from engine import campaigns, clock, visitors
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["channels"])


@router.post("/channels", status_code=201, operation_id="connectChannel", openapi_extra=needs(Scope.ADMIN))
async def connect_channel(body: ChannelIn, work: Working) -> ChannelOut:
    """Connect a channel, or replace all settings of the channel with this name.

    Settings that lead into the network of this installation are refused, and so are names of files on its machine.
    """
    work.services.adapters.egress.check_settings(body.settings)
    return shown(
        await campaigns.connect_channel(work.conn, work.services.vault, tenant_id=work.tenant_id, **body.model_dump())
    )


@router.get("/channels", operation_id="listChannels", openapi_extra=needs(Scope.READ))
async def list_channels(work: Working) -> Channels:
    """List the tenant's channels, without their settings."""
    found = await campaigns.list_channels(work.conn, tenant_id=work.tenant_id)
    return Channels(items=[shown(channel) for channel in found])


@router.post("/channels/{channel_id}/pause", operation_id="pauseChannel", openapi_extra=needs(Scope.ADMIN))
async def pause_channel(channel_id: PathId, body: PauseIn, work: Working) -> ChannelOut:
    """Send nothing through a channel until it is resumed: its messages wait, or another channel stands in."""
    return shown(
        await campaigns.pause_channel(
            work.conn, tenant_id=work.tenant_id, channel_id=channel_id, reason=f"paused: {body.reason}"
        )
    )


@router.post("/channels/{channel_id}/resume", operation_id="resumeChannel", openapi_extra=needs(Scope.ADMIN))
async def resume_channel(channel_id: PathId, work: Working) -> ChannelOut:
    """Send through a channel again at once, whatever paused or held it."""
    return shown(await campaigns.resume_channel(work.conn, tenant_id=work.tenant_id, channel_id=channel_id))


@router.post("/channels/{channel_id}/renew", operation_id="renewToken", openapi_extra=needs(Scope.ADMIN))
async def renew_token(channel_id: PathId, work: Working) -> ChannelOut:
    """Have the channel's OAuth token checked within seconds, and renewed if possible.

    A channel that was paused because of its token continues by itself; otherwise `reason` says what a person has to do.
    """
    return shown(await campaigns.ask_for_token(work.conn, tenant_id=work.tenant_id, channel_id=channel_id))


@router.post(
    "/channels/{channel_id}/visitors",
    status_code=201,
    operation_id="admitVisitor",
    openapi_extra=needs(Scope.WRITE, is_secret=True),
)
async def admit_visitor(channel_id: PathId, body: VisitorIn, work: Working) -> VisitorOut:
    """Give a person who is logged in to your web site a short-lived token for the inbox there."""
    admitted = await visitors.admit(
        work.conn,
        work.services.vault,
        tenant_id=work.tenant_id,
        channel_id=channel_id,
        ext_id=body.ext_id,
        valid_for=timedelta(seconds=body.ttl_s),
        now=clock.now(),
    )
    return VisitorOut.model_validate(admitted)


def shown(channel: campaigns.Channel) -> ChannelOut:
    """Give a channel without its settings."""
    return ChannelOut(
        channel_id=channel.channel_id,
        kind=channel.kind,
        name=channel.name,
        status=channel.status,
        failover=channel.failover,
        reason=channel.reason,
        why=None if channel.why is None else FaultOut.of(channel.why),
        held_until=channel.held_until,
        sandbox=channel.sandbox,
        token_ends_at=channel.token_ends_at,
        token_warning=channel.token_warning,
        warning=None if channel.warning is None else FaultOut.of(channel.warning),
        webhook=f"/webhooks/{channel.webhook_key}",
    )
