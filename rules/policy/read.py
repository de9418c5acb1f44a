"""Reads the fields of a policy's document from JSON; every function raises InvalidInput naming the field."""

from collections.abc import Callable, Mapping
from datetime import time, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from rules.conditions import parse
from rules.consent import Basis
from rules.errors import InvalidInput
from rules.policy import values
from rules.policy.default import DEFAULT_POLICY
from rules.policy.parts import (
    Arbitration,
    Cap,
    CapScope,
    Period,
    QuietHours,
    Requirement,
    Scope,
    SendingHours,
    Weights,
    Window,
)
from rules.policy.values import wrong
from rules.words import Arbiter, Channel, Gate

LONGEST_CAP = timedelta(days=366)
# How far back a period can begin: a day may have 25 hours, and each is seen from the first instant of the next one.
LONGEST_PERIOD: Mapping[Period, timedelta] = MappingProxyType(
    {Period.DAY: timedelta(days=2), Period.WEEK: timedelta(days=8), Period.MONTH: timedelta(days=32)}
)
LONGEST_FALLBACK = timedelta(days=30)
LAYERS = (Gate.ELIGIBILITY, Gate.APPLICABILITY, Gate.SUITABILITY)

T = TypeVar("T")


def purposes(name: str, value: Any) -> Mapping[str, Basis]:
    given = values.mapping(name, value)
    return {
        values.text(f"a key of {name}", key): values.word(f"{name}.{key}", one, Basis) for key, one in given.items()
    }


def requirements(layer: Gate, value: Any) -> tuple[Requirement, ...]:
    read = values.many(layer, value, partial(_requirement, layer))
    names = [one.name for one in read]
    if len(set(names)) < len(names):
        raise wrong(layer, "twice")
    return read


def quiet_hours(name: str, value: Any) -> QuietHours | None:
    if value is None:
        return None
    hours = values.mapping(name, value)
    values.only(hours, ("start", "end"), f"{name}.")
    return QuietHours(*_span(name, hours, "start", "end"))


def sending_hours(name: str, value: Any) -> SendingHours:
    hours = values.mapping(name, value)
    values.only(hours, ("from", "to", "channels", "purposes", "source"), f"{name}.")
    start, end = _span(name, hours, "from", "to")
    return SendingHours(
        start,
        end,
        _given(name, hours, "channels", values.channels),
        _given(name, hours, "purposes", values.texts),
        _given(name, hours, "source", values.text),
    )


def windows(name: str, value: Any) -> Mapping[Channel, Window]:
    read = values.many(name, value, _window)
    if len({window.channel for window in read}) < len(read):
        raise wrong(name, "channel_twice")
    return {window.channel: window for window in read}


def cap(name: str, value: Any) -> Cap:
    given = values.mapping(name, value)
    values.only(given, ("limit", "days", "hours", "per", "scope", "channels", "purposes"), f"{name}.")
    limit = values.whole(f"{name}.limit", given.get("limit"))
    spans = [unit for unit in ("days", "hours", "per") if unit in given]
    if len(spans) != 1:
        raise wrong(name, "needs_one_span")
    per = _given(name, given, "per", partial(values.word, words=Period))
    window = LONGEST_PERIOD[per] if per is not None else _rolling(name, spans[0], given[spans[0]])
    scope = values.word(f"{name}.scope", given.get("scope", CapScope.OVERALL), CapScope)
    on = _given(name, given, "channels", values.channels)
    return Cap(limit, window, scope, per, on, _given(name, given, "purposes", values.texts))


def yields(name: str, value: Any) -> timedelta | None:
    if value is None:
        return None
    given = values.mapping(name, value)
    values.only(given, ("minutes",), f"{name}.")
    return timedelta(minutes=values.positive(f"{name}.minutes", given.get("minutes")))


def costs(name: str, value: Any) -> Mapping[Channel, float]:
    return _by_channel(name, value, values.amount)


def fallback(name: str, value: Any) -> timedelta | None:
    if value is None:
        return None
    given = values.mapping(name, value)
    values.only(given, ("hours",), f"{name}.")
    hours = values.positive(f"{name}.hours", given.get("hours"))
    if timedelta(hours=min(hours, 1e6)) > LONGEST_FALLBACK:
        raise wrong(f"{name}.hours", "fallback_too_long")
    return timedelta(hours=hours)


def arbitration(name: str, value: Any) -> Arbitration:
    given, usual = values.mapping(name, value), DEFAULT_POLICY[name]
    values.only(given, usual, f"{name}.")
    order = values.many(f"{name}.order", given.get("order", usual["order"]), partial(values.word, words=Arbiter))
    if not order or len(set(order)) < len(order):
        raise wrong(f"{name}.order", "no_order")
    budget = values.mapping(f"{name}.budget", given.get("budget", usual["budget"]))
    values.only(budget, ("hours", "cost"), f"{name}.budget.")
    return Arbitration(
        order=order,
        within_ms=values.whole(f"{name}.within_ms", given.get("within_ms", usual["within_ms"]), least=1),
        most_hours=_given(f"{name}.budget", budget, "hours", values.positive),
        most_cost=_given(f"{name}.budget", budget, "cost", values.amount),
    )


def weights(name: str, value: Any) -> Weights:
    given, usual = values.mapping(name, value), DEFAULT_POLICY[name]
    values.only(given, usual, f"{name}.")
    whole = {**usual, **given}
    channel = _by_channel(f"{name}.channel", whole.pop("channel"), values.number)
    return Weights(channel=channel, **{key: values.number(f"{name}.{key}", one) for key, one in whole.items()})


def _requirement(layer: Gate, name: str, value: Any) -> Requirement:
    given = values.mapping(name, value)
    values.only(given, ("name", "when", "for"), f"{name}.")
    try:
        rule = parse(given.get("when"))
    except InvalidInput as error:
        raise wrong(f"{name}.when", "no_rule", why=error.fault or error.message.removesuffix(".")) from error
    scope = _scope(f"{name}.for", given.get("for", {}))
    return Requirement(layer, values.text(f"{name}.name", given.get("name")), rule, rule.text(), scope)


def _scope(name: str, value: Any) -> Scope:
    given = values.mapping(name, value)
    values.only(given, ("channels", "templates", "campaigns", "purposes"), f"{name}.")
    return Scope(
        channels=_given(name, given, "channels", values.channels),
        templates=_given(name, given, "templates", values.texts),
        campaigns=_given(name, given, "campaigns", values.texts),
        purposes=_given(name, given, "purposes", values.texts),
    )


def _window(name: str, value: Any) -> Window:
    given = values.mapping(name, value)
    values.only(given, ("channel", "hours", "except", "source"), f"{name}.")
    hours = values.positive(f"{name}.hours", given.get("hours"))
    exempt = values.mapping(f"{name}.except", given.get("except", {}))
    values.only(exempt, ("templates", "purposes"), f"{name}.except.")
    return Window(
        values.channel(f"{name}.channel", given.get("channel")),
        timedelta(hours=hours),
        _given(f"{name}.except", exempt, "templates", values.texts) or frozenset(),
        _given(f"{name}.except", exempt, "purposes", values.texts) or frozenset(),
        _given(name, given, "source", values.text),
    )


def _rolling(name: str, unit: str, value: Any) -> timedelta:
    window = timedelta(**{unit: values.number(f"{name}.{unit}", value)})
    if not timedelta(0) < window <= LONGEST_CAP:
        raise wrong(name, "no_window")
    return window


def _span(name: str, hours: Mapping[str, Any], first: str, last: str) -> tuple[time, time]:
    start, end = (values.moment(f"{name}.{edge}", hours.get(edge)) for edge in (first, last))
    if start == end:
        raise wrong(name, "all_day", first=first, last=last)
    return start, end


def _given(name: str, value: Mapping[str, Any], key: str, read: Callable[[str, Any], T]) -> T | None:
    return read(f"{name}.{key}", value[key]) if key in value else None


def _by_channel(name: str, value: Any, read: Callable[[str, Any], float]) -> Mapping[Channel, float]:
    given = values.mapping(name, value)
    return {values.channel(name, key): read(f"{name}.{key}", one) for key, one in given.items()}
