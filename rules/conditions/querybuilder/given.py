"""One rule as the QueryBuilder writes it: a field, an operator, a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST_NAME = 100


class Unsayable(Exception):
    """Why a rule cannot be expressed in our language; it follows the rule's name in a sentence."""


@dataclass(frozen=True, slots=True)
class Given:
    """`field` is without the `#` and number that let a field occur twice; `kind` is the QueryBuilder's type."""

    field: str
    operator: str
    value: Any
    kind: str

    @property
    def name(self) -> str:
        return ascii(f"{self.field} {self.operator}"[:_LONGEST_NAME])

    def one(self) -> Any:
        """Give the value; a number may be written as text."""
        value = self.value[0] if isinstance(self.value, list) and len(self.value) == 1 else self.value
        return self._typed(value)

    def word(self) -> str:
        """Give the value as text."""
        value = self.one()
        if not isinstance(value, str):
            raise Unsayable("has no text where one is needed")
        return value

    def two(self) -> list[Any]:
        """Give both ends of a range."""
        if not isinstance(self.value, list) or len(self.value) != 2:  # noqa: PLR2004 - from the one to the other
            raise Unsayable("needs two values")
        return [self._typed(value) for value in self.value]

    def many(self) -> list[Any]:
        """Give the values; several are written as a list, or as one text with commas between them."""
        values = self.value
        if isinstance(values, str):
            values = [one.strip() for one in values.split(",")]
        if not isinstance(values, list):
            values = [values]
        return [self._typed(value) for value in values if value != ""]

    def _typed(self, value: Any) -> Any:
        if isinstance(value, list | dict):
            raise Unsayable("has several values where one is needed")
        if self.kind not in {"integer", "double"} or not isinstance(value, str):
            return value
        return numeric(value)


def numeric(value: Any) -> int | float:
    """Read a number, written as a number or as text."""
    try:
        return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else _plain(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unsayable("has no number where one is needed") from error


def _plain(value: Any) -> int | float:
    if isinstance(value, bool):
        raise Unsayable("has no number where one is needed")
    return value if isinstance(value, int | float) else float(value)


def given(rule: Any) -> Given | None:
    """Read a rule; None if it is not one."""
    if not isinstance(rule, Mapping):
        return None
    field, operator = rule.get("field", rule.get("id")), rule.get("operator")
    if not isinstance(field, str) or not isinstance(operator, str) or not field:
        return None
    name = field.partition("#")[0].removeprefix("cdp_profile__")
    kind = rule.get("type")
    return Given(name, operator, rule.get("value"), kind if isinstance(kind, str) else "")
