"""Connecting the channels that a tenant's messages go through."""

from fastapi import APIRouter

from api.schemas.channels import ChannelIn, ChannelOut, Channels
from api.work import Working, WorkRoute, needs
from engine import campaigns
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["channels"])


@router.post("/channels", status_code=201, operation_id="connectChannel", openapi_extra=needs(Scope.ADMIN))
async def connect_channel(body: ChannelIn, work: Working) -> ChannelOut:
    """Connect a channel, or give the one of this name new settings in place of all it had."""
    return _channel(
        await campaigns.connect_channel(work.conn, work.services.vault, tenant_id=work.tenant_id, **body.model_dump())
    )


@router.get("/channels", operation_id="listChannels", openapi_extra=needs(Scope.READ))
async def list_channels(work: Working) -> Channels:
    """List the tenant's channels, without their settings."""
    found = await campaigns.list_channels(work.conn, tenant_id=work.tenant_id)
    return Channels(items=[_channel(channel) for channel in found])


def _channel(channel: campaigns.Channel) -> ChannelOut:
    return ChannelOut(
        channel_id=channel.channel_id,
        kind=channel.kind,
        name=channel.name,
        status=channel.status,
        webhook=f"/webhooks/{channel.webhook_key}",
    )
