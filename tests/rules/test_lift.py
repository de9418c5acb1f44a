"""Two groups compared: the published examples, and what holds for any two groups."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from rules.lift import Group, Lift


@some.composite
def groups(draw: some.DrawFn, *, least: int = 0) -> Group:
    people = draw(some.integers(least, 2_000_000))
    return Group(people, draw(some.integers(0, people)))


@pytest.mark.parametrize(
    ("treated", "control", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_published_intervals_come_out(
    treated: tuple[int, int], control: tuple[int, int], low: float, high: float
) -> None:
    lift = Lift(Group(treated[1], treated[0]), Group(control[1], control[0]))
    assert lift.interval.low == pytest.approx(low, abs=5e-5)
    assert lift.interval.high == pytest.approx(high, abs=5e-5)


@given(groups())
def test_a_share_lies_in_its_interval_which_lies_between_0_and_1(group: Group) -> None:
    assert 0 <= group.interval.low <= group.share <= group.interval.high <= 1


@given(groups(), groups())
def test_a_difference_lies_in_its_interval_and_turns_round_with_the_groups(one: Group, other: Group) -> None:
    lift, turned = Lift(one, other), Lift(other, one)
    assert -1 <= lift.interval.low <= lift.difference <= lift.interval.high <= 1
    assert turned.difference == pytest.approx(-lift.difference)
    assert turned.interval.low == pytest.approx(-lift.interval.high)
    assert turned.is_clear == lift.is_clear


@given(groups(least=1))
# So large that a float has no room for an interval: 0 is its border on both sides, and is not left out.
@example(Group(10**17, 10**17))
def test_a_group_does_not_differ_clearly_from_itself(group: Group) -> None:
    assert not Lift(group, group).is_clear


def test_nothing_is_clear_without_a_control_group() -> None:
    lift = Lift(Group(1_000, 900), Group(0, 0))
    assert (lift.is_clear, lift.relative) == (False, None)


def test_a_relative_lift_is_a_part_of_what_the_control_group_did() -> None:
    assert Lift(Group(100, 15), Group(100, 10)).relative == pytest.approx(0.5)


@pytest.mark.parametrize(("people", "hits"), [(1, 2), (1, -1), (-1, -1)])
def test_more_than_everybody_is_refused(people: int, hits: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Group(people, hits)
