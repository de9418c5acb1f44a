"""Outcomes that a sender's own systems tell: a JSON array, signed as in `channels.signature`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from channels import signature
from channels.callbacks.document import load
from channels.contract import Incoming, Secret
from channels.http import HttpClient
from channels.options import Options
from rules.errors import InvalidInput
from rules.words import OutcomeType

# The words of the sandbox and of common senders; others (deferred, processed) are not outcomes.
OUTCOMES: Mapping[str, OutcomeType] = {
    "delivered": OutcomeType.DELIVERED,
    "read": OutcomeType.READ,
    "open": OutcomeType.READ,
    "opened": OutcomeType.READ,
    "clicked": OutcomeType.CLICKED,
    "click": OutcomeType.CLICKED,
    "replied": OutcomeType.REPLIED,
    "visited": OutcomeType.VISITED,
    "bought": OutcomeType.BOUGHT,
    "unsubscribed": OutcomeType.UNSUBSCRIBED,
    "unsubscribe": OutcomeType.UNSUBSCRIBED,
    "bounced": OutcomeType.BOUNCED,
    "bounce": OutcomeType.BOUNCED,
    "complained": OutcomeType.COMPLAINED,
    "spamreport": OutcomeType.COMPLAINED,
}


class ToldByOwnServer:
    """Half of an adapter, for a provider that reports nothing: clicks and opens come from the sender's own server."""

    deduplicates: ClassVar[bool] = False
    _http: HttpClient

    def __init__(self, options: Options, clock: Callable[[], float]) -> None:
        self._webhook_secret: Secret | None = options.optional_secret("webhook_secret")
        self._webhook_max_age_s = options.number("webhook_max_age_s", 300.0, least=1.0, most=86_400.0)
        self._clock = clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        signature.verify(self._webhook_secret, headers, body, now=self._clock(), max_age_s=self._webhook_max_age_s)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:  # noqa: ARG002
        """Read what the sender's own server tells, in the form of `read_outcomes`."""
        return read_outcomes(body)

    async def aclose(self) -> None:
        await self._http.aclose()


def read_outcomes(body: bytes) -> Sequence[Incoming]:
    """Read `[{"id", "event_id", "type", "at" (ISO 8601), "address"?}]`; raises InvalidInput naming the item."""
    told = load(body)
    if not isinstance(told, list):
        raise InvalidInput("The callback is no array.", remedy="Post a JSON array of outcomes.")
    incoming = (_incoming(index, item) for index, item in enumerate(told))
    return [outcome for outcome in incoming if outcome is not None]


def _incoming(index: int, item: Any) -> Incoming | None:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise _bad_item(index, "it is no object with a type")
    kind = OUTCOMES.get(item["type"])
    if kind is None:
        return None
    for name in ("id", "event_id"):
        if not isinstance(item.get(name), str) or not item[name]:
            raise _bad_item(index, f"it lacks its {name}")
    address = item.get("address")
    return Incoming(
        provider_id=item["id"],
        type=kind,
        at=_instant(index, item.get("at")),
        delivery_ref=item["event_id"],
        address=address if isinstance(address, str) else None,
        raw=item,
    )


def _instant(index: int, value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        is_whole = at.tzinfo is not None
        in_utc = at.astimezone(UTC)
    except (OverflowError, TypeError, ValueError) as error:
        raise _bad_item(index, "its at is no ISO 8601 time") from error
    if not is_whole:
        raise _bad_item(index, "its at has no zone")
    return in_utc


def _bad_item(index: int, reason: str) -> InvalidInput:
    return InvalidInput(f"Item {index} of the callback is wrong: {reason}.", remedy="Correct it and post it again.")
