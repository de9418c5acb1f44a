"""May we write to this person on this channel? Who they are, what they agreed to, and where they can be reached."""

from collections.abc import Sequence

from rules.consent import Basis, newest
from rules.facts import Address, Candidate
from rules.gates.case import Case
from rules.verdicts import Reason
from rules.words import Gate


def known(case: Case) -> Reason | None:
    """A profile that was merged or deleted receives nothing."""
    if case.facts.active:
        return None
    return Reason(Gate.UNKNOWN_PROFILE, "The profile was merged into another or deleted.")


def consent(case: Case, candidate: Candidate) -> Reason | None:
    """The purpose's legal basis says whether consent is needed; a withdrawal counts except for a legal obligation."""
    if case.basis is Basis.LEGAL_OBLIGATION:
        return None
    purpose, channel = case.campaign.purpose, candidate.channel
    last = newest(case.facts.consents, purpose, channel)
    if last is None:
        if case.basis is not Basis.CONSENT:
            return None
        return Reason(Gate.CONSENT, f"No consent for {purpose} on {channel} is on record.", {"purpose": purpose})
    if last.granted:
        return None
    at = last.at.isoformat()
    return Reason(
        Gate.CONSENT, f"Consent for {purpose} on {channel} was withdrawn at {at}.", {"purpose": purpose, "at": at}
    )


def suppression(case: Case, candidate: Candidate) -> Reason | None:
    """Suppressed are the person, the person on this channel, or every address they have on it."""
    if not case.facts.suppressions:
        return None
    channel = candidate.channel
    listed: dict[str, str] = {}
    for entry in case.facts.suppressions:
        if entry.channel is not None and entry.channel != channel:
            continue
        if entry.address is None:
            return Reason(Gate.SUPPRESSION, f"Suppressed: {entry.reason}.", {"reason": entry.reason})
        listed[entry.address] = entry.reason
    usable = {address.value for address in _there(case, candidate) if address.valid}
    if not usable or usable - listed.keys():
        return None
    why = listed[min(usable)]
    return Reason(Gate.SUPPRESSION, f"Every {channel} address is suppressed: {why}.", {"reason": why})


def reachable(case: Case, candidate: Candidate) -> Reason | None:
    """There is a valid address on the channel, and no message of the same run failed there."""
    there, channel = _there(case, candidate), candidate.channel
    for failed in case.facts.failed:
        if failed.channel == channel:
            return Reason(Gate.UNREACHABLE, f"The message on {channel} failed: {failed.why}.", {"failed": failed.why})
    for address in there:
        if address.valid:
            return None
    if not there:
        return Reason(Gate.UNREACHABLE, f"No {channel} address is known.")
    why = there[0].reason or "not valid"
    return Reason(Gate.UNREACHABLE, f"No {channel} address is valid: {why}.", {"reason": why, "addresses": len(there)})


def complete(case: Case, candidate: Candidate) -> Reason | None:
    """Every value that the template needs is known."""
    for lack in case.facts.lacks:
        if lack.template_id == candidate.template_id:
            needed = ", ".join(lack.names)
            return Reason(
                Gate.INCOMPLETE,
                f"The template {candidate.template_name} needs {needed}, which nobody fills.",
                {"template": candidate.template_name, "missing": list(lack.names)},
            )
    return None


def duplicate(case: Case, candidate: Candidate) -> Reason | None:
    """Nobody gets a message twice for having two profiles, and no mailbox gets two because two people share it."""
    for other in case.facts.reached:
        if other.is_person or other.channel == candidate.channel:
            return Reason(
                Gate.DUPLICATE,
                f"This campaign already writes to {other.profile}, who has the same {other.channel} address.",
                {"profile": other.profile, "channel": other.channel, "address": other.address},
            )
    return None


def _there(case: Case, candidate: Candidate) -> Sequence[Address]:
    return () if candidate.channel is None else case.addresses.get(candidate.channel, ())
