"""The public interface of a generated CDP's observer: events come in, each under a new key, as LEO CDP does it.

`tokenkey` is the name of the world's database, `tokenvalue` its password. A repeated event is stored a second time:
it is the sender who has to see to it that there is none.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from channels.sandbox.arango.worlds import Worlds
from channels.sandbox.failing import fail
from channels.sandbox.faults import Faults, PlannedFault

BAD_TOKEN = "ACCESS_TOKEN_VALUE to the CDP API is not valid !"  # noqa: S105 - what LEO CDP answers
NEEDED = "metric"
MOST_KEPT = 100_000
_WHO = ("primary_email", "primary_phone", "crm_ref_id", "social_media_ids")


class Observer:
    """Events of all worlds, in memory."""

    def __init__(self, worlds: Worlds, faults: Faults) -> None:
        self._worlds = worlds
        self._faults = faults
        self._events: dict[str, list[dict[str, Any]]] = {}

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/api/event/save", self._save),
            web.get("/api/event/list", self._list),
            web.get("/_sandbox/cdp/{database}/events", self._told),
        ]

    def clear(self) -> None:
        self._events.clear()

    async def _save(self, request: web.Request) -> web.StreamResponse:
        try:
            document = json.loads(await request.read())
        except (ValueError, RecursionError):
            document = None
        fault = self._faults.take("cdp", address=_person(document))
        if fault is not None and not fault.keep:
            return await fail(request, fault, _refusal)
        database = self._database(request)
        if database is None:
            return _answer(None, code=500, message=BAD_TOKEN)
        if not isinstance(document, dict) or not document.get(NEEDED):
            return _answer(None, code=500, message=f"{NEEDED} is empty")
        key = secrets.token_urlsafe(16)
        kept = self._events.setdefault(database, [])
        kept.append({"_key": key, **document})
        del kept[:-MOST_KEPT]
        if fault is not None:
            return await fail(request, fault, _refusal)
        return _answer(key)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        """Give a person's events, newest first."""
        database = self._database(request)
        if database is None:
            return _answer(None, code=500, message=BAD_TOKEN)
        fault = self._faults.take("cdp", address=request.query.get("primary_email", ""), stage="list")
        if fault is not None:
            return await fail(request, fault, _refusal)
        who = {name: request.query[name] for name in _WHO if request.query.get(name)}
        found = [
            {"_key": one["_key"], "metricName": one["metric"], "eventData": one.get("event_data", {})}
            for one in reversed(self._events.get(database, []))
            if who and any(one.get(name) == value for name, value in who.items())
        ]
        start, number = (_number(request, name, other) for name, other in (("start_index", 0), ("number_result", 10)))
        return _answer(found[start : start + number])

    async def _told(self, request: web.Request) -> web.StreamResponse:
        """`GET /_sandbox/cdp/<database>/events`: everything that was told, in order."""
        return web.json_response({"events": self._events.get(request.match_info["database"], [])})

    def _database(self, request: web.Request) -> str | None:
        """Give the world that the token belongs to."""
        name, value = request.headers.get("tokenkey", ""), request.headers.get("tokenvalue", "")
        options = self._worlds.find(name)
        return name if options is not None and value and value == options.password else None


def _person(document: Any) -> str:
    return str(document.get("primary_email", "")) if isinstance(document, dict) else ""


def _number(request: web.Request, name: str, otherwise: int) -> int:
    value = request.query.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else otherwise  # noqa: PLR2004


def _answer(data: Any, *, code: int = 0, message: str = "") -> web.Response:
    """The envelope: what failed says so inside, and the status is 200 all the same."""
    envelope: Mapping[str, Any] = {
        "uri": "",
        "data": data,
        "errorMessage": message,
        "errorCode": code,
        "httpCode": code or 200,
        "canEditData": False,
        "canInsertData": False,
        "canDeleteData": False,
        "canSetAuthorization": False,
        "staticBaseUrl": "",
    }
    return web.json_response(envelope)


def _refusal(fault: PlannedFault) -> web.Response:
    status = fault.status or 500
    answer = _answer(None, code=status, message=fault.text or "internal error")
    answer.set_status(status)
    return answer
