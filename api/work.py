"""One request, one transaction: authenticate, authorise, do the work once, keep the answer; then ring the bells.

A route declares what it needs with `needs(...)`; `WorkRoute` does the rest around the endpoint. The answer is sent and
workers are told only after the commit.
"""

import hmac
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from api import throttle
from api.services import Bell, Services
from engine import idempotency, lines, tenants
from engine.db import PLATFORM, Transaction
from engine.segments import Started
from engine.tenants import Caller, Scope
from rules.errors import Forbidden, Unauthorized, Unavailable
from rules.words import Lane

KEY_HEADER = "Idempotency-Key"
PLATFORM_HEADER = "X-Platform-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
SOURCE_HEADER = "LEO-Read-From"
KEY_FIELD = "x-key-field"
LATE_FIELD = "x-may-be-late"
OWNER = "platform"
"""Needed instead of a scope by routes that only the platform's operator may use."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(slots=True)
class Work:
    """What an endpoint works with. `caller` is None if the platform's key was sent."""

    conn: Transaction
    services: Services
    caller: Caller | None
    bells: list[Bell] = field(default_factory=list)

    @property
    def tenant_id(self) -> UUID:
        """The caller's tenant, the only one this transaction can see."""
        return PLATFORM if self.caller is None else self.caller.tenant_id

    @property
    def who(self) -> str:
        """Name the caller for the record: the key, not its secret."""
        return "platform" if self.caller is None else f"API key {self.caller.api_key_id}"

    @property
    def holder(self) -> str:
        """Name the caller for a record that programs read: `key:<id>`, or "platform"."""
        return "platform" if self.caller is None else f"key:{self.caller.api_key_id}"

    async def author(self) -> str:
        """Name the caller as people know them: with the name of the key."""
        if self.caller is None:
            return self.who
        name = await tenants.name_of_key(self.conn, api_key_id=self.caller.api_key_id)
        return self.who if name is None else f"{name} ({self.who})"

    def ring(self, lane: Lane, batch_ids: tuple[int, ...]) -> None:
        """Tell the workers of a lane about batches, after the commit."""
        if batch_ids:
            self.bells.append(Bell(self.tenant_id, lane, batch_ids))

    def ring_started(self, started: Started) -> None:
        """Tell the workers about the batches that a segment's refresh started, after the commit."""
        for lane in Lane:
            self.ring(lane, started.of(lane))

    def ring_recheck(self) -> None:
        """Tell the workers, after the commit, that people's segments have to be checked again."""
        self.bells.append(Bell(self.tenant_id, Lane.REALTIME, is_recheck=True))

    def ring_tasks(self) -> None:
        """Tell the workers, after the commit, that an agent task can be worked on."""
        self.bells.append(Bell(self.tenant_id, Lane.REALTIME, is_task=True))


@dataclass(frozen=True, slots=True)
class Acting:
    """What an endpoint that calls a provider works with."""

    services: Services
    tenant_id: UUID
    caller: Caller | None
    reserved: idempotency.Reserved | None = None


async def _acting(request: Request) -> Acting:
    acting: Acting = request.scope["leo.acting"]
    return acting


async def _work(request: Request) -> Work:
    work: Work = request.scope["leo.work"]
    return work


Working = Annotated[Work, Depends(_work)]
ActingNow = Annotated[Acting, Depends(_acting)]


def needs(
    *allowed: Scope | str, is_secret: bool = False, key_field: str | None = None, may_be_late: bool = False
) -> dict[str, Any]:
    """Declare a route's scope, or OWNER; both the check and the contract read it from here.

    `is_secret`: the answer contains a secret, so the copy kept for a repeated request is encrypted. `key_field`: the
    field of the body that may hold the API key, for a caller that cannot send a header. `may_be_late`: the route only
    reads, and a replica may answer.
    """
    security: list[dict[str, list[str]]] = []
    for one in allowed:
        schemes = ("platformKey",) if one == OWNER else ("bearer", "apiKey")
        security.extend({scheme: [] if one == OWNER else [str(one)]} for scheme in schemes)
    needed: dict[str, Any] = {"security": security, "x-needs": [str(one) for one in allowed], "x-secret": is_secret}
    if may_be_late:
        needed[LATE_FIELD] = True
    # An empty requirement, because OpenAPI cannot express a key in the body.
    return needed if key_field is None else {**needed, "security": [*security, {}], KEY_FIELD: key_field}


class WorkRoute(APIRoute):
    """A route whose endpoint runs inside one authenticated transaction."""

    def get_route_handler(self) -> Handler:
        endpoint = super().get_route_handler()
        extra = self.openapi_extra or {}
        allowed = frozenset(extra["x-needs"])
        operation = self.operation_id or self.name

        async def handle(request: Request) -> Response:
            await _count(request, allowed)
            # Before a connection is taken, so that a slow sender does not hold one.
            body = await request.body()
            services: Services = request.app.state.services
            if LATE_FIELD in extra and request.headers.get("Cache-Control") != "no-cache":
                response = await _from_replica(request, services, allowed, endpoint)
                if response is not None:
                    return response
            async with services.db.before_tenant() as conn:
                work = await _admit(request, conn, services, allowed)
                request.scope["leo.work"] = work
                key = request.headers.get(KEY_HEADER) if request.method == "POST" else None
                if key is None:
                    response = await endpoint(request)
                else:
                    once = _named(request, work, operation, key, body)
                    response = await _once(request, work, once, endpoint, is_secret=extra["x-secret"])
            await services.ring(work.bells)
            return response

        return handle


class ActRoute(APIRoute):
    """A route whose endpoint calls a provider and commits before and after the call by itself.

    No connection is held during the call, so an Idempotency-Key is reserved first and completed at the end.
    """

    def get_route_handler(self) -> Handler:
        endpoint = super().get_route_handler()
        extra = self.openapi_extra or {}
        allowed = frozenset(extra["x-needs"])
        key_field = extra.get(KEY_FIELD)
        operation = self.operation_id or self.name

        async def handle(request: Request) -> Response:
            if key_field is None:
                await _count(request, allowed)
            body = await request.body()
            services: Services = request.app.state.services
            key = request.headers.get(KEY_HEADER)
            told = None if key_field is None else _key_in(body, key_field)
            if key_field is not None:
                await _count(request, allowed, told=told)
            async with services.db.before_tenant() as conn:
                work = await _admit(request, conn, services, allowed, told=told)
                once = None if key is None else _named(request, work, operation, key, body)
                given = None if once is None else await idempotency.claim(conn, once, services.vault)
                reserved = None if once is None or given is not None else await idempotency.reserve(conn, once)
            if given is not None:
                return _replayed(given)
            request.scope["leo.acting"] = Acting(services, work.tenant_id, work.caller, reserved)
            return await _reserved(services, once, endpoint, request)

        return handle


async def _from_replica(
    request: Request, services: Services, allowed: frozenset[str], endpoint: Handler
) -> Response | None:
    """Answer from the replica; None if there is none to read from, or if it failed meanwhile.

    The caller is authenticated on the primary, so that a revoked key opens nothing a moment longer.
    """
    replica = services.db.replica
    if replica is None:
        return None
    async with services.db.before_tenant() as conn:
        caller = (await _admit(request, conn, services, allowed)).caller
    if caller is None:
        return None
    try:
        async with replica.transaction(caller.tenant_id, read_only=True) as conn:
            request.scope["leo.work"] = Work(conn, services, caller)
            response = await endpoint(request)
    except Unavailable:
        return None
    response.headers[SOURCE_HEADER] = "replica"
    return response


async def _reserved(services: Services, once: idempotency.Once | None, endpoint: Handler, request: Request) -> Response:
    if once is None:
        return await endpoint(request)
    try:
        response = await endpoint(request)
    except Exception:
        # If the database is away, the key stays reserved for its minute; the first error is the one to report.
        with suppress(Unavailable):
            async with services.db.transaction(once.tenant_id) as conn:
                await idempotency.release(conn, once)
        raise
    async with services.db.transaction(once.tenant_id) as conn:
        await idempotency.complete(conn, once, _answer(response))
    return response


async def _once(
    request: Request, work: Work, once: idempotency.Once, endpoint: Handler, *, is_secret: bool
) -> Response:
    vault = work.services.vault
    given = await idempotency.claim(work.conn, once, vault)
    if given is not None:
        return _replayed(given)
    response = await endpoint(request)
    if work.caller is None:  # The platform's work may have entered a tenant.
        await tenants.enter(work.conn, PLATFORM)
    await idempotency.remember(work.conn, once, _answer(response), vault, is_secret=is_secret)
    return response


def _named(request: Request, work: Work, operation: str, key: str, body: bytes) -> idempotency.Once:
    # With the query, because a dry run is not the run.
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    asked = b"\n".join((request.method.encode(), place.encode(), body))
    return idempotency.once(tenant_id=work.tenant_id, operation=operation, key=key, asked=asked)


def _answer(response: Response) -> idempotency.Answer:
    return idempotency.Answer(response.status_code, bytes(response.body).decode())


def _replayed(given: idempotency.Answer) -> Response:
    return Response(given.body, given.status, media_type="application/json", headers={REPLAYED_HEADER: "true"})


async def _count(request: Request, allowed: frozenset[str], *, told: str | None = None) -> None:
    """Count the request before anything is done for it: by its key, or as a guess at the platform's key."""
    if request.headers.get(PLATFORM_HEADER) is not None and OWNER in allowed:
        await throttle.may_guess(request)
    else:
        await throttle.by_key(request, _key_of(request, allowed, told))


async def _admit(
    request: Request, conn: Transaction, services: Services, allowed: frozenset[str], *, told: str | None = None
) -> Work:
    """Let the caller in or raise; `told` is the key from the body, on a route that accepts one there."""
    platform_key = request.headers.get(PLATFORM_HEADER)
    if platform_key is not None and OWNER in allowed:
        if not hmac.compare_digest(platform_key.encode(), services.platform_key.encode()):
            raise Unauthorized("The platform key is wrong.", remedy=f"Send LEO_PLATFORM_KEY in {PLATFORM_HEADER}.")
        await tenants.enter(conn, PLATFORM)
        return Work(conn, services, None)
    caller = await tenants.authenticate(conn, _key_of(request, allowed, told))
    if not caller.scopes & allowed:
        wanted = " or ".join(sorted(allowed))
        raise Forbidden(f"This key may not do that: it needs the scope {wanted}.", remedy="Use a key with that scope.")
    lines.note(tenant=str(caller.tenant_id), key=caller.api_key_id)
    return Work(conn, services, caller)


def _key_of(request: Request, allowed: frozenset[str], told: str | None) -> str:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    key = given.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")
    key = key or told or ""
    if not key:
        header = PLATFORM_HEADER if allowed == {OWNER} else "Authorization: Bearer leo_... (or X-API-Key)"
        raise Unauthorized("The request carries no key.", remedy=f"Send {header}.")
    return key


def _key_in(body: bytes, field_name: str) -> str | None:
    """Read a key out of a body that has not been validated yet."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    key = document.get(field_name) if isinstance(document, dict) else None
    return key if isinstance(key, str) else None
