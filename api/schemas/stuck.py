"""Taking up stuck work again: the request, and the record of it."""

from typing import Annotated

from annotated_types import Len
from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Id, Input, Note, Output, example
from engine.stuck import What

_TAKE_UP = {
    "take_up_id": 9100,
    "what": "run",
    "record_id": 801,
    "reason": "The policy was mended.",
    "asked_by": "API key 12",
    "stood": {"kind": "snapshot", "status": "running", "batches_done": 3, "batches_left": 1, "decided": 1500},
    "refused": None,
    "moved": 1,
    "created_at": "2026-05-01T02:10:00Z",
}
PUT_OFF = {
    "batch_id": 901,
    "run_id": 801,
    "kind": "snapshot",
    "campaign_id": 301,
    "campaign_name": "Ưu đãi tháng 5",
    "setbacks": 7,
    "due_at": "2026-05-01T02:11:00Z",
    "created_at": "2026-05-01T02:00:00Z",
}
UNTOLD = {
    "outbox_id": 950,
    "source": "cdp",
    "attempts": 12,
    "error": "HTTP 503",
    "is_given_up": True,
    "created_at": "2026-05-01T02:00:00Z",
}


class TakeUpIn(Input):
    """What to continue, and why."""

    model_config = example({"what": "run", "record_id": 801, "reason": "The policy was mended."})
    what: What
    record_id: Id
    reason: Annotated[Note, Len(1, 500)]


class TakeUpOut(Output):
    """`moved` batches or messages became due at once; `refused` is one word for why none could."""

    model_config = example(_TAKE_UP)
    take_up_id: int
    what: What
    record_id: int
    reason: str
    asked_by: str
    stood: Document = Field(description="Where it stood: what was done already, and what is left.")
    refused: str | None = Field(
        description="campaign_paused, campaign_ended, in_hand, dead_letter or done; null where it was taken up."
    )
    moved: int
    created_at: AwareDatetime


class TakeUpPage(Output):
    model_config = example({"items": [_TAKE_UP], "next": None})
    items: list[TakeUpOut]
    next: int | None


class PutOffOut(Output):
    """A batch that could not be decided and is tried again at `due_at`."""

    model_config = example(PUT_OFF)
    batch_id: int
    run_id: int
    kind: str
    campaign_id: int
    campaign_name: str
    setbacks: int
    due_at: AwareDatetime
    created_at: AwareDatetime


class UntoldOut(Output):
    """What the CDP of a source was not told, and why."""

    model_config = example(UNTOLD)
    outbox_id: int
    source: str | None
    attempts: int
    error: str
    is_given_up: bool
    created_at: AwareDatetime
