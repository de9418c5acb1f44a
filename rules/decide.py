"""`decide`: what to do for one person, given the facts, a policy and an instant. Pure.

Explaining, replaying, a dry run and a test case are this same call. It has two steps, so that a model can be asked in
between: `weigh` lists for each candidate the reasons against it, and `conclude` makes the decision from these verdicts
and a choice. Whoever chooses (the arbiter) can only give a position in the list of `eligible` candidates: it cannot
invent an action, a channel or a template.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from rules import editions
from rules.arbitration import Choice
from rules.facts import Campaign, Candidate, Facts
from rules.gates import Case, OfCandidate, against_candidate, against_person, asked, gates_of
from rules.policy import Policy
from rules.score import scoring
from rules.verdicts import CHOSEN, Decision, Reason, Verdict
from rules.words import Action, Arbiter, Channel, Gate

_FUNNEL = tuple(Gate)
# The reasons against a candidate, and when all of them will have passed by themselves.
_Standing: TypeAlias = tuple[tuple[Reason, ...], datetime | None]
_FREE: _Standing = ((), None)
_NO_FEATURES: Mapping[str, float] = {}

# Gets the eligible verdicts in the order of their candidates and gives the position of one of them.
Choose = Callable[[Sequence[Verdict]], int]


def best_score(eligible: Sequence[Verdict]) -> int:
    """Choose the highest score; among equal scores the lowest index, whatever order they are listed in."""
    return max(range(len(eligible)), key=lambda place: (eligible[place].score or 0.0, -eligible[place].candidate.index))


def decide(
    facts: Facts,
    candidates: Sequence[Candidate],
    campaign: Campaign,
    policy: Policy,
    now: datetime,
    choose: Choose = best_score,
    arbiter: Arbiter = Arbiter.SCORE,
) -> Decision:
    """Weigh, let `choose` choose if something may be sent, and conclude.

    Raises ValueError if `choose` gives a position outside its list.
    """
    verdicts = weigh(facts, candidates, campaign, policy, now)
    place = choose(eligible(verdicts)) if _may_send(verdicts) else 0
    return conclude(verdicts, Choice(place=place, arbiter=arbiter))


def weigh(
    facts: Facts,
    candidates: Sequence[Candidate],
    campaign: Campaign,
    policy: Policy,
    now: datetime,
    edition: int = editions.CURRENT,
) -> tuple[Verdict, ...]:
    """Give a verdict for each candidate, in the order given. `now` is aware; `candidates` includes do_nothing.

    `edition` selects the edition of the rules; a past decision is weighed again under its own.

    Each gate is asked once about what it looks at: candidates that no gate can tell apart share their reasons.
    """
    case = asked(Case.of(facts, campaign, policy, now, edition))
    of_person, gates, scored = against_person(case), gates_of(case), scoring(facts, policy)
    by_template = policy.names_templates
    by_lack = bool(facts.lacks)
    known: dict[tuple[Channel | None, str | None, int | None], _Standing] = {}
    verdicts: list[Verdict] = []
    for candidate in candidates:
        standing = _FREE
        if candidate.action is Action.SEND:
            alike = (
                candidate.channel,
                candidate.template_name if by_template else None,
                candidate.template_id if by_lack else None,
            )
            standing = known.get(alike) or known.setdefault(alike, _standing(case, candidate, of_person, gates))
        reasons, until = standing
        value, features = (None, _NO_FEATURES) if reasons else scored(candidate)
        verdicts.append(Verdict(candidate, not reasons, reasons, until, value, features))
    return tuple(verdicts)


def eligible(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Give the verdicts that allow their candidate, by the candidates' index; doing nothing is one of them."""
    return tuple(sorted((verdict for verdict in verdicts if verdict.eligible), key=_index))


def conclude(verdicts: Sequence[Verdict], choice: Choice) -> Decision:
    """Make the decision: the choice if something may be sent; otherwise, without a choice, to wait or to do nothing.

    To wait is decided only if nothing may be sent now and the earliest possible moment is within the campaign's window.
    Raises ValueError if the choice gives a position outside the eligible ones.
    """
    verdicts = tuple(verdicts)
    if _may_send(verdicts):
        return _chosen(verdicts, choice)
    sends = [verdict for verdict in verdicts if verdict.candidate.action is Action.SEND]
    waiting = [verdict for verdict in sends if verdict.wait_until is not None]
    if waiting:
        earliest = min(waiting, key=_moment)
        return Decision(
            Action.WAIT,
            _lasting(earliest).gate,
            verdicts,
            Arbiter.SCORE,
            earliest.candidate,
            wait_until=_moment(earliest)[0].astimezone(UTC),
        )
    nothing = next((v.candidate for v in verdicts if v.candidate.action is Action.DO_NOTHING), None)
    return Decision(Action.DO_NOTHING, _furthest(sends), verdicts, Arbiter.SCORE, nothing)


def _may_send(verdicts: Sequence[Verdict]) -> bool:
    return any(verdict.eligible and verdict.candidate.action is Action.SEND for verdict in verdicts)


def _chosen(verdicts: tuple[Verdict, ...], choice: Choice) -> Decision:
    could, place = eligible(verdicts), choice.place
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(could):
        raise ValueError(f"arbiter {choice.arbiter} gave {place!r} for a list of {len(could)}")
    if choice.probabilities and len(choice.probabilities) != len(could):
        raise ValueError(
            f"arbiter {choice.arbiter} gave {len(choice.probabilities)} probabilities for a list of {len(could)}"
        )
    candidate = could[place].candidate
    return Decision(candidate.action, CHOSEN, verdicts, choice.arbiter, candidate, choice=choice)


def _standing(
    case: Case, candidate: Candidate, of_person: tuple[Reason, ...], gates: Sequence[OfCandidate]
) -> _Standing:
    if candidate.channel is None:
        raise ValueError(f"candidate {candidate.index} sends, and has no channel")
    reasons = against_candidate(case, candidate, of_person, gates)
    until = _passes_at(reasons)
    ends_at = case.campaign.ends_at
    if until is None or ends_at is None or until < ends_at:
        return reasons, until
    too_late = Reason(
        Gate.CAMPAIGN_WINDOW,
        f"It could go out at {until.isoformat()}, after the campaign's end at {ends_at.isoformat()}.",
        {"ended_at": ends_at.isoformat()},
    )
    return (*reasons, too_late), None


def _passes_at(reasons: Sequence[Reason]) -> datetime | None:
    """Give the moment when all reasons will have passed by themselves; None if one of them never does."""
    latest: datetime | None = None
    for reason in reasons:
        if reason.until is None:
            return None
        latest = reason.until if latest is None else max(latest, reason.until)
    return latest


def _index(verdict: Verdict) -> int:
    return verdict.candidate.index


def _moment(verdict: Verdict) -> tuple[datetime, int]:
    if verdict.wait_until is None:
        raise ValueError("a verdict that does not wait has no moment")
    return verdict.wait_until, verdict.candidate.index


def _lasting(verdict: Verdict) -> Reason:
    return next(reason for reason in verdict.reasons if reason.until == verdict.wait_until)


def _furthest(sends: Sequence[Verdict]) -> str:
    """Name the gate that stopped the candidate that got furthest; without any candidate, no template was approved."""
    if not sends:
        return Gate.NOT_APPROVED
    # Most candidates share their reasons with others, so each set of reasons is looked at once.
    shared = {id(verdict.reasons): verdict.reasons for verdict in sends}
    return max((_stopped(reasons) for reasons in shared.values()), key=_FUNNEL.index)


def _stopped(reasons: Sequence[Reason]) -> Gate:
    """Give the first gate that does not pass by itself; for a wait that ends too late it is the window, listed last."""
    return next(reason.gate for reason in reasons if reason.until is None)
