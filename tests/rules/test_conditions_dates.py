"""Which text is a date, and which days have their anniversary soon."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions.dates import anniversaries, comes_within, day, days_before, instant
from rules.conditions.fold import FROM, TO, fold
from tests.rules.conditions_strategies import DATES, NO_DATES, TODAY
from tests.rules.strategies import quick

_days = st.dates(date(1, 1, 1), date(9999, 12, 31))


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_read(text: str) -> None:
    read = instant(text)
    assert read is not None
    assert read.tzinfo is not None
    assert day(text) == date.fromisoformat(text[:10])


@pytest.mark.parametrize("text", NO_DATES)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert instant(text) is None
    assert day(text) is None


@quick
@given(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32))
def test_the_days_of_the_calendar_and_no_others_are_dates(year: int, month: int, of_month: int) -> None:
    text = f"{year:04}-{month:02}-{of_month:02}"
    try:
        known: datetime | None = datetime(year, month, of_month, tzinfo=UTC)
    except ValueError:
        known = None
    assert instant(text) == known


@pytest.mark.parametrize("year", range(1896, 2105))
def test_29_february_is_a_date_in_leap_years_alone(year: int) -> None:
    leap = (date(year, 3, 1) - date(year, 2, 1)).days == 29
    assert (instant(f"{year}-02-29") is not None) is leap


@quick
@given(
    st.datetimes(timezones=st.timezones().map(lambda _: UTC)),
    st.sampled_from(["T", " "]),
    st.sampled_from(["", "Z", "+00:00", "-00:00"]),
)
def test_every_instant_as_python_writes_it_is_read(at: datetime, between: str, zone: str) -> None:
    assert instant(at.replace(tzinfo=None).isoformat(between) + zone) == at


@quick
@given(_days, st.integers(0, 366), st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_an_anniversary_is_within_days_where_one_of_them_is_it(born: date, days: int, today: date) -> None:
    assert comes_within(born, today, days) is (born.strftime("%m-%d") in anniversaries(today, days))


@pytest.mark.parametrize(
    ("born", "today", "days", "within"),
    [
        ("1992-02-29", "2026-02-28", 0, True),
        ("1992-02-29", "2026-03-01", 0, False),
        ("1992-02-29", "2028-02-28", 0, False),
        ("1992-02-29", "2028-02-28", 1, True),
        ("1992-02-29", "2028-02-29", 0, True),
        ("1990-01-02", "2025-12-31", 1, False),
        ("1990-01-02", "2025-12-31", 2, True),
        ("1990-03-01", "2026-03-02", 363, False),
        ("1990-03-01", "2026-03-02", 364, True),
    ],
)
def test_anniversaries_go_round_the_year_and_29_february_falls_back(
    born: str, today: str, days: int, *, within: bool
) -> None:
    assert comes_within(date.fromisoformat(born), date.fromisoformat(today), days) is within


def test_every_day_of_birth_comes_within_a_year() -> None:
    assert len(anniversaries(TODAY, 366)) == 366


def test_a_day_is_86400_seconds() -> None:
    assert days_before(datetime(2026, 3, 29, 12, tzinfo=UTC), 1.5) == datetime(2026, 3, 28, tzinfo=UTC)
    assert days_before(datetime(2026, 3, 1, tzinfo=UTC), -1) - datetime(2026, 3, 1, tzinfo=UTC) == timedelta(days=1)


def test_letters_fold_one_to_one_and_as_unicode_has_it() -> None:
    assert len(FROM) == len(TO) == len(set(FROM)) == 26 + 67
    assert all(small == capital.lower() for capital, small in zip(FROM, TO, strict=True))
    assert fold("ĐẮK LẮK, HUẾ") == "đắk lắk, huế"
    assert fold("İß₂ ÄΑ") == "İß₂ ÄΑ"
