"""The gates: each looks at one thing and gives a Reason against contacting a person, or None.

Their order is the order of the funnel: what cannot change first, what passes by itself last. Every gate is asked for
every candidate, so that a decision shows all that stood against it, not only the first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from rules.control import in_control
from rules.facts import Campaign, Contact, Facts
from rules.policy import Cap, CapScope, Policy
from rules.verdicts import Reason
from rules.words import Channel, Gate

_EVERY_CAMPAIGN = "*"
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    """What a gate is asked about: one person, one campaign, one policy, one instant (aware)."""

    facts: Facts
    campaign: Campaign
    policy: Policy
    now: datetime


GateFunction = Callable[[Case, Channel], Reason | None]


def known(case: Case, _channel: Channel) -> Reason | None:
    """A profile that was merged or deleted receives nothing."""
    if case.facts.active:
        return None
    return Reason(Gate.UNKNOWN_PROFILE, "The profile was merged into another or deleted.")


def consent(case: Case, channel: Channel) -> Reason | None:
    """The newest consent for this purpose that covers the channel counts; a withdrawal counts without a policy too."""
    purpose = case.campaign.purpose
    covering = [c for c in case.facts.consents if c.purpose == purpose and c.channel in {None, channel}]
    if not covering:
        if not case.policy.required_consent:
            return None
        return Reason(Gate.CONSENT, f"No consent for {purpose} on {channel} is on record.", {"purpose": purpose})
    # At the same instant a withdrawal comes after a grant: in doubt for the person.
    newest = max(covering, key=lambda c: (c.at, not c.granted))
    if newest.granted:
        return None
    at = newest.at.isoformat()
    return Reason(
        Gate.CONSENT, f"Consent for {purpose} on {channel} was withdrawn at {at}.", {"purpose": purpose, "at": at}
    )


def suppression(case: Case, channel: Channel) -> Reason | None:
    """Suppressed: the person, the person on this channel, or every address they have there."""
    if not case.facts.suppressions:
        return None
    usable = {a.value for a in case.facts.addresses if a.channel == channel and a.valid}
    listed: dict[str, str] = {}
    for entry in case.facts.suppressions:
        if entry.channel not in {None, channel}:
            continue
        if entry.address is None:
            return Reason(Gate.SUPPRESSION, f"Suppressed: {entry.reason}.", {"reason": entry.reason})
        listed[entry.address] = entry.reason
    if not usable or usable - listed.keys():
        return None
    why = listed[min(usable)]
    return Reason(Gate.SUPPRESSION, f"Every {channel} address is suppressed: {why}.", {"reason": why})


def reachable(case: Case, channel: Channel) -> Reason | None:
    """There is a valid address on the channel."""
    there = [a for a in case.facts.addresses if a.channel == channel]
    if any(a.valid for a in there):
        return None
    if not there:
        return Reason(Gate.UNREACHABLE, f"No {channel} address is known.")
    why = there[0].reason or "not valid"
    return Reason(Gate.UNREACHABLE, f"No {channel} address is valid: {why}.", {"reason": why, "addresses": len(there)})


def duplicate(case: Case, channel: Channel) -> Reason | None:
    """Nobody gets a message twice because they are there twice, nor a mailbox because two share it."""
    for other in case.facts.reached:
        if other.is_person or other.channel == channel:
            return Reason(
                Gate.DUPLICATE,
                f"This campaign already writes to {other.profile}, who has the same {other.channel} address.",
                {"profile": other.profile, "channel": other.channel, "address": other.address},
            )
    return None


def campaign_window(case: Case, _channel: Channel) -> Reason | None:
    """Before the window one waits, after it nothing goes out."""
    start, end = case.campaign.starts_at, case.campaign.ends_at
    if end is not None and case.now >= end:
        return Reason(Gate.CAMPAIGN_WINDOW, f"The campaign ended at {end.isoformat()}.", {"ended_at": end.isoformat()})
    if start is not None and case.now < start:
        at = start.isoformat()
        return Reason(Gate.CAMPAIGN_WINDOW, f"The campaign starts at {at}.", {"starts_at": at}, until=start)
    return None


def control_group(case: Case, _channel: Channel) -> Reason | None:
    """Held back to measure: from every campaign, or from this one."""
    key = case.facts.ext_id
    if in_control(key, _EVERY_CAMPAIGN, case.policy.control_share):
        return Reason(
            Gate.CONTROL_GROUP,
            f"In the global control group of {case.policy.control_share * 100:g}%.",
            {"share": case.policy.control_share, "group": "global"},
        )
    if in_control(key, str(case.campaign.campaign_id), case.campaign.control_share):
        return Reason(
            Gate.CONTROL_GROUP,
            f"In this campaign's control group of {case.campaign.control_share * 100:g}%.",
            {"share": case.campaign.control_share, "group": "campaign"},
        )
    return None


def frequency_cap(case: Case, channel: Channel) -> Reason | None:
    """Each cap counts what went out in its rolling window; the one that lasts longest is told."""
    hits = [reason for cap in case.policy.caps if (reason := _capped(case, channel, cap)) is not None]
    return max(hits, key=_lasts_until, default=None)


def _lasts_until(reason: Reason) -> datetime:
    return reason.until or _FOREVER


def _capped(case: Case, channel: Channel, cap: Cap) -> Reason | None:
    since = case.now - cap.window
    counted = sorted(c.at for c in case.facts.contacts if c.at > since and _counts(cap, c, case, channel))
    if len(counted) < cap.limit:
        return None
    # Room for one more comes when enough of the oldest have left the window; a limit of 0 never gives room.
    until = counted[-cap.limit] + cap.window if cap.limit else None
    window = _span(cap.window)
    return Reason(
        Gate.FREQUENCY_CAP,
        f"{_many(len(counted), 'message')} in {window} ({cap.scope}), the cap is {cap.limit}.",
        {"sent": len(counted), "limit": cap.limit, "window": window, "scope": cap.scope},
        until=until,
    )


def _counts(cap: Cap, contact: Contact, case: Case, channel: Channel) -> bool:
    if cap.scope is CapScope.CHANNEL:
        return contact.channel == channel
    return cap.scope is CapScope.OVERALL or contact.campaign_id == case.campaign.campaign_id


def _span(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    return _many(hours / 24, "day") if hours % 24 == 0 else _many(hours, "hour")


def _many(count: float, thing: str) -> str:
    return f"{count:g} {thing}" if count == 1 else f"{count:g} {thing}s"


def quiet_hours(case: Case, _channel: Channel) -> Reason | None:
    """The person's night is theirs: wait until it ends where they are."""
    quiet = case.policy.quiet_hours
    if quiet is None:
        return None
    zone = zone_of(case.facts.zone) or zone_of(case.policy.zone) or UTC
    local = case.now.astimezone(zone)
    moment = local.time()
    wraps = quiet.end < quiet.start
    inside = (moment >= quiet.start or moment < quiet.end) if wraps else quiet.start <= moment < quiet.end
    if not inside:
        return None
    ends_on = local.date() + timedelta(days=1 if wraps and moment >= quiet.start else 0)
    # Within an hour that clocks repeat, `fold` tells that this is the second time: the end is the second one too.
    until = datetime.combine(ends_on, quiet.end.replace(fold=local.fold), tzinfo=zone).astimezone(UTC)
    # Where clocks jump over the end of quiet hours it may be past already: the next instant is soon enough.
    until = max(until, case.now.astimezone(UTC) + timedelta(minutes=1))
    return Reason(
        Gate.QUIET_HOURS,
        f"It is {local:%H:%M} in {zone}, quiet from {quiet.start:%H:%M} to {quiet.end:%H:%M}.",
        {"local_time": f"{local:%H:%M}", "zone": str(zone)},
        until=until,
    )


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo | None:
    """Give the zone of an IANA name, None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


GATES: tuple[GateFunction, ...] = (
    known,
    consent,
    suppression,
    reachable,
    duplicate,
    campaign_window,
    control_group,
    frequency_cap,
    quiet_hours,
)
