"""What providers tell: each callback is checked to be the provider's before a word of it is believed."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.schemas.decisions import OutcomesOut
from api.services import Services
from engine import webhooks

router = APIRouter(tags=["webhooks"])


@router.post("/webhooks/{key}", operation_id="receiveOutcomes")
async def receive_outcomes(
    key: Annotated[str, Path(max_length=100, description="The webhook key of a connected channel.")], request: Request
) -> OutcomesOut:
    """Take what a provider tells of messages (delivered, read, clicked, bounced), signed as that provider signs."""
    body = await request.body()
    services: Services = request.app.state.services
    async with services.db.before_tenant() as conn:
        told = await webhooks.receive(conn, services.adapters, key=key, headers=request.headers, body=body)
    return OutcomesOut.model_validate(told)
