"""The part of ArangoDB's HTTP interface that python-arango speaks: login, cursors, and a few words about itself."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from channels.sandbox.arango import queries
from channels.sandbox.arango.cursors import TTL_S, Cursor, Cursors
from channels.sandbox.arango.login import Logins
from channels.sandbox.arango.queries import ArangoError
from channels.sandbox.arango.worlds import Worlds
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.mail import HANG_S

VERSION = {"server": "arango", "license": "community", "version": "3.11.14"}
# ArangoDB's default, if the query does not say.
BATCH = 1_000
LONGEST_TTL_S = 600.0
JSON = "application/json; charset=utf-8"

_CURSOR_GONE = ArangoError(404, 1600, "cursor not found")
_WORDS = {401: (11, "not authorized to execute this request"), 503: (503, "service unavailable")}
_AT_ONCE = ("reply", "hang", "cut", "slow", "torn")
_SECOND_PAGE = 2

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ArangoApi:
    """All databases; each is a world, and its name is in the path."""

    def __init__(self, worlds: Worlds, faults: Faults) -> None:
        self._worlds = worlds
        self._faults = faults
        self._logins = Logins()
        self._cursors = Cursors()
        self._requests: Counter[str] = Counter()
        self._documents = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        database = "/_db/{database}"
        return [
            web.post("/_open/auth", _told(self._open)),
            web.post(f"{database}/_open/auth", _told(self._open)),
            web.get(f"{database}/_api/version", _told(self._version)),
            web.get(f"{database}/_api/collection", _told(self._collections)),
            web.post(f"{database}/_api/cursor", _told(self._first)),
            web.post(f"{database}/_api/cursor/{{cursor}}", _told(self._next)),
            web.put(f"{database}/_api/cursor/{{cursor}}", _told(self._next)),
            web.delete(f"{database}/_api/cursor/{{cursor}}", _told(self._close)),
        ]

    def stats(self) -> Mapping[str, Any]:
        """Give requests by query (`next_page` for pages after the first) and the number of items returned."""
        return {"requests": dict(sorted(self._requests.items())), "documents": self._documents}

    def clear(self) -> None:
        """Close the cursors, reset the counts, and make every world as it was at first."""
        self._cursors.clear()
        self._requests.clear()
        self._documents = 0
        self._worlds.clear()

    # --- about itself ---

    async def _open(self, request: web.Request) -> web.StreamResponse:
        document = await _document(request)
        username, password = str(document.get("username")), str(document.get("password"))
        if not any((one.username, one.password) == (username, password) for one in self._worlds.options()):
            raise ArangoError(401, 401, "Wrong credentials")
        return web.json_response({"jwt": self._logins.token(username)})

    async def _version(self, request: web.Request) -> web.StreamResponse:
        self._database(request)
        return web.json_response(VERSION)

    async def _collections(self, request: web.Request) -> web.StreamResponse:
        self._database(request)
        result = [
            {"id": str(place), "name": name, "status": 3, "type": 2, "isSystem": False}
            for place, name in enumerate(queries.COLLECTIONS, start=100)
        ]
        return web.json_response({"error": False, "code": 200, "result": result})

    # --- cursors ---

    async def _first(self, request: web.Request) -> web.StreamResponse:
        database, document = self._database(request), await _document(request)
        name, values = queries.name_of(str(document.get("query"))), document.get("bindVars") or {}
        if not isinstance(values, dict):
            raise ArangoError(400, 600, "expecting object for <bindVars>")
        batch = _number(document, "batchSize", BATCH, most=queries.MOST_KEYS)
        ttl_s = _number(document, "ttl", TTL_S, most=LONGEST_TTL_S)
        self._requests[name] += 1
        fault = self._faults.take_for_query("arango", query=name, modes=_AT_ONCE)
        if fault is not None and (failed := await _before(request, fault)) is not None:
            return failed
        found = queries.answer(self._worlds.world(database), name, values)
        is_dead = len(found) >= _SECOND_PAGE and self._expires(name)
        # A cursor is to expire: whatever the page size, this answer gets a second page that can be lost.
        batch = min(int(batch), (len(found) + 1) // 2) if is_dead else int(batch)
        cursor = None
        if len(found) > batch:
            rest = found[batch:]
            cursor = self._cursors.open(rest, database=database, query=name, batch=batch, ttl_s=ttl_s, dead=is_dead)
        count = len(found) if document.get("count") else None
        return await self._answer(request, found[:batch], cursor, fault, code=201, count=count)

    async def _next(self, request: web.Request) -> web.StreamResponse:
        database, cursor_id = self._database(request), request.match_info["cursor"]
        cursor = self._cursors.find(cursor_id, database)
        if cursor is None:
            raise _CURSOR_GONE
        if self._expires(cursor.query):
            self._cursors.close(cursor_id)
            raise _CURSOR_GONE
        self._requests["next_page"] += 1
        fault = self._faults.take_for_query("arango", query=cursor.query, modes=_AT_ONCE)
        if fault is not None and (failed := await _before(request, fault)) is not None:
            return failed
        page = self._cursors.take(cursor)
        return await self._answer(request, page, cursor if cursor.rest else None, fault, code=200)

    async def _close(self, request: web.Request) -> web.StreamResponse:
        cursor_id = request.match_info["cursor"]
        if self._cursors.find(cursor_id, self._database(request)) is None:
            raise _CURSOR_GONE
        self._cursors.close(cursor_id)
        return web.json_response({"id": cursor_id, "error": False, "code": 202}, status=202)

    async def _answer(
        self,
        request: web.Request,
        page: Sequence[str],
        cursor: Cursor | None,
        fault: PlannedFault | None,
        *,
        code: int,
        count: int | None = None,
    ) -> web.StreamResponse:
        self._documents += len(page)
        rest = {"hasMore": cursor is not None, "cached": False, "extra": {"warnings": [], "stats": _stats(len(page))}}
        rest |= {} if cursor is None else {"id": cursor.cursor_id}
        rest |= {} if count is None else {"count": count}
        after = json.dumps(rest | {"error": False, "code": code}).removeprefix("{")
        # See generated.written: these characters are the bytes.
        body = f'{{"result":[{",".join(page)}],{after}'.encode("latin-1")
        if fault is not None and fault.mode == "cut":
            return await _cut(request, body)
        if fault is not None and fault.mode == "torn":
            body = body[: len(body) // 2]
        return web.Response(body=body, status=code, headers={"Content-Type": JSON})

    def _expires(self, query: str) -> bool:
        return self._faults.take_for_query("arango", query=query, modes=("expired",)) is not None

    def _database(self, request: web.Request) -> str:
        """Give the database in the path, if the caller may read it; raises ArangoError."""
        name = request.match_info["database"]
        options = self._worlds.find(name)
        if options is None:
            raise ArangoError(404, 1228, "database not found")
        if not self._logins.may_enter(request.headers.get("Authorization", ""), options.username, options.password):
            raise ArangoError(401, 11, "not authorized to execute this request")
        return name


def _told(handler: Handler) -> Handler:
    """Report an error in ArangoDB's form."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ArangoError as error:
            return _error(error)

    return handle


def _error(error: ArangoError, *, retry_after: int | None = None) -> web.Response:
    document = {"error": True, "code": error.status, "errorNum": error.number, "errorMessage": error.message}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.json_response(document, status=error.status, headers=headers)


async def _before(request: web.Request, fault: PlannedFault) -> web.StreamResponse | None:
    """Do what a failure does instead of an answer; None if it only delays or spoils one."""
    if fault.mode == "reply":
        number, words = _WORDS.get(fault.status, (fault.status, "internal error"))
        return _error(ArangoError(fault.status, number, fault.text or words), retry_after=fault.retry_after)
    if fault.mode == "hang":
        await asyncio.sleep(fault.delay or HANG_S)
        if request.transport is not None:
            request.transport.abort()
        return _error(ArangoError(500, 4, "connection dropped"))
    if fault.mode == "slow":
        await asyncio.sleep(fault.delay)
        if request.transport is None or request.transport.is_closing():
            # Nobody waits for it any more, so it must not use up the failure planned for the next caller.
            return _error(ArangoError(500, 4, "connection dropped"))
    return None


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    """Promise the whole answer, send half of it and close."""
    response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": str(len(body))})
    response.force_close()
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _document(request: web.Request) -> Mapping[str, Any]:
    try:
        document = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise ArangoError(400, 600, "failed to parse JSON") from error
    if not isinstance(document, dict):
        raise ArangoError(400, 600, "expecting a JSON object")
    return document


def _number(document: Mapping[str, Any], name: str, otherwise: float, *, most: float) -> float:
    value = document.get(name)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ArangoError(400, 9, f"expecting a number above 0 for <{name}>")
    return min(value, most)


def _stats(items: int) -> Mapping[str, Any]:
    return {"writesExecuted": 0, "writesIgnored": 0, "scannedFull": 0, "scannedIndex": items, "filtered": 0}
