"""Every error as a problem document (RFC 9457): one table from the tree of errors to a status.

`type` is `urn:problem-type:leo:<code>`. Beside the standard members a problem has `code`, `remedy` and `request_id`;
one about the body has `errors`, each with the field and what is wrong with it, as a kind and in each language. The
details of a server's failure stay in the log, under the request id.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api import throttle, wording
from rules.errors import (
    Changed,
    Conflict,
    Forbidden,
    InvalidInput,
    LeoError,
    Misconfigured,
    NotFound,
    TooMany,
    Unauthorized,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[type[LeoError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Changed: HTTPStatus.PRECONDITION_FAILED,
    Conflict: HTTPStatus.CONFLICT,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Misconfigured: HTTPStatus.INTERNAL_SERVER_ERROR,
    LeoError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
REMEDIES: Mapping[int, str] = {
    400: "Send JSON that can be read.",
    404: "See /openapi.json for the addresses there are.",
    405: "Use a method named in the header Allow.",
    408: "Send the body at once.",
    413: "Send less at once.",
}
CODES: Mapping[int, str] = {413: "too_large"}
RETRY_AFTER_S = 1
MOST_ERRORS = 50

log = logging.getLogger(__name__)


def status_of(error: LeoError) -> HTTPStatus:
    """Give the status of an error: that of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    request: Request,
    status: int,
    *,
    code: str,
    detail: str,
    remedy: str,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write a problem document."""
    document: dict[str, Any] = {
        "type": f"urn:problem-type:leo:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "remedy": remedy,
        "request_id": request.scope.get("leo.request_id"),
    }
    if errors is not None:
        document["errors"] = list(errors)
    content = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def unexpected(request: Request) -> Response:
    """Answer an error that nobody foresaw, revealing nothing about it."""
    return problem(
        request,
        500,
        code="internal",
        detail="Something failed here that should not have.",
        remedy="Tell the operator the request_id: the log has it.",
    )


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(LeoError, _on_leo_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_leo_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, LeoError):
        return unexpected(request)
    if isinstance(error, Unauthorized):
        try:
            await throttle.refused(request)
        except TooMany as enough:
            error = enough
    status = status_of(error)
    request_id = request.scope.get("leo.request_id")
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("%s (request %s)", error, request_id)
        return problem(
            request,
            status,
            code=error.code,
            detail="A server that is needed cannot be used now.",
            remedy="Try again.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s (request %s)", error, request_id, exc_info=error)
        return unexpected(request)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    if isinstance(error, TooMany):
        headers = {"Retry-After": str(math.ceil(error.wait_s))}
    return problem(
        request,
        status,
        code=error.code,
        detail=error.message,
        remedy=error.remedy,
        errors=[wording.of_fault(one) for one in error.faults[:MOST_ERRORS]] or None,
        headers=headers,
    )


async def _on_invalid(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [wording.of_pydantic(one) for one in found[:MOST_ERRORS]]
    first = f": {errors[0]['field']}: {errors[0]['message']}" if errors else ""
    return problem(
        request,
        422,
        code=InvalidInput.code,
        detail=f"The request is malformed{first}.",
        remedy="Correct the fields named in errors.",
        errors=errors,
    )


async def _on_http(request: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    phrase = HTTPStatus(status).phrase
    detail = {404: f"There is nothing at {request.url.path}.", 405: f"{request.method} is not possible here."}
    return problem(
        request,
        status,
        code=CODES.get(status, phrase.lower().replace(" ", "_")),
        detail=detail.get(status, str(getattr(error, "detail", phrase))),
        remedy=REMEDIES.get(status, "Correct the request."),
        headers=headers,
    )
