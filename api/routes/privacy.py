"""What a person may demand by law: a copy of their data, and its erasure."""

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
    """Export everything that is stored about one person, as they may demand."""
    return ExportOut.model_validate(await privacy.export_profile(work.conn, ext_id=ext_id))


@router.post("/profiles/{ext_id:path}/erase", operation_id="eraseProfile", openapi_extra=needs(Scope.WRITE))
async def erase_profile(ext_id: PersonKey, body: EraseIn, work: Working) -> ErasedOut:
    """Erase everything that identifies a person; records stay without it. This cannot be undone."""
    return ErasedOut.model_validate(
        await privacy.erase_profile(work.conn, ext_id=ext_id, reason=body.reason, by=work.who)
    )
