"""The inbox on a web site, as it goes in and out."""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from api.schemas.base import Id, Input, Output, example

EventId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"^[^\x00]*$")]
LETTER = {
    "message_id": 5012,
    "subject": "Chào chị Mai",
    "text": "Đơn hàng của chị đang trên đường.",
    "link": "https://hoasen.example/don/90017",
    "created_at": "2026-05-01T09:00:00+00:00",
}


class PostedIn(Input):
    """One message, as the channel's adapter posts it."""

    model_config = example(
        {
            "event_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "address": "kh-1",
            "subject": LETTER["subject"],
            "text": LETTER["text"],
            "link": LETTER["link"],
        }
    )
    event_id: EventId
    address: Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
    subject: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] | None = None
    text: Text
    link: Annotated[str, StringConstraints(max_length=2_048, pattern=r"^https?://[^\x00]*$")] | None = None


class KeptOut(Output):
    """Where a message stands; `duplicate`: it was there before."""

    model_config = example({"message_id": 5012, "duplicate": False})
    message_id: int
    duplicate: bool


class LetterOut(Output):
    """A message as its visitor sees it."""

    model_config = example(LETTER)
    message_id: int
    subject: str | None
    text: str
    link: str | None
    created_at: datetime


class ReadIn(Input):
    """What was seen: everything up to this message."""

    model_config = example({"up_to": 5012})
    up_to: Id


class ReadOut(Output):
    """How many messages were not seen before; beyond 500 in one request, ask again."""

    model_config = example({"read": 2})
    read: int


class ReplyIn(Input):
    """What a visitor wrote; the same `id` again is the same reply."""

    model_config = example({"id": "b1f6", "text": "Mấy giờ giao ạ?"})
    id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    text: Text


class ReplyOut(Output):
    """Whether the reply was new."""

    model_config = example({"new": True})
    new: bool
