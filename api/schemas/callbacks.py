"""Stored callbacks, as the API shows them."""

from datetime import datetime
from typing import Self

from api.schemas.base import Output, example
from engine.callbacks import Callback, Reading, Status

_CALLBACK = {
    "callback_id": 7101,
    "channel_id": 12,
    "status": "unknown",
    "told": 1,
    "readings": 2,
    "new": 3,
    "duplicate": 0,
    "unknown": 1,
    "error": None,
    "received_at": "2026-05-01T09:00:00+07:00",
    "due_at": "2026-05-01T09:01:15+07:00",
}


class OutcomesOut(Output):
    """What a callback told: new outcomes, repeated ones, and those of messages that nobody here sent."""

    model_config = example({"new": 12, "duplicate": 0, "unknown": 0, "status": "read"})
    new: int
    duplicate: int
    unknown: int
    status: Status

    @classmethod
    def of(cls, reading: Reading) -> Self:
        recorded = reading.recorded
        return cls(new=recorded.new, duplicate=recorded.duplicate, unknown=recorded.unknown, status=reading.status)


class CallbackOut(Output):
    """One callback; `told` is how often it was posted, `due_at` when it is next read again automatically."""

    model_config = example(_CALLBACK)
    callback_id: int
    channel_id: int
    status: Status
    told: int
    readings: int
    new: int
    duplicate: int
    unknown: int
    error: str | None
    received_at: datetime
    due_at: datetime | None


class WholeCallback(CallbackOut):
    """A callback with the posted text; bytes that are not UTF-8 are replaced."""

    model_config = example(
        {**_CALLBACK, "body": '[{"event":"delivered"}]', "headers": {"content-type": "application/json"}}
    )
    body: str
    headers: dict[str, str]

    @classmethod
    def of(cls, callback: Callback) -> Self:
        shown = {name: getattr(callback, name) for name in CallbackOut.model_fields}
        return cls(**shown, body=callback.body.decode("utf-8", "replace"), headers=dict(callback.headers or {}))


class CallbackPage(Output):
    """Callbacks in the order of their ids; `next` is the `after` of the page that follows."""

    model_config = example({"items": [_CALLBACK], "next": None})
    items: list[CallbackOut]
    next: int | None
