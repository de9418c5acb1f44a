"""A segment's rule: `{"all": [{"attribute": "city", "is": "Huế"}, ...]}`, true where every condition holds.

It is evaluated here for one person and as one `attributes @> document` in SQL for all; both answer the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rules.errors import InvalidInput

MOST_CONDITIONS = 50

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What each named attribute must be; an empty rule holds for everyone."""

    attributes: Mapping[str, Scalar]

    def containment(self) -> dict[str, Scalar]:
        """Give the document that a profile's attributes have to contain."""
        return dict(self.attributes)

    def holds(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a person's attributes satisfy the rule. 1 and 1.0 are one number; true and 1 are not one value."""
        return all(name in attributes and _same(attributes[name], wanted) for name, wanted in self.attributes.items())


def parse(document: Any) -> Rule:
    """Read a rule; raises InvalidInput naming the condition that cannot be read."""
    conditions = document.get("all") if isinstance(document, Mapping) and set(document) == {"all"} else None
    if not isinstance(conditions, list) or len(conditions) > MOST_CONDITIONS:
        raise _wrong("a rule", f'is {{"all": [...]}} with at most {MOST_CONDITIONS} conditions')
    wanted: dict[str, Scalar] = {}
    for place, condition in enumerate(conditions, start=1):
        if not isinstance(condition, Mapping) or set(condition) != {"attribute", "is"}:
            raise _wrong(f"condition {place}", 'needs exactly "attribute" and "is"')
        name, value = condition["attribute"], condition["is"]
        if not isinstance(name, str) or not name or not _storable(name):
            raise _wrong(f"condition {place}", "names no attribute")
        if not isinstance(value, Scalar) or (isinstance(value, str) and not _storable(value)):
            raise _wrong(f"condition {place}", "compares with text, a number, true, false or null")
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise _wrong(f"condition {place}", "compares with a number that is not finite")
        if name in wanted and not _same(wanted[name], value):
            raise _wrong(f"condition {place}", f"wants {name} to be two things at once")
        wanted[name] = value
    return Rule(wanted)


def _same(left: Any, right: Scalar) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _written(left) == _written(right)
    return type(left) is type(right) and bool(left == right)


def _written(number: float) -> Decimal:
    """Give the number as JSON writes it, which is what jsonb compares: 1e23 is 10 ** 23, though no float is."""
    return Decimal(number) if isinstance(number, int) else Decimal(repr(number))


def _storable(text: str) -> bool:
    """Whether jsonb can hold it: no NUL, no half of a surrogate pair."""
    return not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in text)


def _wrong(what: str, why: str) -> InvalidInput:
    return InvalidInput(f"In a segment's rule {what} {why}.", remedy="See docs/concepts.md, segment.")
