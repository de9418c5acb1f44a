"""Files that contain a segment, or only its rule: what POST /segments and POST /segments/preview take."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.ingest.fieldmap import names
from rules.conditions.querybuilder import convert
from rules.errors import InvalidInput, cause

STANDARD_INPUT = Path("-")
_TEXTS = ("key", "name", "schedule", "zone")
_RULES = ("rule", "querybuilder")


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A segment as in its file, with a rule of LEO CDP's already converted to ours."""

    key: str
    name: str
    rule: Mapping[str, Any]
    schedule: str | None = None
    zone: str | None = None

    def values(self) -> dict[str, Any]:
        """Give what `save_segment` takes."""
        return {
            "key": self.key,
            "name": self.name,
            "rule": self.rule,
            "schedule": self.schedule,
            "zone": self.zone,
        }


def read_segment(path: Path) -> SegmentFile:
    """Read a whole segment; raises InvalidInput."""
    document = _object(path)
    unknown = sorted(document.keys() - {*_TEXTS, *_RULES})
    if unknown:
        raise InvalidInput(f"A segment has no {unknown[0]!r}.", remedy=f"It has {', '.join((*_TEXTS, *_RULES))}.")
    for name in _TEXTS:
        value = document.get(name)
        if not (isinstance(value, str) and value) and not (value is None and name in {"schedule", "zone"}):
            raise InvalidInput(f"The segment's {name} is no text.", remedy=f'Write "{name}": "...".')
    return SegmentFile(
        document["key"], document["name"], _rule(document), document.get("schedule"), document.get("zone")
    )


def rule_in(path: Path) -> Mapping[str, Any]:
    """Read a rule, alone or in a document under "rule" or "querybuilder"; raises InvalidInput."""
    document = _object(path)
    return _rule(document) if document.keys() & set(_RULES) else document


def text_of(path: Path) -> str:
    """Read a file or standard input; raises InvalidInput."""
    try:
        return sys.stdin.read() if path == STANDARD_INPUT else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {cause(error)}.", remedy="Name a file of UTF-8 text.") from error


def _object(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(text_of(path))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no JSON: {error}.", remedy="Correct the file.") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} holds no object.", remedy='Begin it with "{".')
    return document


def _rule(document: Mapping[str, Any]) -> Mapping[str, Any]:
    if ("rule" in document) == ("querybuilder" in document):
        raise InvalidInput("It is not clear which rule is meant.", remedy='Give either "rule" or "querybuilder".')
    if "querybuilder" in document:
        return convert(document["querybuilder"], attributes=names())
    rule = document["rule"]
    if not isinstance(rule, dict):
        raise InvalidInput("The rule is no object.", remedy="Write it as a tree of conditions: see docs/segments.md.")
    return rule
