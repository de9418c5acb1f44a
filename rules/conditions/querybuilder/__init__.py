"""Rules of LEO CDP's segments (jQuery QueryBuilder, its field `jsonQueryRules`) said as rules of ours.

What we cannot say is refused by name: a condition that is left out chooses other people. How its operators and fields
are read stands beside them, in operators.py, fields.py and events.py.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, overload

from rules.conditions.querybuilder.events import converted_events, is_event
from rules.conditions.querybuilder.fields import Fields
from rules.conditions.querybuilder.given import Given, Unsayable, given
from rules.conditions.querybuilder.operators import converted
from rules.conditions.read import DEEPEST, read
from rules.errors import InvalidInput

_REMEDY = "Write this condition in our own rules: see docs/segments.md."
_NOBODY: Mapping[str, Any] = {"any": []}
_WAYS = {"AND": "all", "OR": "any"}

Document = dict[str, Any]


@overload
def convert(
    document: Any, *, attributes: Mapping[str, str] | None = None, lenient: Literal[False] = False
) -> Document: ...


@overload
def convert(
    document: Any, *, attributes: Mapping[str, str] | None = None, lenient: Literal[True]
) -> tuple[Document, list[str]]: ...


def convert(
    document: Any, *, attributes: Mapping[str, str] | None = None, lenient: bool = False
) -> Document | tuple[Document, list[str]]:
    """Give the rule that `parse` reads; raises InvalidInput naming the QueryBuilder rule that we cannot express.

    `document` is the JSON or its text. `attributes` maps a field of the CDP to the attribute that holds it
    (`{"livingCity": "city"}`; for a field of an event the key is `cdp_trackingevent__<field>`), and then a field
    outside the map cannot be expressed. Without a map, the field's name in snake case is used. If `lenient`, rules that
    cannot be expressed are left out and reported in sentences next to the result; a rule of which nothing is left
    selects nobody.
    """
    refused: list[str] = []
    rule = _Conversion(Fields(attributes), refused if lenient else None).group(_loaded(document), "rules", 1)
    whole = dict(_NOBODY) if rule is None else rule
    read(whole)
    return (whole, refused) if lenient else whole


def _loaded(document: Any) -> Any:
    if not isinstance(document, str):
        return document
    try:
        return json.loads(document)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The QueryBuilder rules are no JSON.", remedy=_REMEDY) from error


class _Conversion:
    """One conversion; `refused` collects sentences, or is None if the first one is to be raised."""

    def __init__(self, fields: Fields, refused: list[str] | None) -> None:
        self._fields = fields
        self._refused = refused

    def group(self, group: Any, place: str, depth: int) -> Document | None:
        """Convert a group; None if nothing of it is left."""
        if depth >= DEEPEST:
            return self._refuse(place, f"lies deeper than {DEEPEST}")
        if not isinstance(group, Mapping) or not isinstance(group.get("rules"), list):
            return self._refuse(place, 'is no group {"condition": "AND" or "OR", "rules": [...]}')
        condition = group.get("condition", "AND")
        way = _WAYS.get(condition.upper()) if isinstance(condition, str) else None
        if way is None:
            return self._refuse(place, "is joined neither by AND nor by OR")
        parts = self._parts(group["rules"], place, way, depth)
        if not parts and group["rules"]:
            return None
        whole = parts[0] if len(parts) == 1 else {way: parts}
        return {"not": whole} if group.get("not") is True else whole

    def _parts(self, rules: list[Any], place: str, way: str, depth: int) -> list[Document]:
        parts: list[Document | None] = []
        # The CDP joins a single event: within an AND group, all rules about events are about the same event.
        events: list[tuple[str, Given]] = []
        for index, rule in enumerate(rules):
            at = f"{place}[{index}]"
            if isinstance(rule, Mapping) and "rules" in rule:
                parts.append(self.group(rule, f"{at}.rules", depth + 1))
                continue
            said = self._given(rule, at)
            if said is None:
                continue
            if not is_event(said):
                parts.append(self._leaf(at, said))
            elif way == "all":
                events.append((at, said))
            else:
                parts.append(self._events([(at, said)]))
        if events:
            parts.append(self._events(events))
        return [part for part in parts if part is not None]

    def _given(self, rule: Any, place: str) -> Given | None:
        said = given(rule)
        if said is None:
            self._refuse(place, "is no rule with a field and an operator")
        return said

    def _leaf(self, place: str, rule: Given) -> Document | None:
        return self._said(f"{place} ({rule.name})", lambda: converted(rule, self._fields))

    def _events(self, rules: list[tuple[str, Given]]) -> Document | None:
        place = ", ".join(f"{at} ({rule.name})" for at, rule in rules)
        return self._said(place, lambda: converted_events([rule for _, rule in rules], self._fields))

    def _said(self, place: str, convert: Callable[[], Document]) -> Document | None:
        try:
            condition = convert()
            read(condition)
        except Unsayable as error:
            return self._refuse(place, str(error))
        except InvalidInput as error:
            return self._refuse(place, f"cannot be said: {error.message.removesuffix('.')}")
        return condition

    def _refuse(self, place: str, why: str) -> Document | None:
        error = InvalidInput(f"The QueryBuilder's {place} {why}.", remedy=_REMEDY)
        if self._refused is None:
            raise error
        self._refused.append(error.message)
        return None
