"""The inbox on a tenant's web site: the channel's adapter puts messages in, visitors' browsers take them out.

A browser comes from the web site's own origin with nothing but a token and no cookie, so any origin may ask.
"""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import throttle
from api.schemas.base import LARGEST_ID
from api.schemas.inbox import LETTER, KeptOut, LetterOut, PostedIn, ReadIn, ReadOut, ReplyIn, ReplyOut
from api.services import Bell, Services
from engine import clock, inbox, visitors
from engine.db import Transaction
from engine.visitors import Visitor
from rules.errors import Unauthorized
from rules.words import Lane

router = APIRouter(tags=["inbox"], dependencies=[Depends(throttle.by_address)])

EVENTS = "text/event-stream"
BUSY_MS = 60_000
NOT_KEPT = {"Cache-Control": "no-store"}
_ALLOWED = {
    **NOT_KEPT,
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
    "Access-Control-Expose-Headers": "Retry-After",
    "Access-Control-Max-Age": "86400",
}
_EXAMPLE = f"id: {LETTER['message_id']}\nevent: message\ndata: {json.dumps(LETTER, ensure_ascii=False)}\n\n"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events: `id` is the message's, `data` the message as JSON; a comment each 15 s.",
        "content": {EVENTS: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}

Key = Annotated[str, Path(max_length=100, description="The last part of the inbox's path.")]
LastEventId = Annotated[
    int, Header(ge=0, le=LARGEST_ID, alias="Last-Event-ID", description="Only messages after this one.")
]


def _token(
    authorization: Annotated[str, Header(max_length=2_000, description="Bearer and the visitor's token.")] = "",
    token: Annotated[str, Query(max_length=2_000, description="The token, for EventSource, which sends none.")] = "",
) -> str:
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else token


Token = Annotated[str, Depends(_token)]


@router.options("/inbox/{key}/{part}", include_in_schema=False)
async def allow_site(key: Key, part: str) -> Response:
    """Allow a browser to call from the web site's origin."""
    del key, part
    return Response(status_code=204, headers=_ALLOWED)


@router.post("/inbox/{key}/messages", status_code=201, operation_id="putInInbox")
async def put_in_inbox(key: Key, body: PostedIn, request: Request, response: Response) -> KeptOut:
    """Store a message for its visitor, signed by the channel's own adapter; each event id is stored once."""
    services: Services = request.app.state.services
    now = clock.now()
    async with services.db.before_tenant() as conn:
        place = await visitors.enter(conn, services.vault, key=key)
        inbox.check(place, request.headers, await request.body(), now=now)
        kept = await inbox.put(conn, place, inbox.Posted(**body.model_dump(exclude_none=True)), now=now)
    # Also if it was already stored: whoever stored it may have died before telling the others.
    await services.streams.tell(place.place(body.address))
    response.status_code = 200 if kept.duplicate else 201
    return KeptOut.model_validate(kept)


@router.get("/inbox/{key}/stream", operation_id="openInbox", responses=_STREAM, response_class=StreamingResponse)
async def open_inbox(key: Key, token: Token, request: Request, last_event_id: LastEventId = 0) -> StreamingResponse:
    """Stream what the visitor has not seen, and every new message; it ends with the token or after an hour."""
    services: Services = request.app.state.services
    async with services.db.before_tenant() as conn:
        visitor = await _visitor(conn, services, key, token)
    stream = _events(services, visitor, last_event_id)
    return StreamingResponse(stream, media_type=EVENTS, headers={**NOT_KEPT, "X-Accel-Buffering": "no"})


@router.post("/inbox/{key}/read", operation_id="readInbox")
async def read_inbox(key: Key, token: Token, body: ReadIn, request: Request, response: Response) -> ReadOut:
    """Store that the visitor has seen everything up to a message; each becomes the outcome `read` of its delivery."""
    services: Services = request.app.state.services
    async with services.db.before_tenant() as conn:
        visitor = await _visitor(conn, services, key, token)
        seen = await inbox.read(conn, visitor, up_to=body.up_to, now=clock.now())
    response.headers.update(NOT_KEPT)
    return ReadOut(read=seen)


@router.post("/inbox/{key}/reply", operation_id="replyInInbox")
async def reply_in_inbox(key: Key, token: Token, body: ReplyIn, request: Request, response: Response) -> ReplyOut:
    """Store what the visitor wrote: the outcome `replied` of the newest message there, and the event `chat.message`."""
    services: Services = request.app.state.services
    async with services.db.before_tenant() as conn:
        visitor = await _visitor(conn, services, key, token)
        await throttle.reply(request, visitor)
        told = await inbox.reply(conn, visitor, reply_id=body.id, text=body.text, now=clock.now())
    batch_ids = tuple(run.batch_id for run in told.runs)
    if batch_ids:
        await services.ring([Bell(visitor.tenant_id, Lane.REALTIME, batch_ids)])
    response.headers.update(NOT_KEPT)
    return ReplyOut(new=told.new > 0)


async def _visitor(conn: Transaction, services: Services, key: str, token: str) -> Visitor:
    if not token:
        raise Unauthorized("The request carries no visitor's token.", remedy="Send Authorization: Bearer <token>.")
    place = await visitors.enter(conn, services.vault, key=key)
    return visitors.verify(place, token, now=clock.now())


async def _events(services: Services, visitor: Visitor, after: int) -> AsyncIterator[str]:
    with services.streams.one(visitor.place) as opened:
        if opened is None:
            # Milliseconds after which a browser reconnects by itself.
            yield f"retry: {BUSY_MS}\n: too many streams\n\n"
            return
        # Sent first, so that a browser knows at once that it is connected.
        yield ": open\n\n"
        async for letter in inbox.follow(services.db, visitor, opened, after=after):
            yield ": still here\n\n" if letter is None else _told(letter)


def _told(letter: inbox.Letter) -> str:
    data = json.dumps(LetterOut.model_validate(letter).model_dump(mode="json"), ensure_ascii=False)
    return f"id: {letter.message_id}\nevent: message\ndata: {data}\n\n"
