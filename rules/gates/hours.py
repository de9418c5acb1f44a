"""At what time? The provider's window, the sending hours and the quiet hours, all in the person's own time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from rules import editions
from rules.facts import Campaign, Candidate, Facts
from rules.gates.case import Case
from rules.policy import Policy, SendingHours
from rules.verdicts import Reason
from rules.words import Action, Channel, Gate


def provider_window(case: Case, candidate: Candidate) -> Reason | None:
    """Some providers carry a message only for a while after the person was last heard there; waiting does not help."""
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
    """All sending hours that apply to the message have to be open."""
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
    """Quiet hours belong to the person: wait until they end where the person is."""
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
    """Give when a message decided earlier may leave, by the policy's hours in `zone`; None if it may leave now.

    If the hours leave no open moment in any day, ask again a day later: the policy may have changed by then.
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
    """Give the next instant after `local` at which the local clocks show `moment`, in UTC."""
    day = local.date() + timedelta(days=1 if local.time() >= moment else 0)
    # In an hour that the clocks repeat, `fold` says that this is the second time, so the end is the second one too.
    at = datetime.combine(day, moment.replace(fold=local.fold), tzinfo=local.tzinfo).astimezone(UTC)
    now = local.astimezone(UTC)
    soon = now + timedelta(minutes=1)
    if edition == editions.FIRST:
        return max(at, soon)
    # If the clocks skip that moment, it may be in the past already: then the next minute will do.
    return at if at > now else soon


def _opens_at(case: Case, hours: Sequence[SendingHours]) -> datetime | None:
    """Give the first instant at which all of `hours` are open; None if they and the quiet hours leave none."""
    if not _ever_open(case, hours):
        return None
    local = case.local
    # Each step moves to the start of a span that is closed now; all of them share an open moment within a few days.
    for _ in range(4 * len(hours)):
        moment = local.time()
        closed = [one for one in hours if not _inside(moment, one.start, one.end)]
        if not closed:
            break
        local = max(_next(local, one.start, case.edition) for one in closed).astimezone(case.local.tzinfo)
    return local.astimezone(UTC)


def _ever_open(case: Case, hours: Sequence[SendingHours]) -> bool:
    """Whether some moment of the day lies in all of them; if one does, so does the start of one of the spans."""
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
