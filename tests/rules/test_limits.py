"""A channel's limits: never more than the provider takes, whoever asks how often; realtime finds room."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidInput
from rules.limits import UNLIMITED, Pace, allowed, free_at, read_pace, spend
from rules.words import Lane
from tests.rules.strategies import quick

NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)
rates = st.sampled_from([0.5, 1.0, 2.0, 7.0, 30.0, 300.0, 4000 / 60])
# Each asks after so many milliseconds for so many at most.
asked = st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 64), st.sampled_from(Lane)), max_size=60)


@quick
@given(rates, asked)
def test_no_second_sees_more_than_the_provider_takes(per_second: float, takes: list[tuple[int, int, Lane]]) -> None:
    pace = Pace.within(per_second)
    now, spent_until = NOW, None
    taken: list[datetime] = []
    for after_ms, most, lane in takes:
        now += timedelta(milliseconds=after_ms)
        free = allowed(pace, spent_until, now, lane=lane)
        assert free is not None
        count = min(free, most)
        spent_until = spend(pace, spent_until, now, count)
        taken += [now] * count
    for start in taken:
        in_a_second = sum(start <= at < start + timedelta(seconds=1) for at in taken)
        assert in_a_second <= max(per_second, 1)


@quick
@given(rates, st.integers(1, 100), st.sampled_from(Lane))
def test_whoever_waits_as_long_as_told_may_take_one_and_not_before(rate: float, burst: int, lane: Lane) -> None:
    pace = Pace(rate=rate, burst=burst)
    free = allowed(pace, None, NOW, lane=lane)
    assert free is not None
    spent_until = spend(pace, None, NOW, free)
    at = free_at(pace, spent_until, NOW, lane=lane)
    assert allowed(pace, spent_until, at, lane=lane) == 1
    assert allowed(pace, spent_until, at - timedelta(microseconds=10), lane=lane) == 0


@quick
@given(rates, st.integers(2, 100))
def test_bulk_always_leaves_room_for_a_realtime_message(rate: float, burst: int) -> None:
    pace = Pace(rate=rate, burst=burst)
    free = allowed(pace, None, NOW, lane=Lane.BULK)
    assert free is not None
    assert free >= 1
    spent_until = spend(pace, None, NOW, free)
    assert allowed(pace, spent_until, NOW, lane=Lane.BULK) == 0
    assert (allowed(pace, spent_until, NOW, lane=Lane.REALTIME) or 0) >= 1


def test_what_is_not_used_is_not_saved_up() -> None:
    pace = Pace(rate=10, burst=5)
    spent_until = spend(pace, None, NOW, 1)
    later = NOW + timedelta(hours=1)
    assert allowed(pace, spent_until, later, lane=Lane.REALTIME) == 5
    spent_until = spend(pace, spent_until, later, 5)
    assert allowed(pace, spent_until, later, lane=Lane.REALTIME) == 0
    assert free_at(pace, spent_until, later, lane=Lane.REALTIME) == later + timedelta(seconds=0.1)


def test_bulk_leaves_a_fifth_of_the_bucket() -> None:
    assert allowed(Pace(rate=10, burst=50), None, NOW, lane=Lane.BULK) == 40


def test_bulk_gets_nothing_where_realtime_took_all_and_waits_for_its_own_part() -> None:
    pace = Pace(rate=10, burst=10)
    spent_until = spend(pace, None, NOW, 10)
    assert allowed(pace, spent_until, NOW, lane=Lane.BULK) == 0
    assert free_at(pace, spent_until, NOW, lane=Lane.BULK) == NOW + timedelta(seconds=0.3)


def test_who_comes_late_does_not_wait() -> None:
    pace = Pace(rate=10, burst=5)
    later = NOW + timedelta(hours=1)
    assert free_at(pace, spend(pace, None, NOW, 5), later, lane=Lane.REALTIME) == later


def test_a_part_of_a_microsecond_is_paid_in_full() -> None:
    assert spend(Pace(rate=3), None, NOW, 1) == NOW + timedelta(microseconds=333_334)


def test_without_a_limit_any_number_goes_out_at_once() -> None:
    assert allowed(UNLIMITED, None, NOW, lane=Lane.BULK) is None
    assert spend(UNLIMITED, None, NOW, 64) is None
    assert free_at(UNLIMITED, None, NOW, lane=Lane.BULK) == NOW


@pytest.mark.parametrize(
    ("document", "pace"),
    [
        (None, Pace.within(30, recipient_s=1)),
        ({}, Pace.within(30, recipient_s=1)),
        ({"per_second": 10}, Pace.within(10, recipient_s=1)),
        ({"per_second": 10, "burst": 20}, Pace(rate=10, burst=20, recipient_s=1)),
        ({"burst": 3}, Pace(rate=25, burst=3, recipient_s=1)),
        ({"per_second": None, "recipient_s": None}, UNLIMITED),
        ({"recipient_s": 0.5}, Pace(rate=25, burst=6, recipient_s=0.5)),
        ({"burst": 1}, Pace(rate=25, burst=1, recipient_s=1)),
        ({"per_second": 100_000, "burst": 100_000}, Pace(rate=100_000, burst=100_000, recipient_s=1)),
    ],
)
def test_settings_say_what_differs_from_the_provider(document: object, pace: Pace) -> None:
    assert read_pace(document, Pace.within(30, recipient_s=1)) == pace


@pytest.mark.parametrize(
    "document",
    [[], "30", {"per_minute": 3}, {"per_second": 0}, {"per_second": "10"}, {"per_second": True}, {"burst": 0},
     {"burst": 1.5}, {"burst": True}, {"burst": 100_001}, {"per_second": 100_001}, {"recipient_s": -1},
     {"per_second": float("nan")}],
)  # fmt: skip
def test_limits_that_cannot_be_meant_are_refused(document: object) -> None:
    with pytest.raises(InvalidInput):
        read_pace(document, UNLIMITED)
