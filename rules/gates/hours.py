"""At what time? The provider's window, when messages may go out, and the person's night; hours are the person's own."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from rules import editions
from rules.facts import Campaign, Candidate, Facts
from rules.gates.case import Case
from rules.policy import Policy, SendingHours
from rules.verdicts import Reason
from rules.words import Action, Channel, Gate


def provider_window(case: Case, candidate: Candidate) -> Reason | None:
    """Some providers carry a message only so long after the person was last heard there; waiting does not help."""
    window = case.policy.windows.get(candidate.channel) if candidate.channel is not None else None
    if window is None:
        return None
    if case.campaign.purpose in window.exempt_purposes or candidate.template_name in window.exempt_templates:
        return None
    heard = case.facts.heard.get(window.channel)
    if heard is not None and case.now < heard + window.length:
        return None
    hours = window.length / timedelta(hours=1)
    evidence = {"hours": hours, "heard_at": None if heard is None else heard.isoformat(), "source": window.source}
    last = "The person was never heard" if heard is None else f"The person was last heard at {heard.isoformat()}"
    return Reason(
        Gate.PROVIDER_WINDOW, f"{last} on {window.channel}, its window is {hours:g} hours.", _without_none(evidence)
    )


def sending_hours(case: Case, candidate: Candidate) -> Reason | None:
    """Every span of sending hours that is about the message has to be open."""
    hours = [
        one
        for one in case.policy.sending_hours
        if (one.channels is None or candidate.channel in one.channels)
        and (one.purposes is None or case.campaign.purpose in one.purposes)
    ]
    moment = case.local.time()
    closed = next((one for one in hours if not _inside(moment, one.start, one.end)), None)
    if closed is None:
        return None
    zone, clock = str(case.local.tzinfo), _clock(moment)
    return Reason(
        Gate.SENDING_HOURS,
        f"It is {clock} in {zone}, {candidate.channel} goes out from {_clock(closed.start)} to {_clock(closed.end)}.",
        _without_none({"local_time": clock, "zone": zone, "source": closed.source}),
        until=_opens_at(case, hours),
    )


def quiet_hours(case: Case) -> Reason | None:
    """The person's night is theirs: wait until it ends where they are."""
    quiet = case.policy.quiet_hours
    if quiet is None or not _inside(case.local.time(), quiet.start, quiet.end):
        return None
    zone, clock = str(case.local.tzinfo), _clock(case.local.time())
    return Reason(
        Gate.QUIET_HOURS,
        f"It is {clock} in {zone}, quiet from {_clock(quiet.start)} to {_clock(quiet.end)}.",
        {"local_time": clock, "zone": zone},
        until=_next(case.local, quiet.end, case.edition),
    )


def held_until(policy: Policy, *, zone: str, channel: Channel, purpose: str, now: datetime) -> datetime | None:
    """Give when a message that was decided earlier may leave, by the policy's hours in `zone`; None where it may now.

    Hours that leave no moment of a day are asked again a day later: the policy may be another one by then.
    """
    case = Case.of(Facts(0, "", zone), Campaign(0, "", purpose), policy, now)
    closed = (quiet_hours(case), sending_hours(case, Candidate(0, Action.SEND, channel)))
    ends = [reason.until or now + timedelta(days=1) for reason in closed if reason is not None]
    return max(ends, default=None)


def _inside(moment: time, start: time, end: time) -> bool:
    if end < start:
        return moment >= start or moment < end
    return start <= moment < end


def _next(local: datetime, moment: time, edition: int) -> datetime:
    """Give the next instant after `local` when clocks there show `moment`, in UTC."""
    day = local.date() + timedelta(days=1 if local.time() >= moment else 0)
    # Within an hour that clocks repeat, `fold` tells that this is the second time: the end is the second one too.
    at = datetime.combine(day, moment.replace(fold=local.fold), tzinfo=local.tzinfo).astimezone(UTC)
    now = local.astimezone(UTC)
    soon = now + timedelta(minutes=1)
    if edition == editions.FIRST:
        return max(at, soon)
    # Where clocks jump over that moment it may be past already: the next minute is soon enough.
    return at if at > now else soon


def _opens_at(case: Case, hours: Sequence[SendingHours]) -> datetime | None:
    """Give the first instant when all of `hours` are open; None where they and the quiet hours never leave any."""
    if not _ever_open(case, hours):
        return None
    local = case.local
    # A step leads to the start of a closed span: some day all of them have the same open moment.
    for _ in range(4 * len(hours)):
        moment = local.time()
        closed = [one for one in hours if not _inside(moment, one.start, one.end)]
        if not closed:
            break
        local = max(_next(local, one.start, case.edition) for one in closed).astimezone(case.local.tzinfo)
    return local.astimezone(UTC)


def _ever_open(case: Case, hours: Sequence[SendingHours]) -> bool:
    """Whether one moment of a day lies in all of them: if any does, then one at which a span begins."""
    quiet = case.policy.quiet_hours
    starts = [one.start for one in hours] if quiet is None else [quiet.end, *(one.start for one in hours)]
    return any(
        all(_inside(moment, one.start, one.end) for one in hours)
        and (quiet is None or not _inside(moment, quiet.start, quiet.end))
        for moment in starts
    )


def _clock(moment: time) -> str:
    return moment.isoformat("minutes")


def _without_none(evidence: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in evidence.items() if value is not None}
