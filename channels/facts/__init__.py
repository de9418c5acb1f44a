"""Providers' limits and answers as data: one TOML file each, every entry with its source and the day it was checked.

Adapters contain no limit and no code table of their own. An answer is recognised by its code and, if the file gives
them, by the enhanced status (a dotted prefix), the stage it belongs to (an SMTP command, or which part of an HTTP
answer holds the code) and a part of the text; the first match counts.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from channels.contract import ReceiptClass, ReceiptStatus
from channels.waits import WAITS


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read, and when."""

    url: str
    checked: date


@dataclass(frozen=True, slots=True)
class Limit:
    """One number of a provider."""

    value: int
    unit: str
    source: Source


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a provider and what it means."""

    first: int
    last: int
    enhanced: tuple[str, ...]
    contains: str
    stages: tuple[str, ...]
    klass: ReceiptClass
    status: ReceiptStatus
    source: Source
    wait: str = ""
    """When to try again, a word that `channels.waits` knows; empty if the provider says nothing."""

    def matches(self, *, code: int, enhanced: str, text: str, stage: str) -> bool:
        if not self.first <= code <= self.last or self.contains not in text:
            return False
        if self.stages and stage not in self.stages:
            return False
        return not self.enhanced or any(f"{enhanced}.".startswith(f"{prefix}.") for prefix in self.enhanced)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message: how long after the person was heard it may be sent (None: always), and as what."""

    name: str
    tag: str
    window_hours: int | None
    promotional: bool
    source: Source


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """Everything known about one provider."""

    provider: str
    sources: Mapping[str, Source]
    limits: Mapping[str, Limit]
    answers: Sequence[Answer]
    kinds: Mapping[str, Kind]

    def limit(self, name: str) -> int:
        return self.limits[name].value

    def classify(self, *, code: int, text: str = "", enhanced: str = "", stage: str = "") -> Answer | None:
        """Find what an answer means; None if the file does not know it."""
        folded = text.casefold()
        for answer in self.answers:
            if answer.matches(code=code, enhanced=enhanced, text=folded, stage=stage):
                return answer
        return None


@cache
def load(name: str) -> ProviderFacts:
    """Read `<name>.toml` once; a malformed file is a KeyError or ValueError at import, never later."""
    document = tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    sources = {key: Source(url=entry["url"], checked=entry["checked"]) for key, entry in document["sources"].items()}
    return ProviderFacts(
        provider=document["provider"],
        sources=sources,
        limits={
            key: Limit(value=entry["value"], unit=entry["unit"], source=sources[entry["source"]])
            for key, entry in document["limits"].items()
        },
        answers=tuple(_answer(entry, sources) for entry in document["answers"]),
        kinds={entry["name"]: _kind(entry, sources) for entry in document.get("kinds", ())},
    )


def _answer(entry: Mapping[str, Any], sources: Mapping[str, Source]) -> Answer:
    codes = entry["codes"]
    return Answer(
        first=codes[0],
        last=codes[-1],
        enhanced=tuple(entry.get("enhanced", ())),
        contains=entry.get("contains", "").casefold(),
        stages=tuple(entry.get("stages", ())),
        klass=ReceiptClass(entry["class"]),
        status=ReceiptStatus(entry["status"]),
        source=sources[entry["source"]],
        wait=_known_wait(entry.get("wait", "")),
    )


def _known_wait(wait: str) -> str:
    if wait and wait not in WAITS:
        raise ValueError(f"there is no wait {wait!r}")
    return wait


def _kind(entry: Mapping[str, Any], sources: Mapping[str, Source]) -> Kind:
    return Kind(
        name=entry["name"],
        tag=entry.get("tag", ""),
        window_hours=entry.get("window_hours"),
        promotional=entry["promotional"],
        source=sources[entry["source"]],
    )
