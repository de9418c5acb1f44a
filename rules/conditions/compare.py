"""Comparing one value of a person as a rule asks. A value that is MISSING or cannot be compared gives false."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, cast

from rules.conditions.dates import comes_within, day, days_before, instant, resolve
from rules.conditions.fold import fold
from rules.conditions.nodes import Ago, Scalar, Test, Wanted

MISSING: Final = object()


def same(found: Any, wanted: Scalar) -> bool:
    """Whether two JSON scalars are equal: numbers by their decimal value, and true is not 1."""
    if isinstance(wanted, str):
        return isinstance(found, str) and found == wanted
    if wanted is None or isinstance(wanted, bool):
        return found is wanted
    return is_number(found) and exact(found) == exact(wanted)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def exact(number: float | Decimal) -> int | Decimal:
    """Give the number as JSON writes it, which is what jsonb compares: 1e23 is 10 ** 23, though no float is."""
    return Decimal(repr(number)) if isinstance(number, float) else number


def walk(attributes: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Follow the path through objects only; give the value there, or MISSING."""
    value: Any = attributes.get(path[0], MISSING)
    for name in path[1:]:
        # The parsed JSON holds plain dicts; testing for Mapping would take three times as long.
        if not isinstance(value, dict):
            return MISSING
        value = value.get(name, MISSING)
    return value


def passes(found: Any, test: Test, wanted: Wanted, now: datetime, today: date) -> bool:
    """Whether the value passes; `found` is JSON, a timestamp, or MISSING."""
    return _TESTS[test](found, wanted, now, today)


def _is(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return same(found, wanted)


def _is_not(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return not same(found, wanted)


def _in(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return any(same(found, one) for one in wanted)


def _not_in(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return not any(same(found, one) for one in wanted)


def _more_than(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return is_number(found) and exact(found) > exact(wanted)


def _at_least(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return is_number(found) and exact(found) >= exact(wanted)


def _less_than(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return is_number(found) and exact(found) < exact(wanted)


def _at_most(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return is_number(found) and exact(found) <= exact(wanted)


def _between(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return is_number(found) and exact(wanted[0]) <= exact(found) <= exact(wanted[1])


def _contains(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return isinstance(found, list | tuple) and any(same(one, wanted) for one in found)


def _contains_any(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return isinstance(found, list | tuple) and any(same(one, value) for one in found for value in wanted)


def _contains_none(found: Any, wanted: Any, now: datetime, today: date) -> bool:
    return not _contains_any(found, wanted, now, today)


def _includes(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return isinstance(found, str) and fold(wanted) in fold(found)


def _starts_with(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return isinstance(found, str) and fold(found).startswith(fold(wanted))


def _ends_with(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return isinstance(found, str) and fold(found).endswith(fold(wanted))


def _exists(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    return (found is not MISSING) is wanted


def _is_empty(found: Any, wanted: Any, _now: datetime, _today: date) -> bool:
    empty = found is MISSING or found is None or (isinstance(found, str | list | tuple | Mapping) and not found)
    return empty is wanted


def _before(found: Any, wanted: Any, now: datetime, _today: date) -> bool:
    at = moment(found)
    return at is not None and at < resolve(cast("datetime | Ago", wanted), now)


def _after(found: Any, wanted: Any, now: datetime, _today: date) -> bool:
    at = moment(found)
    return at is not None and at > resolve(cast("datetime | Ago", wanted), now)


def _in_last_days(found: Any, wanted: Any, now: datetime, _today: date) -> bool:
    at = moment(found)
    return at is not None and days_before(now, wanted) <= at <= now


def _in_next_days(found: Any, wanted: Any, now: datetime, _today: date) -> bool:
    at = moment(found)
    return at is not None and now <= at <= days_before(now, -wanted)


def _anniversary(found: Any, wanted: Any, _now: datetime, today: date) -> bool:
    born = _birthday(found)
    return born is not None and comes_within(born, today, wanted)


def moment(found: Any) -> datetime | None:
    """Give the instant that a text or a timestamp stands for."""
    if isinstance(found, str):
        return instant(found)
    return found if isinstance(found, datetime) else None


def _birthday(found: Any) -> date | None:
    if isinstance(found, str):
        return day(found)
    # The day in UTC, whatever zone the server's session has.
    return found.astimezone(UTC).date() if isinstance(found, datetime) else None


_TESTS: Mapping[Test, Callable[[Any, Any, datetime, date], bool]] = {
    Test.IS: _is,
    Test.IS_NOT: _is_not,
    Test.IN: _in,
    Test.NOT_IN: _not_in,
    Test.MORE_THAN: _more_than,
    Test.AT_LEAST: _at_least,
    Test.LESS_THAN: _less_than,
    Test.AT_MOST: _at_most,
    Test.BETWEEN: _between,
    Test.CONTAINS: _contains,
    Test.CONTAINS_ANY: _contains_any,
    Test.CONTAINS_NONE: _contains_none,
    Test.INCLUDES: _includes,
    Test.STARTS_WITH: _starts_with,
    Test.ENDS_WITH: _ends_with,
    Test.EXISTS: _exists,
    Test.IS_EMPTY: _is_empty,
    Test.BEFORE: _before,
    Test.AFTER: _after,
    Test.IN_LAST_DAYS: _in_last_days,
    Test.IN_NEXT_DAYS: _in_next_days,
    Test.ANNIVERSARY_IN_DAYS: _anniversary,
}
