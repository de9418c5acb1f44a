"""The gates: each looks at one thing and gives a Reason against contacting a person, or None.

All of them are asked, so that a decision shows everything that stood against a candidate, not only the first. Some look
at the person alone and are asked once; the others look at the channel, or at the template where the policy names one.
Reasons are told in the order of the funnel (rules.words.Gate): what cannot change first, what passes by itself last.
"""

from collections.abc import Callable
from dataclasses import replace

from rules.facts import Candidate
from rules.gates.campaign import budget, campaign_window, control_group
from rules.gates.caps import frequency_cap, full_everywhere, priority
from rules.gates.case import Case, zone_of
from rules.gates.hours import provider_window, quiet_hours, sending_hours
from rules.gates.layers import unmet, unmet_at_all
from rules.gates.person import consent, duplicate, known, reachable, suppression
from rules.verdicts import Reason
from rules.words import Gate

__all__ = ["OF_CANDIDATE", "OF_PERSON", "Case", "against_candidate", "against_person", "asked", "zone_of"]

OF_PERSON: tuple[Callable[[Case], Reason | None], ...] = (known, campaign_window, control_group, quiet_hours)
OF_CANDIDATE: tuple[Callable[[Case, Candidate], Reason | None], ...] = (
    consent,
    suppression,
    reachable,
    duplicate,
    budget,
    frequency_cap,
    priority,
    provider_window,
    sending_hours,
)
_FUNNEL = {gate: place for place, gate in enumerate(Gate)}


def asked(case: Case) -> Case:
    """Find out once what the answer of more than one candidate rests on."""
    unmet_here, full_here = unmet_at_all(case), full_everywhere(case)
    return replace(case, unmet=unmet_here, full=full_here) if unmet_here or full_here else case


def against_person(case: Case) -> tuple[Reason, ...]:
    """Give what stands against writing to the person at all."""
    return tuple(reason for gate in OF_PERSON if (reason := gate(case)) is not None)


def against_candidate(case: Case, candidate: Candidate, of_person: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Give everything that stands against a candidate, in the order of the funnel; `of_person` is known already."""
    found = [reason for gate in OF_CANDIDATE if (reason := gate(case, candidate)) is not None]
    if case.unmet:
        found += unmet(case, candidate)
    if not found:
        return of_person
    return tuple(sorted([*of_person, *found], key=_place))


def _place(reason: Reason) -> int:
    return _FUNNEL[reason.gate]
