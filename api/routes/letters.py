"""Dead letters: list and count them, queue them again, settle them."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.routes.paging import After, Limit, following
from api.schemas.base import LARGEST_ID
from api.schemas.letters import (
    LetterCount,
    LetterCounts,
    LetterOut,
    LetterPage,
    RedriveIn,
    ResolveIn,
    SettledOne,
    SettledOut,
)
from api.work import Working, WorkRoute, needs
from engine import clock
from engine.dispatch import letters
from engine.tenants import Scope
from rules.errors import InvalidInput
from rules.words import Channel, DeliveryStatus

router = APIRouter(route_class=WorkRoute, tags=["deliveries"])

CampaignId = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only of this campaign.")]
Klass = Annotated[str | None, Query(max_length=50, description="Only of this class, such as provider_down.")]


@router.get("/dead-letters", operation_id="listDeadLetters", openapi_extra=needs(Scope.READ))
async def list_letters(
    work: Working,
    status: DeliveryStatus | None = None,
    campaign: CampaignId = None,
    channel: Channel | None = None,
    klass: Klass = None,
    after: After = 0,
    limit: Limit = 100,
) -> LetterPage:
    """List messages that failed, were given up or may have arrived, and that nobody has settled yet."""
    if status is not None and status not in letters.DEAD_LETTERS:
        raise InvalidInput(f"A dead letter is never {status}.", remedy=f"Use {', '.join(letters.DEAD_LETTERS)}.")
    found = await letters.list_letters(
        work.conn,
        statuses=letters.DEAD_LETTERS if status is None else [status],
        campaign_id=campaign,
        channel=channel,
        klass=klass,
        after=after,
        limit=limit,
    )
    items = [LetterOut.model_validate(letter) for letter in found]
    return LetterPage(items=items, next=following([letter.delivery_id for letter in found], limit))


@router.get("/dead-letters/counts", operation_id="countDeadLetters", openapi_extra=needs(Scope.READ))
async def count_letters(work: Working) -> LetterCounts:
    """Count them by status, channel and class."""
    found = await letters.count_letters(work.conn)
    return LetterCounts(items=[LetterCount.model_validate(count) for count in found])


@router.post("/dead-letters/redrive", operation_id="redriveDeadLetters", openapi_extra=needs(Scope.ACTIVATE))
async def redrive(body: RedriveIn, work: Working) -> SettledOut:
    """Queue messages again if they may still be sent: consent, suppression and address count as they are now."""
    now = clock.now()
    return _settled(
        await letters.redrive(work.conn, delivery_ids=body.delivery_ids, now=now, may_double=body.may_double)
    )


@router.post("/dead-letters/resolve", operation_id="resolveDeadLetters", openapi_extra=needs(Scope.ACTIVATE))
async def resolve(body: ResolveIn, work: Working) -> SettledOut:
    """Settle messages: an uncertain one arrived or was lost, a failed one is closed."""
    return _settled(
        await letters.resolve(
            work.conn,
            delivery_ids=body.delivery_ids,
            resolution=body.resolution,
            by=work.holder,
            note=body.note,
            now=clock.now(),
        )
    )


def _settled(settled: list[letters.Settled]) -> SettledOut:
    return SettledOut(items=[SettledOne.model_validate(one) for one in settled])
