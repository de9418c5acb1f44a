"""The control group: as large as it says, always the same people, and larger groups hold the smaller ones."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.control import in_control, position
from tests.rules import strategies as made
from tests.rules.strategies import quick

PEOPLE = 20_000
POSITIONS = [position(f"customer-{number}", "7") for number in range(PEOPLE)]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.5, 0.9])
def test_the_group_is_as_large_as_its_share(share: float) -> None:
    held = sum(place < share for place in POSITIONS)
    # Four standard deviations of a fair draw.
    assert abs(held / PEOPLE - share) < 4 * (share * (1 - share) / PEOPLE) ** 0.5


def test_groups_of_two_campaigns_are_independent() -> None:
    other = [position(f"customer-{number}", "8") for number in range(PEOPLE)]
    both = sum(here < 0.5 and there < 0.5 for here, there in zip(POSITIONS, other, strict=True))
    assert abs(both / PEOPLE - 0.25) < 4 * (0.25 * 0.75 / PEOPLE) ** 0.5


@quick
@given(made.words, made.words, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_group_holds_the_smaller_one(person: str, campaign: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert in_control(person, campaign, large) or not in_control(person, campaign, small)


@quick
@given(made.words, made.words)
def test_a_group_ends_just_before_the_place_of_its_share(person: str, campaign: str) -> None:
    place = position(person, campaign)
    assert not in_control(person, campaign, place)
    assert in_control(person, campaign, math.nextafter(place, 1))


@quick
@given(made.words, made.words)
def test_nobody_and_everybody_are_groups_too(person: str, campaign: str) -> None:
    assert 0 <= position(person, campaign) < 1
    assert in_control(person, campaign, 1.0)
    assert not in_control(person, campaign, 0.0)


def test_where_one_key_ends_is_never_in_doubt() -> None:
    assert position("ab", "c") != position("a", "bc")


def test_a_person_keeps_their_place_from_release_to_release() -> None:
    assert position("lan", "*") == pytest.approx(0.23549304011098238, abs=1e-15)
    assert position("lan", "1") == pytest.approx(0.6862598114524716, abs=1e-15)
