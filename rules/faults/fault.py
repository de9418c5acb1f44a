"""A fault: its kind, its place and its values. The sentences of the kinds are in the modules next to this one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self, TypeAlias, Union

from rules.faults import channels, conditions, cypher, policies, records, tasks, templates
from rules.faults.said import Said

SENTENCES: Mapping[str, Said] = MappingProxyType(
    {
        **conditions.SENTENCES,
        **policies.SENTENCES,
        **records.SENTENCES,
        **cypher.SENTENCES,
        **templates.SENTENCES,
        **channels.SENTENCES,
        **tasks.SENTENCES,
    }
)
Value: TypeAlias = Union[str, int, float, "Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` is a key of SENTENCES. `where` is the part of the input, such as `rule.all[2].is`; "" is all of it."""

    kind: str
    where: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)

    def say(self) -> Said:
        """Give the sentence in each language, with numbers in that language's format."""
        said = SENTENCES[self.kind]
        return Said(*(text.format(**_written(self.values, place)) for place, text in enumerate(said)))

    def document(self) -> dict[str, Any]:
        """Give a JSON document that can be stored and put into words later."""
        values = {name: one.document() if isinstance(one, Fault) else one for name, one in self.values.items()}
        return {"kind": self.kind, "where": self.where, "values": values}

    @classmethod
    def read(cls, document: Mapping[str, Any] | None) -> Self | None:
        """Read a stored fault; None if there is none, or if this version does not know its kind."""
        if document is None or document["kind"] not in SENTENCES:
            return None
        values: dict[str, Any] = {}
        for name, one in document["values"].items():
            values[name] = cls.read(one) if isinstance(one, Mapping) else one
            if values[name] is None:
                return None
        return cls(document["kind"], document["where"], values)


def in_rule(place: str, kind: str, **values: Value) -> Fault:
    """Name what is wrong at a place of a segment's rule, such as `rule.all[2]`."""
    where = place if place.startswith("rule") else "rule"
    return Fault(f"rule.{kind}", where, {"place": place, **values})


def in_policy(place: str, kind: str, **values: Value) -> Fault:
    """Name what is wrong with a field of a policy, such as `caps[0].limit`."""
    return Fault(f"policy.{kind}", f"policy.{place}", {"place": place, **values})


def _written(values: Mapping[str, Value], language: int) -> dict[str, str]:
    return {name: _value(value, language) for name, value in values.items()}


def _value(value: Value, language: int) -> str:
    if isinstance(value, Fault):
        return value.say()[language].removesuffix(".")
    if isinstance(value, str):
        return value
    grouped = f"{value:,}"
    return grouped if Said._fields[language] == "en" else grouped.translate(_COMMAS)


_COMMAS = str.maketrans(",.", ".,")
