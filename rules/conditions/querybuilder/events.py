"""Rules about `cdp_trackingevent`: a group of them describes the type, time and values of a single joined event."""

from typing import Any

from rules.conditions.querybuilder.fields import Fields
from rules.conditions.querybuilder.given import Given, Unsayable
from rules.conditions.querybuilder.operators import Document, ago, on_days

_COLLECTION = "cdp_trackingevent"
_PREFIX = f"{_COLLECTION}__"
_EQUAL = frozenset({"equal", "data_equals"})


def is_event(rule: Given) -> bool:
    return rule.field.startswith(_PREFIX)


def converted_events(rules: list[Given], fields: Fields) -> Document:
    """Give one condition for everything a group says about the event; raises Unsayable."""
    types: list[Any] | None = None
    where: Document = {}
    span: Document = {}
    for rule in rules:
        field = rule.field.removeprefix(_PREFIX)
        if field == "metricName":
            types = _types(rule) if types is None else [one for one in types if one in _types(rule)]
        elif field == "createdAt":
            span = _both(span, _span(rule))
        elif rule.operator in _EQUAL:
            where = _both(where, {fields.event_attribute(_COLLECTION, field): rule.one()})
        else:
            raise Unsayable("compares a value of an event otherwise than as equal")
    if types is None:
        raise Unsayable("asks for an event without saying its metric")
    if not types:
        raise Unsayable("asks one event to be of two metrics at once")
    condition: Document = {"event": types[0] if len(types) == 1 else types, **span}
    return {**condition, "where": where} if where else condition


def _types(rule: Given) -> list[Any]:
    if rule.operator in _EQUAL:
        return [rule.one()]
    if rule.operator in {"in", "contains_any"}:
        return rule.many()
    raise Unsayable("asks for events of other metrics, which we cannot say")


def _span(rule: Given) -> Document:
    if rule.operator in {"after", "before", "exactly_after", "exactly_before"}:
        side = rule.operator.removeprefix("exactly_")
        return {side: {"days_ago": ago(rule)} if isinstance(rule.value, list) else rule.one()}
    if rule.operator in {"not_equal", "not_between"}:
        raise Unsayable("excludes a time, which we cannot say of events")
    said = on_days(rule, {})
    return _both({}, *said["all"]) if "all" in said else said


def _both(*parts: Document) -> Document:
    whole: Document = {}
    for part in parts:
        for key, value in part.items():
            if key in whole and whole[key] != value:
                raise Unsayable(f"says {key!r} of an event twice")
            whole[key] = value
    return whole
