"""One rule about a profile said in ours. Where the CDP's own reading is not written down, the one taken is named here.

- `contains` looks for letters inside a text, and in a list for a whole element.
- A `date` is a whole day in UTC; `equal` is any time of that day.
- A relative date is a number and a unit before now: `exactly_after 7 days` is "in the last 7 days", for what is
  compared so lies in the past. A month counts 30 days, a year 365.
- A birthday `after 7 days` comes within the next 7 days.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from rules.conditions.dates import instant
from rules.conditions.querybuilder.fields import Fields
from rules.conditions.querybuilder.given import Given, Unsayable, numeric
from rules.conditions.values import MOST_ANNIVERSARY_DAYS

Document = dict[str, Any]
_Subject = Mapping[str, Any]

_REACHES: Mapping[str, str] = {"primaryEmail": "email", "primaryPhone": "zalo_template"}
_CONSENTS: Mapping[str, str] = {
    "receiveEmail": "email",
    "receiveSMS": "zalo_template",
    "receiveAppPush": "app_push",
    "receiveWebPush": "web_push",
}
_BIRTHDAY = "dateOfBirth"
_DATES = frozenset({"date", "datetime"})
_DAYS_OF: Mapping[str, int] = {"days": 1, "exactly_days": 1, "months": 30, "years": 365}
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_LAST_INSTANT = "9999-12-31T23:59:59.999999Z"
_COMPARED: Mapping[str, str] = {
    ">": "more_than",
    ">=": "at_least",
    "<": "less_than",
    "<=": "at_most",
    "=": "is",
    "==": "is",
    "!=": "is_not",
    "greater": "more_than",
    "greater_or_equal": "at_least",
    "less": "less_than",
    "less_or_equal": "at_most",
    "equal": "is",
    "not_equal": "is_not",
}


def converted(rule: Given, fields: Fields) -> Document:
    """Give our condition for the rule; raises Unsayable."""
    if rule.field in _REACHES:
        return _reached(rule)
    if rule.field in _CONSENTS or rule.field == "receiveAds":
        return _consented(rule)
    if rule.operator == "event_in_journey":
        return _event_in_journey(rule, fields)
    if rule.field.startswith("cdp_"):
        raise Unsayable("asks for another collection of the CDP")
    return _compared(rule, fields.subject(rule.field))


def _compared(rule: Given, subject: _Subject) -> Document:
    if rule.kind in _DATES and rule.operator in _DAY_OPERATORS:
        return on_days(rule, subject)
    convert = _OPERATORS.get(rule.operator)
    if convert is None:
        raise Unsayable("has an operator that we cannot say")
    return convert(rule, subject)


def _reached(rule: Given) -> Document:
    reachable = {"reachable": _REACHES[rule.field]}
    if rule.operator in {"is_not_empty", "is_not_null"}:
        return reachable
    if rule.operator in {"is_empty", "is_null"}:
        return {"not": reachable}
    raise Unsayable("compares an address, which is no attribute with us; only whether there is one can be asked")


def _consented(rule: Given) -> Document:
    """The CDP keeps 1 for agreed, -1 for withdrawn, 0 for never asked.

    It presumes agreement to advertising until that is withdrawn.
    """
    said = numeric(rule.one())
    if rule.operator not in {"equal", "not_equal"} or said not in {-1, 0, 1}:
        raise Unsayable("asks for a consent otherwise than whether it is 1, 0 or -1")
    if rule.field == "receiveAds":
        withdrawn: Document = {"consent": "ads", "granted": False}
        condition = {1: _negated(withdrawn), 0: {"any": []}, -1: withdrawn}[int(said)]
    else:
        asked = {"consent": "marketing", "channel": _CONSENTS[rule.field]}
        no, yes = {**asked, "granted": False}, {**asked, "granted": True}
        condition = {1: yes, 0: _negated({"any": [yes, no]}), -1: no}[int(said)]
    return condition if rule.operator == "equal" else _negated(condition)


def _event_in_journey(rule: Given, fields: Fields) -> Document:
    parts = rule.word().split("#")
    if len(parts) != 4 or parts[2] not in _COMPARED:  # noqa: PLR2004 - journey, metric, operator, number
        raise Unsayable('needs a value "journey#metric#operator#number"')
    journey, metric, operator, number = parts
    path = [fields.attribute("eventStatistics"), f"{journey}-{metric}"]
    return {"attribute": path, _COMPARED[operator]: numeric(number)}


def on_days(rule: Given, subject: _Subject) -> Document:
    """Compare a date with whole days."""
    if rule.operator in {"between", "not_between"}:
        first, last = (_day(value) for value in rule.two())
    else:
        first = last = _day(rule.one())
    from_first, until_last = {**subject, "after": _iso(first - _TICK)}, {**subject, "before": _iso(last + _DAY)}
    said: Mapping[str, Document] = {
        "less": {**subject, "before": _iso(first)},
        "less_or_equal": until_last,
        "greater": {**subject, "after": _iso(last + _DAY - _TICK)},
        "greater_or_equal": from_first,
    }
    if rule.operator in said:
        return said[rule.operator]
    on: Document = {"all": [from_first, until_last]}
    return _negated(on) if rule.operator.startswith("not_") else on


def _day(value: Any) -> datetime:
    read = instant(value) if isinstance(value, str) else None
    if read is None or not 1 < read.year < 9999:  # noqa: PLR2004 - a day before and after it is a date too
        raise Unsayable("compares with what is no date such as 2026-05-01")
    return read.replace(hour=0, minute=0, second=0, microsecond=0)


def _iso(at: datetime) -> str:
    return at.isoformat()


def _relative(rule: Given, subject: _Subject) -> Document:
    side = rule.operator.removeprefix("exactly_")
    if not isinstance(rule.value, list):
        return {**subject, side: rule.one()}
    days = ago(rule)
    if rule.field != _BIRTHDAY or rule.operator != side:
        return {**subject, side: {"days_ago": days}}
    if side == "before":
        raise Unsayable("asks for a birthday that is past, which we cannot say")
    return {**subject, "anniversary_in_days": min(days, MOST_ANNIVERSARY_DAYS)}


def ago(rule: Given) -> int | float:
    """Give how many days before now a relative date is; raises Unsayable."""
    value = rule.value
    if not isinstance(value, list) or len(value) != 2 or value[1] not in [*_DAYS_OF]:  # noqa: PLR2004 - number, unit
        raise Unsayable("needs a number and a unit: days, months or years")
    return numeric(value[0]) * _DAYS_OF[value[1]]


def _negated(condition: Document) -> Document:
    return {"not": condition}


def _tested(test: str) -> Callable[[Given, _Subject], Document]:
    return lambda rule, subject: {**subject, test: rule.one()}


def _listed(test: str) -> Callable[[Given, _Subject], Document]:
    return lambda rule, subject: {**subject, test: rule.many()}


def _fixed(test: str, *, wanted: Any) -> Callable[[Given, _Subject], Document]:
    return lambda _rule, subject: {**subject, test: wanted}


def _not(convert: Callable[[Given, _Subject], Document]) -> Callable[[Given, _Subject], Document]:
    return lambda rule, subject: _negated(convert(rule, subject))


def _contains(rule: Given, subject: _Subject) -> Document:
    letters = {**subject, "includes": rule.one()}
    return letters if "profile" in subject else {"any": [letters, {**subject, "contains": rule.one()}]}


def _is_null(_rule: Given, subject: _Subject) -> Document:
    absent = {**subject, "exists": False}
    return absent if "profile" in subject else {"any": [{**subject, "is": None}, absent]}


def _not_between(rule: Given, subject: _Subject) -> Document:
    low, high = rule.two()
    return {"any": [{**subject, "less_than": low}, {**subject, "more_than": high}]}


def _in_journey_map(rule: Given, subject: _Subject) -> Document:
    """The value is a journey, or a journey and a stage; the sync stores who is in a journey, but not how far along."""
    journey, *stage = rule.value if isinstance(rule.value, list) and rule.value else [rule.value]
    if stage and stage[0] not in ["0", 0]:
        raise Unsayable("asks for a stage of a journey, which is not taken over from the CDP")
    return {**subject, "contains": journey}


def _has_key(rule: Given, subject: _Subject) -> Document:
    if not isinstance(subject.get("attribute"), str):
        raise Unsayable("asks for a key of what is no object with us")
    return {"attribute": [subject["attribute"], rule.word()], "exists": True}


_DAY_OPERATORS = frozenset(
    {"equal", "not_equal", "less", "less_or_equal", "greater", "greater_or_equal", "between", "not_between"}
)
_OPERATORS: Mapping[str, Callable[[Given, _Subject], Document]] = {
    "equal": _tested("is"),
    "not_equal": _tested("is_not"),
    "in": _listed("in"),
    "not_in": _listed("not_in"),
    "less": _tested("less_than"),
    "less_or_equal": _tested("at_most"),
    "greater": _tested("more_than"),
    "greater_or_equal": _tested("at_least"),
    "between": lambda rule, subject: {**subject, "between": rule.two()},
    "not_between": _not_between,
    "begins_with": _tested("starts_with"),
    "not_begins_with": _not(_tested("starts_with")),
    "contains": _contains,
    "not_contains": _not(_contains),
    "ends_with": _tested("ends_with"),
    "not_ends_with": _not(_tested("ends_with")),
    "is_empty": _fixed("is_empty", wanted=True),
    "is_not_empty": _fixed("is_empty", wanted=False),
    "is_null": _is_null,
    "is_not_null": _not(_is_null),
    "contains_any": _listed("contains_any"),
    "not_contains_any": _listed("contains_none"),
    "has_key": _has_key,
    "not_has_key": _not(_has_key),
    "sub_field_equals": _tested("is"),
    "sub_field_contains": _tested("includes"),
    "in_journey_map": _in_journey_map,
    "after": _relative,
    "before": _relative,
    "exactly_after": _relative,
    "exactly_before": _relative,
    "compare_month_and_day_with_now": _fixed("anniversary_in_days", wanted=0),
    "is_valid_date": _fixed("before", wanted=_LAST_INSTANT),
    "is_not_valid_date": _not(_fixed("before", wanted=_LAST_INSTANT)),
}
OPERATORS = frozenset({*_OPERATORS, "event_in_journey"})
