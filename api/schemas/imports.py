"""Importing a file of people."""

from pydantic import Field

from api.schemas.base import Output, example


class RefusalOut(Output):
    """A line that was not taken, why, and how the line begins."""

    line: int
    reason: str
    original: str


class ImportedOut(Output):
    """The result of a file: `read` counts its lines without headings, `repeated` those merged with another of a person.

    `refusals` are the first 100; `invalid_addresses` counts by reason the addresses that were stored as invalid.
    """

    model_config = example(
        {
            "dry_run": False,
            "read": 1200,
            "inserted": 900,
            "updated": 40,
            "unchanged": 258,
            "repeated": 1,
            "refused": 1,
            "refusals": [{"line": 17, "reason": "It has no ext_id.", "original": ",Mai,mai@khach.example"}],
            "invalid_addresses": {"It is a landline number.": 12},
        }
    )
    dry_run: bool = Field(description="Whether nothing was written.")
    read: int
    inserted: int
    updated: int
    unchanged: int
    repeated: int
    refused: int
    refusals: list[RefusalOut]
    invalid_addresses: dict[str, int]
