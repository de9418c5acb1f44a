"""What a person may demand: what is stored about them, and its erasure."""

from pydantic import Field

from api.schemas.base import Document, Input, Note, Output, example


class EraseIn(Input):
    """The reason; it is stored, so do not name anybody in it."""

    model_config = example({"reason": "asked by mail on 2026-05-01"})
    reason: Note


class ErasedOut(Output):
    """`profile_id` stays, without anything that identifies the person; `counts` are rows emptied or removed."""

    model_config = example({"profile_id": 101, "counts": {"profiles": 1, "records": 12, "events": 4, "addresses": 2}})
    profile_id: int
    counts: dict[str, int]


class ExportOut(Output):
    """Everything that is stored about a person and about those merged into them."""

    model_config = example(
        {
            "ext_id": "kh-1",
            "profiles": [{"profile_id": 101, "ext_id": "kh-1", "name": "Trần Thị Mai"}],
            "addresses": [{"channel": "email", "value": "mai@khach.example"}],
            "consents": [{"purpose": "marketing", "granted": True}],
            "suppressions": [],
            "relations": [],
            "segments": ["hue"],
            "events": [],
            "decisions": [],
            "deliveries": [],
            "outcomes": [],
        }
    )
    ext_id: str
    profiles: list[Document]
    addresses: list[Document]
    consents: list[Document]
    suppressions: list[Document]
    relations: list[Document]
    segments: list[str] = Field(description="Keys of the segments the person is in.")
    events: list[Document]
    decisions: list[Document]
    deliveries: list[Document]
    outcomes: list[Document]
