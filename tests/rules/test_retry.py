"""When a failed message is tried again: later each time, never before the provider allows, not after it has expired."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.retry import FIRST_DELAY, LONGEST_ASKED, LONGEST_DELAY, MOST_ATTEMPTS, next_attempt
from tests.rules.strategies import quick

NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)
jitters = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, MOST_ATTEMPTS - 1)


@quick
@given(st.integers(1, 10_000), jitters)
def test_our_own_delay_has_bounds(attempt: int, jitter: float) -> None:
    at = next_attempt(attempt, NOW, jitter=jitter, most_attempts=20_000)
    assert at is not None
    assert FIRST_DELAY / 2 <= at - NOW <= LONGEST_DELAY * 1.5


@quick
@given(attempts, jitters)
def test_each_delay_is_at_least_the_one_before(attempt: int, jitter: float) -> None:
    one = next_attempt(attempt, NOW, jitter=jitter, most_attempts=MOST_ATTEMPTS + 2)
    two = next_attempt(attempt + 1, NOW, jitter=jitter, most_attempts=MOST_ATTEMPTS + 2)
    assert one is not None
    assert two is not None
    assert one <= two


@quick
@given(attempts, jitters, st.floats(0, LONGEST_ASKED.total_seconds()))
def test_a_provider_is_never_asked_before_it_allows(attempt: int, jitter: float, retry_after: float) -> None:
    at = next_attempt(attempt, NOW, jitter=jitter, retry_after=retry_after)
    assert at is not None
    asked = timedelta(seconds=retry_after)
    assert asked <= at - NOW <= asked * 1.1 + timedelta(microseconds=1)


@pytest.mark.parametrize("retry_after", [LONGEST_ASKED.total_seconds() + 1, 1e300, float("inf"), float("nan")])
def test_a_provider_that_asks_for_no_reasonable_time_is_not_asked_again(retry_after: float) -> None:
    assert next_attempt(1, NOW, jitter=0.5, retry_after=retry_after) is None


def test_a_time_that_is_past_means_now() -> None:
    assert next_attempt(1, NOW, jitter=0.5, retry_after=-30.0) == NOW


@quick
@given(st.integers(MOST_ATTEMPTS, 1000), jitters, st.none() | st.floats(0, 60))
def test_the_last_attempt_is_the_last(attempt: int, jitter: float, retry_after: float | None) -> None:
    assert next_attempt(attempt, NOW, jitter=jitter, retry_after=retry_after) is None


@quick
@given(attempts, jitters, st.none() | st.floats(0, 9000), st.integers(-10, 9000))
def test_nothing_is_tried_once_it_has_expired(
    attempt: int, jitter: float, retry_after: float | None, lasts: int
) -> None:
    expires_at = NOW + timedelta(seconds=lasts)
    free = next_attempt(attempt, NOW, jitter=jitter, retry_after=retry_after)
    bound = next_attempt(attempt, NOW, jitter=jitter, retry_after=retry_after, expires_at=expires_at)
    assert free is not None
    assert bound == (free if free < expires_at else None)


def test_the_instant_of_expiring_is_too_late() -> None:
    at = next_attempt(1, NOW, jitter=0.5)
    assert at is not None
    assert next_attempt(1, NOW, jitter=0.5, expires_at=at) is None
    assert next_attempt(1, NOW, jitter=0.5, expires_at=at + timedelta(microseconds=1)) == at
