"""Answers over HTTP, as read by every adapter that posts JSON or a form."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from channels.contract import (
    MayHaveLeft,
    NeverLeft,
    Receipt,
    ReceiptClass,
    ReceiptStatus,
    Request,
    Response,
    Secret,
    evidence,
    redact,
)
from channels.documents import DAY_S, document
from channels.facts import Answer
from channels.http import HttpClient

DETAIL_LIMIT = 500
# The headers that an adapter may need: when to try again, and the provider's name for the message.
KEPT_HEADERS = ("retry-after", "x-message-id", "location", "x-ratelimit-reset", "x-business-use-case-usage")


async def call(http: HttpClient, url: str, request: Request, *, body: bytes, headers: Mapping[str, str]) -> Response:
    """Post once and give the answer, or how the request ended; the kept headers are among its `ids`."""
    try:
        answer = await http.post(url, body, headers)
    except (NeverLeft, MayHaveLeft) as error:
        return Response.unanswered(error, ids=request.ids)
    kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    return Response(status=answer.status, body=document(answer), ids={**request.ids, **kept})


def accepted(response: Response, *, provider_id: str | None, raw: Mapping[str, Any]) -> Receipt:
    return Receipt(
        status=ReceiptStatus.ACCEPTED,
        klass=ReceiptClass.ACCEPTED,
        code=str(response.status),
        detail="ok",
        provider_id=provider_id,
        raw={"status": response.status, **raw},
    )


def refused(
    response: Response,
    answer: Answer | None,
    *,
    code: str,
    detail: str,
    secrets: Sequence[Secret],
    wait_s: float | None = None,
    is_refusal: bool = False,
) -> Receipt:
    """Give the receipt of an answer that did not accept the message; an answer unknown to the facts is kept whole.

    `wait_s` is how long to wait if the provider limits us without naming a time; `is_refusal` says that it refused
    although the HTTP status does not.
    """
    is_client_error = is_refusal or HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR
    unknown = ReceiptStatus.REJECTED if is_client_error else ReceiptStatus.UNCERTAIN
    klass = answer.klass if answer else ReceiptClass.UNKNOWN
    status = answer.status if answer else unknown
    wait = retry_after(response.ids)
    if wait is None and (klass is ReceiptClass.RATE_LIMITED or (answer is not None and answer.wait)):
        wait = wait_s
    return Receipt(
        status=status,
        klass=klass,
        code=code,
        detail=redact(detail, secrets)[:DETAIL_LIMIT],
        retry_after=wait if status is ReceiptStatus.RETRY else None,
        raw=evidence(response, secrets),
    )


def retry_after(ids: Mapping[str, str]) -> float | None:
    """Give the seconds of the header Retry-After; at most a day, whatever it says."""
    text = ids.get("retry-after", "")
    return min(float(text), DAY_S) if text.isascii() and text.isdigit() else None
