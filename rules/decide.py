"""`decide`: what to do for one person, from what is known, under a policy, at an instant. Pure.

Explaining, replaying, a dry run and a test case are this same call. Whoever chooses among the eligible candidates (the
arbiter) can only give an index into their list: it cannot invent an action, a channel or a template.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from rules.facts import Campaign, Candidate, Facts
from rules.gates import GATES, Case
from rules.policy import Policy
from rules.score import score
from rules.verdicts import CHOSEN, Decision, Reason, Verdict
from rules.words import Action, Arbiter, Gate

_FUNNEL = tuple(Gate)

# Gets the eligible verdicts in the order of their candidates, gives the place of one of them.
Choose = Callable[[Sequence[Verdict]], int]


def best_score(eligible: Sequence[Verdict]) -> int:
    """Choose the highest score, of equals the one with the lowest index, however they are listed."""
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
    """Give one decision with a verdict for each candidate, in the order given.

    `now` is aware; `candidates` holds do_nothing. A wait wins only where nothing may be sent now and the earliest
    moment lies inside the campaign's window. Raises ValueError where `choose` gives no index into its list.
    """
    case = Case(facts, campaign, policy, now)
    verdicts = tuple(_verdict(case, candidate) for candidate in candidates)
    sends = [verdict for verdict in verdicts if verdict.candidate.action is Action.SEND]
    if any(verdict.eligible for verdict in sends):
        return _chosen([verdict for verdict in verdicts if verdict.eligible], verdicts, choose, arbiter)
    waiting = [verdict for verdict in sends if verdict.wait_until is not None]
    if waiting:
        earliest = min(waiting, key=_moment)
        return Decision(
            Action.WAIT, _lasting(earliest).gate, verdicts, arbiter, earliest.candidate, wait_until=earliest.wait_until
        )
    nothing = next((v.candidate for v in verdicts if v.candidate.action is Action.DO_NOTHING), None)
    return Decision(Action.DO_NOTHING, _furthest(sends), verdicts, arbiter, nothing)


def _verdict(case: Case, candidate: Candidate) -> Verdict:
    channel = candidate.channel
    if candidate.action is not Action.SEND:
        value, features = score(case.facts, candidate, case.policy)
        return Verdict(candidate, eligible=True, score=value, features=features)
    if channel is None:
        raise ValueError(f"candidate {candidate.index} sends, and has no channel")
    reasons = tuple(reason for gate in GATES if (reason := gate(case, channel)) is not None)
    if not reasons:
        value, features = score(case.facts, candidate, case.policy)
        return Verdict(candidate, eligible=True, score=value, features=features)
    until = _passes_at(reasons)
    ends_at = case.campaign.ends_at
    if until is not None and ends_at is not None and until >= ends_at:
        too_late = Reason(
            Gate.CAMPAIGN_WINDOW,
            f"It could go out at {until.isoformat()}, after the campaign's end at {ends_at.isoformat()}.",
            {"ended_at": ends_at.isoformat()},
        )
        return Verdict(candidate, eligible=False, reasons=(*reasons, too_late))
    return Verdict(candidate, eligible=False, reasons=reasons, wait_until=until)


def _passes_at(reasons: Sequence[Reason]) -> datetime | None:
    """Give the moment when all reasons have ended by themselves; None where one of them does not."""
    latest: datetime | None = None
    for reason in reasons:
        if reason.until is None:
            return None
        latest = reason.until if latest is None else max(latest, reason.until)
    return latest


def _chosen(eligible: Sequence[Verdict], verdicts: tuple[Verdict, ...], choose: Choose, arbiter: Arbiter) -> Decision:
    place = choose(eligible)
    if not 0 <= place < len(eligible):
        raise ValueError(f"arbiter {arbiter} gave {place} for a list of {len(eligible)}")
    candidate = eligible[place].candidate
    return Decision(candidate.action, CHOSEN, verdicts, arbiter, candidate)


def _moment(verdict: Verdict) -> tuple[datetime, int]:
    if verdict.wait_until is None:
        raise ValueError("a verdict that does not wait has no moment")
    return verdict.wait_until, verdict.candidate.index


def _lasting(verdict: Verdict) -> Reason:
    return next(reason for reason in verdict.reasons if reason.until == verdict.wait_until)


def _furthest(sends: Sequence[Verdict]) -> str:
    """Name the gate that stopped the candidate which came furthest; without any candidate none was approved."""
    if not sends:
        return Gate.NOT_APPROVED
    return max((_stopped(verdict) for verdict in sends), key=_FUNNEL.index)


def _stopped(verdict: Verdict) -> Gate:
    """Give the first gate that does not pass by itself; a wait that ends too late has the window, given last."""
    return next(reason.gate for reason in verdict.reasons if reason.until is None)
