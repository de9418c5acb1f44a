"""Eligibility, applicability, suitability: the policy's own conditions, each evaluated once per person.

Every condition that does not hold is one refusal. Eligibility is whether the person may have the message at all,
applicability whether it means anything to them now, suitability whether it is good for them; the gates treat all three
alike.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from rules.conditions import Language
from rules.conditions.explain import explain
from rules.conditions.hold import holds
from rules.conditions.nodes import All, Any_, Leaf, Node, Not
from rules.conditions.person import Person
from rules.facts import Candidate
from rules.gates.case import Case, Unmet, zone_of
from rules.policy import Requirement
from rules.verdicts import Reason

_MOST_FOUND = 3
_LONGEST_SAID = 300


def unmet_at_all(case: Case) -> tuple[Unmet, ...]:
    """Evaluate every condition that concerns the campaign; give those that do not hold."""
    if not case.policy.requirements:
        return ()
    # Without a zone, `astimezone` would use that of this computer.
    today = case.now.astimezone(zone_of(case.policy.zone) or UTC).date()
    campaign = case.campaign
    return tuple(
        Unmet(requirement, reason)
        for requirement in case.policy.requirements
        if requirement.scope.concerns(campaign.key, campaign.purpose)
        and (reason := _refusal(case, requirement, today)) is not None
    )


def unmet(case: Case, candidate: Candidate) -> list[Reason]:
    """Give those that do not hold and apply to the candidate's channel and template."""
    return [
        one.reason for one in case.unmet if one.requirement.scope.covers(candidate.channel, candidate.template_name)
    ]


def _refusal(case: Case, requirement: Requirement, today: date) -> Reason | None:
    person, layer = case.facts.person, requirement.layer
    title = f'{layer.capitalize()} "{requirement.name}"'
    if person is None:
        return Reason(
            layer,
            f"{title} cannot be told: nothing was gathered that it looks at.",
            {"rule": requirement.name, "gathered": False},
        )
    if requirement.rule.holds(person, now=case.now, today=today):
        return None
    deciding = islice(_deciding(requirement.rule.tree, person, case.now, today), _MOST_FOUND)
    return Reason(
        layer,
        f"{title} does not hold: {_cut(requirement.asked)}.",
        {"rule": requirement.name, "found": [_found(leaf, person, case.now, today) for leaf in deciding]},
    )


def _deciding(node: Node, person: Person, now: datetime, today: date) -> Iterator[Leaf]:
    """Give the conditions that decided the result of a part: in a group, those of the parts with the same result."""
    if isinstance(node, Not):
        yield from _deciding(node.part, person, now, today)
    elif isinstance(node, All | Any_):
        came_out = holds(node, person, now, today)
        for part in node.parts:
            if holds(part, person, now, today) is came_out:
                yield from _deciding(part, person, now, today)
    else:
        yield node


def _found(leaf: Leaf, person: Person, now: datetime, today: date) -> dict[str, Any]:
    explained = explain(leaf, person, now, today, Language.EN)
    return {"text": _cut(explained.text), "found": _cut(explained.found), **explained.evidence}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}…"
