"""What a message may contain on each channel, as data with its sources (`limits.toml`), and what is wrong with one.

`parts` are the rendered parts by name (subject, text, html); nothing here sends anything or knows a person.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from channels import buttons
from channels.content.fields import Field
from channels.markup import visible_length
from rules.faults import Fault, Value
from rules.words import Channel

PARTS = ("subject", "text", "html")
# Where a part is in a template's document.
_PLACES = {"subject": "subject", "text": "body_text", "html": "body_html", "message": ""}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a limit was read, and when."""

    url: str
    checked: date


@dataclass(frozen=True, slots=True)
class Limit:
    """The maximum of one part, or of the whole message as a reader sees it (`message`)."""

    part: str
    count: str
    most: int
    source: Source

    def measure(self, parts: Mapping[str, str | None]) -> int:
        """Measure a part; `message` is the subject and the richest body."""
        if self.part != "message":
            return _count(parts.get(self.part) or "", self.count)
        body = parts.get("html")
        if body is None:
            return sum(_count(parts.get(part) or "", self.count) for part in ("subject", "text"))
        seen = len(body.encode()) if self.count == "octets" else visible_length(body)
        return seen + _count(parts.get("subject") or "", self.count)


@dataclass(frozen=True, slots=True)
class Advertising:
    """What the law demands of advertising: a label at the start of the subject, and a way to refuse at the end."""

    label: str
    known: tuple[str, ...]
    refusal: bool
    source: Source

    def is_labelled(self, subject: str) -> bool:
        return subject.lstrip().upper().startswith(self.known)


@dataclass(frozen=True, slots=True)
class Measure:
    """How much of a limit is used."""

    part: str
    count: str
    used: int
    most: int


@dataclass(frozen=True, slots=True)
class Content:
    """What one channel can carry."""

    channel: Channel
    parts: tuple[str, ...]
    needs: tuple[str, ...]
    limits: Sequence[Limit]
    fields: Mapping[str, Field]
    advertising: Advertising | None

    def measures(self, parts: Mapping[str, str | None]) -> list[Measure]:
        return [Measure(limit.part, limit.count, limit.measure(parts), limit.most) for limit in self.limits]

    def form_problems(self, parts: Mapping[str, str | None], data: Mapping[str, Any]) -> Iterator[Fault]:
        """Say what no person's values can fix: a part too many, a missing part, data of the wrong kind."""
        for part in PARTS:
            if parts.get(part) is not None and part not in self.parts:
                yield Fault("content.no_part", _PLACES[part], {"channel": self._named, "part": _part(part)})
        for need in self.needs:
            if not str((parts if need in PARTS else data).get(need) or "").strip():
                yield Fault("content.needs", _place(need), {"channel": self._named, "part": _part(need)})
        if buttons.NAME in data and buttons.NAME not in self.fields:
            yield Fault("content.no_buttons", f"data.{buttons.NAME}", {"channel": self._named})
        for name, field in self.fields.items():
            if name in data:
                yield from field.form_problems(name, data)

    def problems(self, parts: Mapping[str, str | None], data: Mapping[str, Any]) -> Iterator[Fault]:
        """Say where a rendered message has too much or too little."""
        for measure in self.measures(parts):
            if measure.used > measure.most:
                yield _too_long(measure)
        for need in self.needs:
            if not str((parts if need in PARTS else data).get(need) or "").strip():
                yield Fault("content.empty_part", _place(need), {"part": _part(need)})
        for name, field in self.fields.items():
            if name in data:
                yield from field.problems(name, data)
        if buttons.NAME in self.fields:
            above = "\n\n".join(part for part in (parts.get("subject"), parts.get("text")) if part)
            yield from buttons.text_problems(data.get(buttons.NAME), above, self.fields[buttons.NAME].buttons)

    @property
    def _named(self) -> Fault:
        return Fault(f"medium.{self.channel}")

    def sent(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Give the data without the keys that only describe it."""
        declared = {field.declared for field in self.fields.values() if field.declared}
        return {name: value for name, value in data.items() if name not in declared}


@cache
def of(channel: Channel) -> Content:
    """Give what a channel can carry."""
    return _all()[channel]


@cache
def _all() -> Mapping[Channel, Content]:
    document = tomllib.loads(resources.files(__name__).joinpath("limits.toml").read_text(encoding="utf-8"))
    sources = {key: Source(entry["url"], entry["checked"]) for key, entry in document["sources"].items()}
    return {Channel(name): _content(Channel(name), entry, sources) for name, entry in document["channels"].items()}


def _content(channel: Channel, entry: Mapping[str, Any], sources: Mapping[str, Source]) -> Content:
    said = entry.get("advertising")
    return Content(
        channel=channel,
        parts=tuple(entry["parts"]),
        needs=tuple(entry["needs"]),
        limits=[
            Limit(one["part"], one["count"], one["most"], sources[one["source"]]) for one in entry.get("limits", ())
        ],
        fields={name: Field.of(given) for name, given in entry.get("data", {}).items()},
        advertising=said and Advertising(said["label"], tuple(said["known"]), said["refusal"], sources[said["source"]]),
    )


def _too_long(measure: Measure) -> Fault:
    count = Fault(f"count.{measure.count}")
    values: dict[str, Value] = {"part": _part(measure.part), "count": count, "used": measure.used, "most": measure.most}
    return Fault("content.too_long", _PLACES[measure.part], values)


def _part(name: str) -> Fault:
    return Fault(f"part.{name}")


def _place(need: str) -> str:
    return _PLACES.get(need, f"data.{need}")


def _count(text: str, count: str) -> int:
    return len(text.encode("utf-8", "replace")) if count == "octets" else len(text)
