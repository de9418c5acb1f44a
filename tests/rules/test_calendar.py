"""Calendar caps and sending hours against the plainest way to say them, through a year of clocks that jump."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import Campaign, Candidate, Contact, Facts
from rules.gates import Case, asked
from rules.gates.caps import frequency_cap
from rules.gates.hours import sending_hours
from rules.policy import Policy
from rules.words import Action, Channel
from tests.rules.strategies import quick

EMAIL = Candidate(0, Action.SEND, Channel.EMAIL, 11, "welcome", 1)
SPRING = Campaign(1, "Spring")
# One that puts clocks back over midnight, and one that puts them forward over it, among them.
ZONES = ("Asia/Ho_Chi_Minh", "America/Los_Angeles", "Europe/Paris", "Africa/Cairo", "America/Havana", "Pacific/Chatham")
# Cairo's and Havana's clocks change at midnight on these days, Paris' and Los Angeles' in their nights.
DAYS = (
    date(2026, 4, 23),
    date(2026, 10, 29),
    date(2026, 3, 8),
    date(2026, 11, 1),
    date(2026, 3, 29),
    date(2026, 12, 30),
)

near = st.builds(
    lambda day, minutes: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes),
    st.sampled_from(DAYS),
    st.integers(-2 * 24 * 60, 3 * 24 * 60),
)


def _period(at: datetime, zone: str, per: str) -> tuple[int, ...]:
    local = at.astimezone(ZoneInfo(zone))
    if per == "week":
        return tuple(local.isocalendar())[:2]
    return (local.year, local.month) if per == "month" else (local.year, local.month, local.day)


@quick
@given(
    st.sampled_from(ZONES),
    st.sampled_from(("day", "week", "month")),
    st.integers(1, 2),
    st.lists(near, max_size=4),
    near,
)
def test_a_calendar_cap_counts_what_lies_in_the_same_period(
    zone: str, per: str, limit: int, sent: list[datetime], now: datetime
) -> None:
    policy = Policy.parse({"caps": [{"limit": limit, "per": per}]})
    facts = Facts(1, "lan", zone, contacts=tuple(Contact(Channel.EMAIL, 2, at) for at in sent))
    same = [at for at in sent if _period(at, zone, per) == _period(now, zone, per)]
    reason = frequency_cap(asked(Case.of(facts, SPRING, policy, now)), EMAIL)

    assert (reason is not None) is (len(same) >= limit)
    if reason is None:
        return
    assert reason.until is not None
    assert now < reason.until
    before = reason.until - timedelta(microseconds=1)
    assert _period(before, zone, per) != _period(reason.until, zone, per)
    assert frequency_cap(asked(Case.of(facts, SPRING, policy, reason.until)), EMAIL) is None
    assert frequency_cap(asked(Case.of(facts, SPRING, policy, before)), EMAIL) is not None


minutes = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
spans = st.tuples(minutes, minutes).filter(lambda both: both[0] != both[1])


def _is_open(local: datetime, start: str, end: str) -> bool:
    clock = f"{local:%H:%M}"
    return start <= clock < end if start < end else clock >= start or clock < end


@quick
@given(st.sampled_from(ZONES), st.lists(spans, min_size=1, max_size=2), near)
def test_messages_wait_for_the_first_minute_in_which_all_sending_hours_are_open(
    zone: str, hours: list[tuple[str, str]], now: datetime
) -> None:
    policy = Policy.parse({"quiet_hours": None, "sending_hours": [{"from": start, "to": end} for start, end in hours]})
    facts = Facts(1, "lan", zone)

    def opened(at: datetime) -> bool:
        return all(_is_open(at.astimezone(ZoneInfo(zone)), *span) for span in hours)

    reason = sending_hours(Case.of(facts, SPRING, policy, now), EMAIL)
    assert (reason is None) is opened(now)
    if reason is None:
        return
    later = (now + timedelta(minutes=minute) for minute in range(1, 3 * 24 * 60))
    first = next((at for at in later if opened(at)), None)
    assert (reason.until is None) is (first is None)
    if reason.until is None or first is None:
        return
    assert opened(reason.until)
    # Where clocks change before it, the first minute may be one of an hour that is skipped or comes again: one may wait
    # for the next, and is never too early.
    is_usual = now.astimezone(ZoneInfo(zone)).utcoffset() == reason.until.astimezone(ZoneInfo(zone)).utcoffset()
    assert reason.until == first if is_usual else reason.until >= first


def test_a_week_is_one_of_iso_8601() -> None:
    policy = Policy.parse({"caps": [{"limit": 1, "per": "week"}]})
    sunday = datetime(2026, 3, 15, 16, 59, tzinfo=UTC)
    facts = Facts(1, "lan", "Asia/Ho_Chi_Minh", contacts=(Contact(Channel.EMAIL, 2, sunday - timedelta(days=6)),))
    reason = frequency_cap(asked(Case.of(facts, SPRING, policy, sunday)), EMAIL)
    assert reason is not None
    assert reason.until == sunday + timedelta(minutes=1)


@pytest.mark.parametrize("per", ["day", "week", "month"])
def test_contacts_are_gathered_as_far_back_as_a_period_can_begin(per: str) -> None:
    policy = Policy.parse({"caps": [{"limit": 1, "per": per}]})
    for day in range(366):
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=7)
        first = now - policy.longest_window
        for zone in ZONES:
            assert _period(first, zone, per) != _period(now, zone, per)
