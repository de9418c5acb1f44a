"""Deciding and acting for one person now."""

from fastapi import APIRouter

from api.schemas.activation import ActivateIn, ActivateOut
from api.work import ActingNow, ActRoute, needs
from engine.activate import activate_profile as decide_and_act
from engine.tenants import Scope

router = APIRouter(route_class=ActRoute, tags=["campaigns"])


@router.post("/activate/profile", operation_id="activateProfile", openapi_extra=needs(Scope.ACTIVATE))
async def activate_profile(body: ActivateIn, acting: ActingNow) -> ActivateOut:
    """Decide for one person under an active campaign, and send the result at once."""
    services = acting.services
    done = await decide_and_act(
        services.db,
        services.adapters,
        tenant_id=acting.tenant_id,
        campaign_id=body.campaign_id,
        ext_id=body.profile,
        gateway=services.gateway,
        reserved=acting.reserved,
    )
    return ActivateOut.model_validate(done)
