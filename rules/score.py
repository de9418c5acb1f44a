"""The score arbiter: a transparent sum, the same for the same facts, with every part kept as a feature.

score = channel weight + engagement x reaction rate - fatigue x recent contacts on the channel
"""

from collections.abc import Mapping

from rules.facts import Candidate, Facts
from rules.policy import OTHER_CHANNELS_WEIGHT, Policy
from rules.words import Action, OutcomeType

_REACTIONS = (OutcomeType.READ, OutcomeType.CLICKED, OutcomeType.REPLIED, OutcomeType.VISITED, OutcomeType.BOUGHT)


def score(facts: Facts, candidate: Candidate, policy: Policy) -> tuple[float, Mapping[str, float]]:
    """Give the score and the features that add up to it."""
    weights = policy.weights
    if candidate.action is not Action.SEND or candidate.channel is None:
        return weights.do_nothing, {"do_nothing": weights.do_nothing}
    features = {"channel": weights.channel.get(candidate.channel, OTHER_CHANNELS_WEIGHT)}
    if facts.outcomes:
        delivered = facts.outcomes.get(OutcomeType.DELIVERED, 0)
        reactions = sum(facts.outcomes.get(kind, 0) for kind in _REACTIONS)
        features["engagement"] = weights.engagement * min(1.0, reactions / (delivered + 1))
    if facts.contacts:
        recent = sum(contact.channel == candidate.channel for contact in facts.contacts)
        features["fatigue"] = -weights.fatigue * recent
    return sum(features.values()), features
