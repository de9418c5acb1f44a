"""Looking at one person: search, time line, what is allowed now, and what a message said."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.routes.explain import PersonKey
from api.routes.paging import PathId
from api.schemas.base import LARGEST_ID
from api.schemas.journeys import AllowedOut, FoundList, FoundOut, MessageOut, TimelineOut
from api.work import Working, WorkRoute, needs
from engine import journey
from engine.tenants import Scope
from rules.conditions import Language
from rules.errors import InvalidInput

router = APIRouter(route_class=WorkRoute, tags=["profiles"])

MOST_FOUND = 50
MOST_ENTRIES = 200


@router.get("/search/people", operation_id="searchPeople", openapi_extra=needs(Scope.READ, may_be_late=True))
async def search_people(
    work: Working,
    text: Annotated[str, Query(alias="q", min_length=1, max_length=255, description="A key, id, address or name.")],
    limit: Annotated[int, Query(ge=1, le=MOST_FOUND)] = 20,
) -> FoundList:
    """Find people by key or address (whole or prefix), id, or how words of the name begin; best matches first."""
    found, is_cut = await journey.search(work.conn, text, limit=limit)
    return FoundList(items=[FoundOut.model_validate(one) for one in found], is_cut=is_cut)


@router.get(
    "/profiles/{ext_id:path}/timeline", operation_id="getTimeline", openapi_extra=needs(Scope.READ, may_be_late=True)
)
async def get_timeline(
    ext_id: PersonKey,
    work: Working,
    before: Annotated[AwareDatetime | None, Query(description="Of the `next` of the page before.")] = None,
    before_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Of the same `next`.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 50,
) -> TimelineOut:
    """Show what happened with a person, newest first: events, decisions with their reasons, messages, outcomes."""
    found = await journey.timeline(work.conn, ext_id=ext_id, before=_before(before, before_id), limit=limit)
    return TimelineOut.of(found, limit)


@router.get(
    "/profiles/{ext_id:path}/allowed", operation_id="getAllowed", openapi_extra=needs(Scope.READ, may_be_late=True)
)
async def get_allowed(
    ext_id: PersonKey,
    work: Working,
    purpose: Annotated[str, Query(min_length=1, max_length=100)] = "marketing",
    language: Language = Language.EN,
) -> AllowedOut:
    """Say for each channel whether this person may be written to right now, and if not, why and until when."""
    found = await journey.allowed(work.conn, tenant_id=work.tenant_id, ext_id=ext_id, purpose=purpose)
    return AllowedOut.of(found, language)


@router.get(
    "/deliveries/{delivery_id}/message", operation_id="getMessage", openapi_extra=needs(Scope.READ, may_be_late=True)
)
async def get_message(delivery_id: PathId, work: Working) -> MessageOut:
    """Show a message as the person saw it, without its unsubscribe link."""
    return MessageOut.of(await journey.message(work.conn, delivery_id=delivery_id))


def _before(at: datetime | None, record_id: int | None) -> tuple[datetime, int] | None:
    if at is None and record_id is None:
        return None
    if at is None or record_id is None:
        raise InvalidInput("before and before_id come together.", remedy="Send both, as `next` has them.")
    return at, record_id
