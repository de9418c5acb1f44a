"""What a person may ask for by law: a copy of what is kept of them, and that it is erased."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.schemas.privacy import ErasedOut, EraseIn, ExportOut
from api.work import Working, WorkRoute, needs
from engine import privacy
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["profiles"])

PersonKey = Annotated[str, Path(min_length=1, max_length=255, description="A profile's ext_id.")]


@router.get("/profiles/{ext_id:path}/export", operation_id="exportProfile", openapi_extra=needs(Scope.READ))
async def export_profile(ext_id: PersonKey, work: Working) -> ExportOut:
    """Give all that is kept of one person, as they may ask for it."""
    return ExportOut.model_validate(await privacy.export_profile(work.conn, ext_id=ext_id))


@router.post("/profiles/{ext_id:path}/erase", operation_id="eraseProfile", openapi_extra=needs(Scope.WRITE))
async def erase_profile(ext_id: PersonKey, body: EraseIn, work: Working) -> ErasedOut:
    """Empty a person of all that tells who it is; what was recorded stays without it. It cannot be taken back."""
    return ErasedOut.model_validate(
        await privacy.erase_profile(work.conn, ext_id=ext_id, reason=body.reason, by=work.who)
    )
