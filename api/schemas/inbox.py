"""The inbox on a web site, as it goes in and out."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from api.schemas.base import Id, Input, Output, example

EventId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"^[^\x00]*$")]
_BUTTONS = [
    {"title": "Xem đơn", "url": "https://hoasen.example/don/90017"},
    {"title": "Gọi lại cho tôi", "reply": "call"},
]
LETTER = {
    "message_id": 5012,
    "subject": "Chào chị Mai",
    "text": "Đơn hàng của chị đang trên đường.",
    "link": "https://hoasen.example/don/90017",
    "buttons": _BUTTONS,
    "created_at": "2026-05-01T09:00:00+00:00",
}


class ButtonIn(Input):
    """A button: where a press leads, or what it answers."""

    model_config = example(_BUTTONS[0])
    title: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
    url: Annotated[str, StringConstraints(max_length=2_048, pattern=r"^https?://[^\x00]*$")] | None = None
    reply: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def _leads_or_answers(self) -> Self:
        if (self.url is None) == (self.reply is None):
            raise ValueError("a button has a url or a reply, and not both")
        return self


class PostedIn(Input):
    """One message, as the channel's adapter posts it."""

    model_config = example(
        {
            "event_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "address": "kh-1",
            "subject": LETTER["subject"],
            "text": LETTER["text"],
            "link": LETTER["link"],
            "buttons": _BUTTONS,
        }
    )
    event_id: EventId
    address: Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
    subject: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] | None = None
    text: Text
    link: Annotated[str, StringConstraints(max_length=2_048, pattern=r"^https?://[^\x00]*$")] | None = None
    buttons: list[ButtonIn] = Field(default_factory=list, max_length=10)


class KeptOut(Output):
    """Where a message is stored; `duplicate`: it was there before."""

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
    buttons: list[dict[str, str]]
    created_at: datetime


class ReadIn(Input):
    """Everything up to this message was seen."""

    model_config = example({"up_to": 5012})
    up_to: Id


class ReadOut(Output):
    """How many messages were unseen before; a request marks 500 at most, so ask again for more."""

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
