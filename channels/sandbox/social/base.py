"""What the emulators of social channels share: the record, planned failures, windows, tokens and requests a minute."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from channels.sandbox import failing
from channels.sandbox.callback import Sent
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.record import Record
from channels.sandbox.social.tokens import Token, Tokens
from channels.sandbox.social.windows import Minutes, Windows

DELIVERY_HEADER = "X-LEO-Delivery"


class Refused(Exception):
    """An error as the provider writes it: its code (with Facebook's subcode after a slash) and its sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(slots=True)
class Town:
    """One world for all social emulators."""

    record: Record
    faults: Faults
    on_message: Callable[[Sent], None]
    windows: Windows = field(default_factory=Windows)
    tokens: Tokens = field(default_factory=Tokens)
    minutes: Minutes = field(default_factory=Minutes)
    number: int = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def clear(self) -> None:
        for part in (self.windows, self.tokens, self.minutes):
            part.clear()

    def told_later(self, request: web.Request, arrival: "Arrival", provider: str, message_id: str) -> None:
        """Schedule what people do with an accepted message."""
        event_id = request.headers.get(DELIVERY_HEADER) or message_id
        address = arrival.address
        self.on_message(Sent(event_id, arrival.channel, address, provider=provider, message_id=message_id))

    def check_token(self, kind: str, value: str, *, invalid: Refused, ended: Refused) -> Token | None:
        """Give the token, or None if any is accepted; raises the provider's error for a bad one."""
        if not value:
            raise invalid
        if not self.tokens.has_apps(kind):
            return None
        token = self.tokens.find(value)
        if token is None or token.app.kind != kind:
            raise invalid
        if not token.is_live:
            token.refusals += 1
            raise ended
        token.uses += 1
        return token


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it arrived."""

    channel: str
    address: str
    text: str
    buttons: tuple[Mapping[str, str], ...] = ()


async def deliver(
    town: Town,
    request: web.Request,
    arrival: Arrival,
    *,
    accepted: Callable[[], web.Response],
    refused: Callable[[Refused, int], web.Response],
) -> web.StreamResponse:
    """Record a message and answer, or do what was planned to go wrong with it."""
    fault = town.faults.take(arrival.channel, address=arrival.address)
    if fault is not None and not fault.keep:
        return await fail(request, fault, refused)
    event_id = request.headers.get(DELIVERY_HEADER)
    town.record.add(
        event_id=event_id,
        channel=arrival.channel,
        address=arrival.address,
        subject=None,
        text=arrival.text,
        buttons=arrival.buttons,
    )
    if fault is not None:
        return await fail(request, fault, refused)
    return accepted()


async def fail(
    request: web.Request, fault: PlannedFault, refused: Callable[[Refused, int], web.Response]
) -> web.StreamResponse:
    """Answer with the planned code, with plain HTTP if there is none, or not at all."""

    def answer(planned: PlannedFault) -> web.Response:
        if planned.code:
            return refused(Refused(planned.code, planned.text or "planned"), planned.status)
        return web.Response(status=planned.status, text=planned.text or "<h1>planned</h1>", content_type="text/html")

    return await failing.fail(request, fault, answer)


async def fields(request: web.Request) -> Mapping[str, Any]:
    """Read a body of JSON or a form together with the query; empty where there is none."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            document = json.loads(await request.read())
        except (ValueError, RecursionError):
            return given
        return {**given, **document} if isinstance(document, dict) else given
    return {**given, **dict(await request.post())}
