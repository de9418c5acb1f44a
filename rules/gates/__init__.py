"""The gates: each checks one thing and gives a Reason against contacting a person, or None.

All of them are asked, so that a decision shows everything against a candidate and not only the first reason. Some look
at the person alone and are asked once; the others look at the channel, or at the template if the policy names one.
Reasons are listed in the order of the funnel (rules.words.Gate): what cannot change first, what passes by itself last.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from rules.facts import Candidate
from rules.gates.campaign import budget, campaign_window, control_group
from rules.gates.caps import frequency_cap, full_everywhere, priority
from rules.gates.case import Case, zone_of
from rules.gates.hours import held_until, provider_window, quiet_hours, sending_hours
from rules.gates.layers import unmet, unmet_at_all
from rules.gates.person import complete, consent, duplicate, known, reachable, suppression
from rules.verdicts import Reason
from rules.words import Gate

__all__ = [
    "OF_CANDIDATE",
    "OF_PERSON",
    "Case",
    "OfCandidate",
    "against_candidate",
    "against_person",
    "asked",
    "gates_of",
    "held_until",
    "zone_of",
]

OfCandidate: TypeAlias = Callable[[Case, Candidate], Reason | None]

OF_PERSON: tuple[Callable[[Case], Reason | None], ...] = (known, campaign_window, control_group, quiet_hours)
OF_CANDIDATE: tuple[OfCandidate, ...] = (
    consent,
    suppression,
    reachable,
    complete,
    duplicate,
    budget,
    frequency_cap,
    priority,
    provider_window,
    sending_hours,
)
_FUNNEL = {gate: place for place, gate in enumerate(Gate)}


def asked(case: Case) -> Case:
    """Work out once what several candidates depend on."""
    unmet_here, full_here = unmet_at_all(case), full_everywhere(case)
    return replace(case, unmet=unmet_here, full=full_here) if unmet_here or full_here else case


def against_person(case: Case) -> tuple[Reason, ...]:
    """Give the reasons against writing to the person at all."""
    return tuple(reason for gate in OF_PERSON if (reason := gate(case)) is not None)


def gates_of(case: Case) -> tuple[OfCandidate, ...]:
    """Give the gates that have something to check; the others would refuse nobody on any channel."""
    facts, policy = case.facts, case.policy
    idle: dict[OfCandidate, bool] = {
        suppression: not facts.suppressions,
        complete: not facts.lacks,
        duplicate: not facts.reached,
        budget: facts.budget is None,
        frequency_cap: not policy.caps,
        priority: not facts.rivals,
        provider_window: not policy.windows,
        sending_hours: not policy.sending_hours,
    }
    return tuple(gate for gate in OF_CANDIDATE if not idle.get(gate, False))


def against_candidate(
    case: Case,
    candidate: Candidate,
    of_person: tuple[Reason, ...],
    gates: Sequence[OfCandidate] = OF_CANDIDATE,
) -> tuple[Reason, ...]:
    """Give every reason against a candidate, in the order of the funnel; `of_person` was found before."""
    found = []
    for gate in gates:
        reason = gate(case, candidate)
        if reason is not None:
            found.append(reason)
    if case.unmet:
        found += unmet(case, candidate)
    if not found:
        return of_person
    return tuple(sorted([*of_person, *found], key=_place))


def _place(reason: Reason) -> int:
    return _FUNNEL[reason.gate]
