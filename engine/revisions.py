"""Revisions: which content of a record somebody saw, so that nobody overwrites what they have not seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

from rules.errors import Changed
from rules.faults import Fault
from rules.identity import canonical

_LETTERS = 16
_ANY = "*"


class Kept(Protocol):
    """A record that is saved under a key; `saved_by` is None if it was not recorded."""

    @property
    def key(self) -> str: ...
    @property
    def record_id(self) -> int: ...
    @property
    def revision(self) -> str: ...
    @property
    def saved_by(self) -> str | None: ...
    @property
    def saved_at(self) -> datetime: ...


def revision_of(content: Mapping[str, Any]) -> str:
    """Identify a content: equal contents have the same revision, whenever they were saved.

    Instants may be in any zone.
    """
    return sha256(canonical({name: _plain(value) for name, value in content.items()})).hexdigest()[:_LETTERS]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a caller who saves expects to find: `is_new`: nothing; one of `revisions`, "*" for any; None: not said."""

    is_new: bool = False
    revisions: frozenset[str] | None = None

    @property
    def is_said(self) -> bool:
        return self.is_new or self.revisions is not None

    def check(self, kept: Kept | None, *, record: str, key: str) -> None:
        """Raise Changed if something else is there. `record` is campaign, segment or template."""
        if self.is_new and kept is not None:
            raise _taken(kept, record)
        if self.revisions is None:
            return
        if kept is None:
            raise Changed(
                f"There is no {record} {key!r} to change.",
                remedy="Send If-None-Match: * to make it.",
                fault=Fault(f"{record}.gone", "key", {"key": key}),
            )
        if _ANY not in self.revisions and kept.revision not in self.revisions:
            raise _overtaken(kept, record)


ANYTHING = Expected()


def _taken(kept: Kept, record: str) -> Changed:
    values = _values(kept)
    return Changed(
        f"There is a {record} {kept.key!r} already: {_who(kept)} saved it at {values['at']}.",
        remedy="Look at it, then use another key, or send If-Match with its revision to change it.",
        fault=Fault(f"{record}.taken", "key", values),
    )


def _overtaken(kept: Kept, record: str) -> Changed:
    values = _values(kept)
    return Changed(
        f"The {record} {kept.key!r} is not what you saw: {_who(kept)} saved it at {values['at']}.",
        remedy="Read it again, and save on top of that with If-Match and its revision.",
        fault=Fault(f"{record}.changed", "", values),
    )


def _who(kept: Kept) -> str:
    return kept.saved_by or Fault("somebody").say().en


def _values(kept: Kept) -> dict[str, Any]:
    at = kept.saved_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"key": kept.key, "record_id": str(kept.record_id), "by": kept.saved_by or Fault("somebody"), "at": at}


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
