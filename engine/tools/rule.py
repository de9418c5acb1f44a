"""The simple form of a segment's rule, which a small model can fill in, converted to a tree of conditions."""

import re
from collections.abc import Mapping
from typing import Any

from rules.errors import InvalidInput
from rules.faults import Fault

# The tools whose arguments contain a rule.
RULED = frozenset({"create_segment", "preview_segment"})
_NUMERIC = frozenset({"at_least", "at_most", "more_than", "less_than"})
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")
_TRUE = frozenset({"", "true", "yes", "có"})


def rule_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Give the rule in a call's arguments, as a tree or in the simple form; raises InvalidInput."""
    if ("rule" in arguments) == ("conditions" in arguments):
        fault = Fault("task.who_once", "rule")
        raise InvalidInput(fault.say().en, remedy="Give either conditions or rule.", fault=fault)
    if "rule" in arguments:
        return dict(arguments["rule"])
    return {arguments.get("match", "all"): [_condition(one) for one in arguments["conditions"]]}


def _condition(given: Mapping[str, Any]) -> dict[str, Any]:
    leaf = _leaf(given)
    return {"not": leaf} if given.get("negated", False) else leaf


def _leaf(given: Mapping[str, Any]) -> dict[str, Any]:
    name, about = given["field"], given.get("about", "attribute")
    if about == "event":
        return {"event": name} | ({"in_last_days": given["days"]} if "days" in given else {})
    if about != "attribute":
        return {about: name}
    test, value = given.get("test", "is"), given.get("value", "")
    steps = name.split(".")
    return {"attribute": steps if len(steps) > 1 else name, test: _wanted(name, test, value)}


def _wanted(name: str, test: str, value: str) -> str | float | bool:
    if test == "exists":
        return value.strip().lower() in _TRUE
    if test not in _NUMERIC:
        return value
    if not _NUMBER.fullmatch(value.strip()):
        fault = Fault("task.no_number", "conditions", {"field": name, "test": test, "value": value[:50]})
        raise InvalidInput(fault.say().en, remedy="Write digits, such as 500000.", fault=fault)
    number = float(value)
    return int(number) if number.is_integer() else number
