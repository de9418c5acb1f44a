"""The inbox of the sandbox: it accepts what our own API accepts, signed with any key, and shows it to nobody."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from channels import buttons, facts
from channels.sandbox.callback import Sent
from channels.sandbox.control import read_json
from channels.sandbox.failing import fail
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.record import Record
from channels.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER

FACTS = facts.load("chat")
LIMITS = buttons.Limits.of(FACTS)
CREATED, REPEATED, UNSIGNED, WRONG = 201, 200, 401, 422


class InboxApi:
    """An inbox that keeps the ids of what it took, so that a repeated message is taken once."""

    def __init__(self, record: Record, faults: Faults, *, on_message: Callable[[Sent], None]) -> None:
        self._record = record
        self._faults = faults
        self._on_message = on_message
        self._taken: dict[str, int] = {}

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/inbox/{key}/messages", self.take)]

    def clear(self) -> None:
        self._taken.clear()

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /inbox/<key>/messages`."""
        if not all(request.headers.get(name) for name in (TIMESTAMP_HEADER, SIGNATURE_HEADER)):
            return _error(UNSIGNED, "The callback lacks its signature.")
        message = await read_json(request)
        if not _is_message(message):
            return _error(WRONG, "The message is wrong.")
        fault = self._faults.take("chat", address=message["address"])
        if fault is not None and not fault.keep:
            return await fail(request, fault, _planned)
        known = self._taken.get(message["event_id"])
        number = self._keep(message) if known is None else known
        if fault is not None:
            return await fail(request, fault, _planned)
        return web.json_response(
            {"message_id": number, "duplicate": known is not None}, status=CREATED if known is None else REPEATED
        )

    def _keep(self, message: Mapping[str, Any]) -> int:
        event_id, address = message["event_id"], message["address"]
        number = self._record.add(
            event_id=event_id,
            channel="chat",
            address=address,
            subject=message.get("subject"),
            text=message["text"],
            buttons=message.get("buttons", ()),
        )
        self._taken[event_id] = number
        self._on_message(Sent(event_id, "chat", address))
        return number


def _is_message(given: Any) -> bool:
    if not isinstance(given, Mapping):
        return False
    is_whole = all(isinstance(given.get(name), str) and given[name] for name in ("event_id", "address", "text"))
    has_buttons = not list(buttons.problems(given.get("buttons", []), LIMITS))
    return is_whole and has_buttons and len(given["text"]) <= FACTS.limit("text_characters")


def _planned(fault: PlannedFault) -> web.Response:
    return _error(fault.status, fault.text or "As planned.")


def _error(status: int, detail: str) -> web.Response:
    return web.json_response({"status": status, "detail": detail}, status=status)
