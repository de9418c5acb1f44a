"""What a channel is: the values that pass through an adapter and the protocol every adapter keeps.

A message is sent in three steps, `build` (pure), `send` (the only I/O) and `parse` (pure); nothing here does I/O.
`send` raises nothing for what the wire does: it returns a `Response`, with a `Fault` where no answer came.

    LeoError
      ProviderError
        Unsupported     build: the message cannot be expressed on this channel; nothing was sent
        NeverLeft       http: the request did not reach the provider; safe to send again
        MayHaveLeft     http: it may have reached the provider; never send again blindly
      Unauthorized
        SignatureInvalid  verify: a callback was not signed by whom it should be
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from rules import faults
from rules.errors import LeoError, Unauthorized
from rules.words import Channel, OutcomeType

REDACTED = "***"
EVIDENCE_LIMIT = 4096
"""Characters of a provider's answer stored with an attempt: enough for any error document seen, small in a table."""


class ReceiptStatus(StrEnum):
    """What became of one attempt."""

    ACCEPTED = "accepted"
    """The provider took the message and is responsible for it."""
    REJECTED = "rejected"
    """The provider refused it for good; sending the same again cannot help."""
    RETRY = "retry"
    """It was not sent, and may be sent again later."""
    UNCERTAIN = "uncertain"
    """Nobody here knows; sending again may deliver it twice."""


class ReceiptClass(StrEnum):
    """Why, in words that are the same for all providers."""

    ACCEPTED = "accepted"
    INVALID_ADDRESS = "invalid_address"
    """No such person there, or the address is malformed."""
    BLOCKED = "blocked"
    """The person, or the provider on their behalf, wants nothing from us."""
    NOT_RECEIVING = "not_receiving"
    """The person cannot be written to now (away, an old app, had enough for today); this need not last."""
    WINDOW_CLOSED = "window_closed"
    """The person has not been heard of for so long that the provider lets nobody write first."""
    RATE_LIMITED = "rate_limited"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a reason
    """Our credential is refused, so every message of the channel would be."""
    PERMISSION_DENIED = "permission_denied"
    """Our sender may not do this (policy, TLS, scope); it is not about the person."""
    TOO_LARGE = "too_large"
    BAD_REQUEST = "bad_request"
    PROVIDER_DOWN = "provider_down"
    UNKNOWN = "unknown"


UNSENT: Mapping[str, ReceiptClass] = {
    "tls": ReceiptClass.PERMISSION_DENIED,
    "no_token": ReceiptClass.TOKEN_EXPIRED,
    "inside": ReceiptClass.PERMISSION_DENIED,
}
"""Why a request got no answer, if it is not that the provider is away."""


class Fault(StrEnum):
    """How a request without an answer ended."""

    NEVER_LEFT = "never_left"
    MAY_HAVE_LEFT = "may_have_left"


class ProviderError(LeoError):
    """The provider could not be asked, or not asked this; `code` is one word for the cause."""

    code = "provider_error"
    retryable = False


class Unsupported(ProviderError):
    """The message cannot be expressed on this channel."""

    code = "unsupported"

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        klass: ReceiptClass = ReceiptClass.BAD_REQUEST,
        fault: faults.Fault | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, fault=fault)
        self.klass = klass

    @property
    def receipt(self) -> "Receipt":
        """The receipt of an attempt that was not made."""
        return Receipt(status=ReceiptStatus.REJECTED, klass=self.klass, code=self.code, detail=str(self))


class _Unanswered(ProviderError):
    """A request without an answer; `cause` is one snake_case word such as refused, timeout or cut."""

    def __init__(self, message: str, *, remedy: str, cause: str) -> None:
        super().__init__(message, remedy=remedy)
        self.cause = cause


class NeverLeft(_Unanswered):
    """The request did not reach the provider."""

    code = "never_left"
    retryable = True


class MayHaveLeft(_Unanswered):
    """The request may have reached the provider."""

    code = "may_have_left"


class SignatureInvalid(Unauthorized):
    """A callback whose signature is missing, wrong or too old."""

    code = "signature_invalid"


class Secret:
    """A credential that logs, repr, pickle and JSON do not show."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return REDACTED

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One rendered message to one address; `event_id` is the delivery's 64 hex digits.

    `html` is markup in the channel's own dialect, already escaped; `data` is what only this channel understands.
    """

    delivery_id: int
    event_id: str
    channel: Channel
    address: str
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    unsubscribe_url: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What goes over the wire, without any credential.

    `target` is the mailbox for e-mail and the path below the provider's base URL for HTTP; `sender` is the SMTP
    envelope sender; `ids` are the identifiers known before sending.
    """

    event_id: str
    target: str
    body: bytes
    sender: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """The provider's answer: HTTP status or SMTP reply code; or 0, with a `fault` and its cause as `body`."""

    status: int
    body: Mapping[str, Any] | str
    ids: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None

    @classmethod
    def unanswered(cls, error: NeverLeft | MayHaveLeft, *, ids: Mapping[str, str]) -> "Response":
        fault = Fault.NEVER_LEFT if isinstance(error, NeverLeft) else Fault.MAY_HAVE_LEFT
        return cls(status=0, body={"cause": error.cause, "detail": error.message}, ids=ids, fault=fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The result of one attempt; `retry_after` is in seconds, `raw` is the answer without credentials.

    `provider_id` is unique per channel and may be named by an `Incoming.delivery_ref`.
    """

    status: ReceiptStatus
    klass: ReceiptClass
    code: str
    detail: str
    provider_id: str | None = None
    retry_after: float | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One thing that a provider told us.

    `provider_id` is unique per event, so that a repeated event is stored once; `type` is None if it is not an outcome;
    `delivery_ref` is the delivery's event_id (64 hex digits) or the `Receipt.provider_id`, if the provider names it;
    `event` is what the person did there (message, click, follow), also stored as the event `<channel>.<event>`;
    `up_to`: it is about everything sent to `address` until `at`; `soft`: a bounce that is not the address's fault.
    """

    provider_id: str
    type: OutcomeType | None
    at: datetime
    delivery_ref: str | None
    address: str | None
    raw: Mapping[str, Any] = field(default_factory=dict)
    event: str | None = None
    up_to: bool = False
    soft: bool = False


@runtime_checkable
class Adapter(Protocol):
    """One channel of one tenant, with its settings and connections."""

    channel: ClassVar[Channel]
    deduplicates: ClassVar[bool]
    """Whether the provider drops a second message with the same event_id."""

    def build(self, message: Message) -> Request:
        """Express the message on this channel, purely; raises Unsupported."""
        ...

    async def send(self, request: Request) -> Response:
        """Send once; the only I/O. Raises nothing for what the wire or the provider does."""
        ...

    def parse(self, response: Response) -> Receipt:
        """Read any answer, purely; never raises: what is not understood is UNKNOWN, with the raw answer kept."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check that a callback is the provider's; raises SignatureInvalid."""
        ...

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:
        """Read a verified callback; raises InvalidInput. Events that we have no word for are left out."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


def fault_receipt(response: Response) -> Receipt | None:
    """Give the receipt of a request without an answer; None if there is an answer."""
    if response.fault is None:
        return None
    body = response.body if isinstance(response.body, Mapping) else {"detail": response.body}
    cause = str(body.get("cause", response.fault))
    never_left = response.fault is Fault.NEVER_LEFT
    return Receipt(
        status=ReceiptStatus.RETRY if never_left else ReceiptStatus.UNCERTAIN,
        klass=UNSENT.get(cause, ReceiptClass.PROVIDER_DOWN),
        code=cause,
        detail=str(body.get("detail", "")),
        provider_id=response.ids.get("provider_id"),
        raw={"fault": str(response.fault), "cause": cause},
    )


def evidence(response: Response, secrets: Sequence[Secret]) -> dict[str, Any]:
    """Give the part of an answer that is stored with the attempt: bounded, JSON, and without credentials.

    An error page may repeat the URL it was asked for, and a URL may contain a credential.
    """
    try:
        text = json.dumps(response.body, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        text = json.dumps(f"an answer of type {type(response.body).__name__} that is no JSON")
    text = redact(text, secrets)
    body = json.loads(text) if len(text) <= EVIDENCE_LIMIT else text[:EVIDENCE_LIMIT]
    return {"status": response.status, "body": body}


def redact(text: str, secrets: Sequence[Secret]) -> str:
    """Replace each credential, in plain form and as JSON writes it."""
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), REDACTED)
            text = text.replace(json.dumps(secret.reveal(), ensure_ascii=False)[1:-1], REDACTED)
    return text
