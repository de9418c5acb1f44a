"""One line of an export: a record as JSON, and its sealed text, which every field is compared with.

`sealed` is what leo_ledger_content() gives (schema.sql): a row of PostgreSQL with documents as their SHA-256. Fields
that it does not contain (a delivery's status, attempts and answers, names and keys) are protected by the file's hash.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules import merkle

# The columns of leo_ledger_content() in order, after the text with its version.
_DECISION = (
    *("tenant_id", "decision_id", "run_id", "campaign_id", "profile_id", "trigger_key", "snapshot_id", "event_id"),
    *("task_id", "template_id", "action", "channel", "reason", "candidates", "inputs", "inputs_hash", "policy_id"),
    *("policy_version", "arbiter", "arbitration", "model_hash", "latency_us", "wait_until", "decided_at", "created_at"),
)
_DELIVERY = (
    *("tenant_id", "delivery_id", "decision_id", "campaign_id", "run_id", "profile_id", "event_id", "channel"),
    *("channel_id", "template_id", "address", "lane", "queued_at"),
)
COLUMNS = {"decision 1": _DECISION, "delivery 1": _DELIVERY}
_DOCUMENTS = frozenset({"candidates", "inputs", "arbitration"})
_TIMES = frozenset({"wait_until", "decided_at", "created_at", "queued_at"})
_FIELD = re.compile(r'"((?:[^"\\]|""|\\\\)*)"|([^,"\\()]*)')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Line:
    """One record of an export; `values` are its fields, `written` the same fields as the line has them."""

    values: Mapping[str, Any]
    written: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> "Line":
        """Read a line; raises ValueError if it is not a JSON object in the form in which we write them."""
        values: dict[str, Any] = {}
        written: dict[str, str] = {}
        for name, value, raw in _members(text.rstrip("\n")):
            if name in values:
                raise ValueError(f"{name} is there twice")
            values[name], written[name] = value, raw
        return cls(values, written)

    def emptied(self, kind: str) -> "Line":
        """Give the record of this kind as an erasure leaves it: its ids and its leaf stay.

        It is what leo_erase_profile() leaves in the database (schema.sql), without the text that the leaf is made of.
        """
        emptied = {"erased": "true", "sealed": "null"}
        if kind == "decision":
            person = json.dumps(f"erased:{self.values['profile_id']}")
            emptied |= {"person": person, "candidates": "[]", "inputs": "{}", "arbitration": "null"}
        else:
            tries = [{name: value for name, value in one.items() if name != "detail"} for one in self.values["tries"]]
            said = json.dumps(tries, ensure_ascii=False)
            emptied |= {"address": '"erased"', "response": "null", "provider_id": "null", "tries": said}
        return Line.read(Line(self.values, {**self.written, **emptied}).text())

    def text(self) -> str:
        """Write the line, as it was read."""
        return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in self.written.items()) + "}"

    def strays(self, kind: str) -> str | None:
        """Name the first field of a record of this kind that differs from what was sealed; None if there is none."""
        if self.values["erased"]:
            return None
        sealed = self.values["sealed"]
        if merkle.leaf(sealed.encode()).hex() != self.values["leaf"]:
            return "leaf"
        version, *fields = split_row(sealed)
        if version not in COLUMNS or version.split()[0] != kind:
            return "sealed"
        for name, field in zip(COLUMNS[version], fields, strict=True):
            if not self._is(name, field):
                return name
        return None

    def _is(self, name: str, field: str | None) -> bool:
        value = self.values[name]
        if value is None or field is None:
            return value is None and field is None
        if name in _DOCUMENTS:
            return "\\x" + hashlib.sha256(self.written[name].encode()).hexdigest() == field
        if name in _TIMES and str(value) != field:
            return datetime.fromisoformat(value) == datetime.fromisoformat(field)
        return str(value) == field


def split_row(text: str) -> list[str | None]:
    """Split a row in PostgreSQL's text form; None for NULL. Raises ValueError if it is not a row."""
    if not (text.startswith("(") and text.endswith(")")):
        raise ValueError("no row")
    fields: list[str | None] = []
    at, end = 1, len(text) - 1
    while True:
        found = _FIELD.match(text, at, end)
        if found is None:
            raise ValueError("no row")
        quoted, plain = found.groups()
        fields.append((plain or None) if quoted is None else quoted.replace('""', '"').replace("\\\\", "\\"))
        at = found.end()
        if at == end:
            return fields
        if text[at] != ",":
            raise ValueError("no row")
        at += 1


def _members(text: str) -> Iterator[tuple[str, Any, str]]:
    if not text.startswith("{"):
        raise ValueError("no JSON object")
    at = 1
    while True:
        name, colon = _DECODER.raw_decode(text, at)
        value, end = _DECODER.raw_decode(text, colon + 1)
        if not isinstance(name, str) or text[colon] != ":":
            raise ValueError("no JSON object")
        yield name, value, text[colon + 1 : end]
        if text[end:] == "}":
            return
        if text[end : end + 1] != ",":
            raise ValueError("no JSON object")
        at = end + 1
