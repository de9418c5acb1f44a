"""What a campaign offers: window, purpose and candidates, each a template on its channel, or doing nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeAlias

from rules.facts.parts import read_channel, read_instant
from rules.words import Action, Channel

# Channel, id, name, version and, if known, topics.
Template: TypeAlias = tuple[Channel, int, str, int] | tuple[Channel, int, str, int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign. `starts_at` and `ends_at` bound its window (None: open); `control_share` is from 0 to 1.

    `key` is the tenant's own name for it, which policies use; empty if it is not known.
    """

    campaign_id: int
    name: str
    purpose: str = "marketing"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0
    control_share: float = 0.0
    key: str = ""

    def to_document(self) -> dict[str, Any]:
        """Give a JSON document; an unknown key is left out."""
        document: dict[str, Any] = {
            "campaign_id": self.campaign_id,
            "name": self.name,
            "purpose": self.purpose,
            "starts_at": None if self.starts_at is None else self.starts_at.isoformat(),
            "ends_at": None if self.ends_at is None else self.ends_at.isoformat(),
            "priority": self.priority,
            "control_share": self.control_share,
        }
        if self.key:
            document["key"] = self.key
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote; raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            **{
                **document,
                "starts_at": read_instant(document["starts_at"]),
                "ends_at": read_instant(document["ends_at"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible action: to send a template on its channel, or to do nothing. `index` is its place in the list.

    `topics` say what the template is about, in the words of the graph's topics and products.
    """

    index: int
    action: Action
    channel: Channel | None = None
    template_id: int | None = None
    template_name: str | None = None
    template_version: int | None = None
    topics: tuple[str, ...] = ()

    def to_document(self) -> list[Any]:
        """Give a JSON list; topics come last, and only if there are any."""
        document = [self.index, self.action, self.channel, self.template_id, self.template_name, self.template_version]
        return [*document, list(self.topics)] if self.topics else document

    @classmethod
    def from_document(cls, document: Sequence[Any]) -> Self:
        """Read what `to_document` wrote; raises TypeError or ValueError on anything else."""
        index, action, channel, template_id, name, version, *rest = document
        known = read_channel(channel)
        topics = tuple(rest[0]) if rest else ()
        return cls(index, Action(action), known, template_id, name, version, topics)


def candidates(templates: Sequence[Template]) -> tuple[Candidate, ...]:
    """Number the approved templates; doing nothing is always a candidate, the last one."""
    sends = (Candidate(index, Action.SEND, *template) for index, template in enumerate(templates))
    return (*sends, Candidate(len(templates), Action.DO_NOTHING))
