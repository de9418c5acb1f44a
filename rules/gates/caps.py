"""How often? Frequency caps, rolling or by calendar period, and which campaign goes first if only one message fits."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from rules.facts import Candidate, Contact, Rival
from rules.gates.case import Case, Full
from rules.policy import Cap, CapScope, Period
from rules.verdicts import Reason
from rules.words import Channel, Gate

_FOREVER = datetime.max.replace(tzinfo=UTC)
_DECEMBER = 12


def full_everywhere(case: Case) -> tuple[Full, ...]:
    """Ask the caps that count the same on every channel, once per person."""
    return tuple(
        Full(cap, reason)
        for cap in case.policy.caps
        if cap.scope is not CapScope.CHANNEL and (reason := _full(case, None, cap)) is not None
    )


def frequency_cap(case: Case, candidate: Candidate) -> Reason | None:
    """Each cap counts the messages that went out; among full caps the one that lasts longest is reported."""
    reasons = [one.reason for one in case.full if _covers(one.cap, case, candidate)]
    for cap in case.policy.caps:
        if cap.scope is CapScope.CHANNEL and _covers(cap, case, candidate):
            reason = _full(case, candidate.channel, cap)
            if reason is not None:
                reasons.append(reason)
    return max(reasons, key=_lasts_until) if reasons else None


def priority(case: Case, candidate: Candidate) -> Reason | None:
    """A campaign of higher priority that is due goes first if the caps leave no room for both.

    The wait lasts from `yields` before it is due until `yields` after, so that a stuck campaign does not hold up others
    for long.
    """
    rivals = _rivals(case) if case.facts.rivals else ()
    if not rivals:
        return None
    for cap in case.policy.caps:
        # A cap of the campaign's own is not shared. The rival's channel is not known yet, so assume that it wants the
        # same.
        if cap.scope is CapScope.CAMPAIGN or not _covers(cap, case, candidate):
            continue
        room = cap.limit - len(_counted(case, candidate.channel, cap))
        if 0 < room <= len(rivals):
            last = max(rivals, key=lambda rival: (rival.due_at, rival.campaign_id))
            return Reason(
                Gate.PRIORITY,
                f"{last.name} has priority {last.priority} and is due at {last.due_at.isoformat()}, "
                f"the caps leave room for {_many(room, 'message')}.",
                {"campaigns": [rival.campaign_id for rival in rivals], "priority": last.priority, "room": room},
                until=last.due_at + (case.policy.yields or timedelta(0)),
            )
    return None


def _rivals(case: Case) -> tuple[Rival, ...]:
    patience, own = case.policy.yields, case.campaign
    if patience is None:
        return ()
    return tuple(
        rival
        for rival in case.facts.rivals
        if rival.priority > own.priority and rival.due_at - patience <= case.now < rival.due_at + patience
    )


def _covers(cap: Cap, case: Case, candidate: Candidate) -> bool:
    return (cap.channels is None or candidate.channel in cap.channels) and (
        cap.purposes is None or case.campaign.purpose in cap.purposes
    )


def _full(case: Case, channel: Channel | None, cap: Cap) -> Reason | None:
    # Almost everybody: with fewer messages in total than the limit, the cap cannot be full.
    if len(case.facts.contacts) < cap.limit:
        return None
    counted = _counted(case, channel, cap)
    if len(counted) < cap.limit:
        return None
    window = _span(cap.window) if cap.per is None else f"one {cap.per}"
    return Reason(
        Gate.FREQUENCY_CAP,
        f"{_many(len(counted), 'message')} in {window} ({_whose(cap)}), the cap is {cap.limit}.",
        {"sent": len(counted), "limit": cap.limit, "window": window, "scope": cap.scope},
        until=_room_at(case, channel, cap, counted),
    )


def _room_at(case: Case, channel: Channel | None, cap: Cap, counted: list[datetime]) -> datetime | None:
    """Give when there is room for one more message; a limit of 0 never gives room."""
    if not cap.limit:
        return None
    if cap.per is None:
        # The moment when enough of the oldest have left the window.
        return counted[-cap.limit] + cap.window
    # Messages that are already planned may fill the next period too.
    first = _first_day(case.local.date(), cap.per)
    while True:
        first = _next_day(first, cap.per)
        if len(_within(case, channel, cap, cap.per, first)) < cap.limit:
            return _bounds(first, cap.per, case.local.tzinfo)[0]


def _counted(case: Case, channel: Channel | None, cap: Cap) -> list[datetime]:
    """Give when the messages that the cap counts went out, or will go out, the oldest first."""
    if cap.per is not None:
        return _within(case, channel, cap, cap.per, _first_day(case.local.date(), cap.per))
    since = case.now - cap.window
    return sorted(c.at for c in case.facts.contacts if c.at > since and _counts(cap, c, case, channel))


def _within(case: Case, channel: Channel | None, cap: Cap, per: Period, first: date) -> list[datetime]:
    start, end = _bounds(first, per, case.local.tzinfo)
    return [c.at for c in case.facts.contacts if start <= c.at < end and _counts(cap, c, case, channel)]


def _counts(cap: Cap, contact: Contact, case: Case, channel: Channel | None) -> bool:
    if cap.channels is not None and contact.channel not in cap.channels:
        return False
    # A message of unknown purpose counts, in favour of the person.
    if cap.purposes is not None and contact.purpose is not None and contact.purpose not in cap.purposes:
        return False
    if cap.scope is CapScope.CHANNEL:
        return contact.channel == channel
    return cap.scope is CapScope.OVERALL or contact.campaign_id == case.campaign.campaign_id


def _first_day(day: date, per: Period) -> date:
    if per is Period.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if per is Period.MONTH else day


def _next_day(first: date, per: Period) -> date:
    """Give the first day of the period after the one that begins on `first`."""
    if per is not Period.MONTH:
        return first + timedelta(days=1 if per is Period.DAY else 7)
    is_last = first.month == _DECEMBER
    return first.replace(year=first.year + is_last, month=1 if is_last else first.month + 1)


@lru_cache(maxsize=4096)
def _bounds(first: date, per: Period, zone: tzinfo | None) -> tuple[datetime, datetime]:
    """Give the first instant of a period and of the next one; the same for everybody in the zone."""
    return _midnight(first, zone), _midnight(_next_day(first, per), zone)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    """Give the first instant of a day; if the clocks skip midnight, the instant they skip to."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _lasts_until(reason: Reason) -> datetime:
    return reason.until or _FOREVER


def _whose(cap: Cap) -> str:
    """Describe what is counted, such as "overall" or "channel, of email"."""
    limits = [*sorted(cap.channels or ()), *sorted(cap.purposes or ())]
    return f"{cap.scope}, of {', '.join(limits)}" if limits else cap.scope


def _span(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    return _many(hours / 24, "day") if hours % 24 == 0 else _many(hours, "hour")


def _many(count: float, thing: str) -> str:
    return f"{count:g} {thing}" if count == 1 else f"{count:g} {thing}s"
