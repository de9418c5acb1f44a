"""The score arbiter: a transparent sum, the same for the same facts, with every part kept as a feature.

score = channel weight + engagement x reaction rate - fatigue x recent contacts on the channel
        + interest x share of the template's topics that the person cares about
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rules.facts import Candidate, Facts, Neighbourhood
from rules.policy import OTHER_CHANNELS_WEIGHT, Policy
from rules.words import Action, Channel, OutcomeType

_REACTIONS = (OutcomeType.READ, OutcomeType.CLICKED, OutcomeType.REPLIED, OutcomeType.VISITED, OutcomeType.BOUGHT)

Scored: TypeAlias = tuple[float, Mapping[str, float]]


def score(facts: Facts, candidate: Candidate, policy: Policy) -> Scored:
    """Give the score and the features that add up to it."""
    return scoring(facts, policy)(candidate)


def scoring(facts: Facts, policy: Policy) -> Callable[[Candidate], Scored]:
    """Give `score` for all candidates of one person; candidates that no feature distinguishes share one result."""
    weights = policy.weights
    nothing = weights.do_nothing, {"do_nothing": weights.do_nothing}
    engagement = weights.engagement * _reaction_rate(facts) if facts.outcomes else None
    around = facts.neighbourhood
    liked = None if around is None else _liked(around)
    shares: dict[tuple[str, ...], float | None] = {}
    known: dict[tuple[Channel, float | None], Scored] = {}

    def interest(topics: tuple[str, ...]) -> float | None:
        if not topics or liked is None:
            return None
        return weights.interest * sum(topic.casefold() in liked for topic in topics) / len(topics)

    def add(channel: Channel, share: float | None) -> Scored:
        features = {"channel": weights.channel.get(channel, OTHER_CHANNELS_WEIGHT)}
        if engagement is not None:
            features["engagement"] = engagement
        if facts.contacts:
            features["fatigue"] = -weights.fatigue * sum(contact.channel == channel for contact in facts.contacts)
        if share is not None:
            features["interest"] = share
        # jsonb drops the minus of -0.0, and a replay compares digit by digit: -0.0 + 0.0 is 0.0.
        features = {name: value + 0.0 for name, value in features.items()}
        return sum(features.values()), features

    def scored(candidate: Candidate) -> Scored:
        channel, topics = candidate.channel, candidate.topics
        if candidate.action is not Action.SEND or channel is None:
            return nothing
        share = shares[topics] if topics in shares else shares.setdefault(topics, interest(topics))
        answer = known.get((channel, share))
        if answer is None:
            answer = known[channel, share] = add(channel, share)
        return answer

    return scored


def _reaction_rate(facts: Facts) -> float:
    delivered = facts.outcomes.get(OutcomeType.DELIVERED, 0)
    reactions = sum(facts.outcomes.get(kind, 0) for kind in _REACTIONS)
    return min(1.0, reactions / (delivered + 1))


def _liked(around: Neighbourhood) -> frozenset[str]:
    """Give the keys and names of what the person is interested in or has bought."""
    return frozenset(
        word.casefold() for ties in (around.interests, around.bought) for tie in ties for word in (tie.key, tie.name)
    )
