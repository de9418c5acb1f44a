"""Events: each is stored once, and the people they trigger campaigns for are decided for at once."""

from fastapi import APIRouter

from api.schemas.people import EventOut, Events, EventsOut, TriggeredRun
from api.work import Working, WorkRoute, needs
from engine import events
from engine.tenants import Scope
from rules.words import Lane

router = APIRouter(route_class=WorkRoute, tags=["events"])


@router.post("/events", status_code=202, operation_id="recordEvents", openapi_extra=needs(Scope.WRITE))
async def record_events(body: Events, work: Working) -> EventsOut:
    """Store one event or a list of up to 500: all of them, or none if one is malformed or names an unknown person.

    An active campaign that the event's type triggers decides for its person within a second.
    """
    given = body if isinstance(body, list) else [body]
    documents = [event.model_dump(exclude_unset=True) for event in given]
    recorded = await events.record_events(work.conn, tenant_id=work.tenant_id, events=documents)
    work.ring(Lane.REALTIME, tuple(run.batch_id for run in recorded.runs))
    if recorded.rechecks:
        work.ring_recheck()
    return EventsOut(
        events=[EventOut.model_validate(event) for event in recorded.events],
        runs=[TriggeredRun.model_validate(run) for run in recorded.runs],
    )
