"""May this campaign write now? Its window, its control group and its budget."""

from datetime import datetime

from rules.control import in_control
from rules.facts import Budget, Candidate
from rules.gates.case import Case
from rules.verdicts import Reason
from rules.words import Gate

_EVERY_CAMPAIGN = "*"
# Amounts of money are floats: a difference below a millionth is rounding.
_NEGLIGIBLE = 1e-6


def campaign_window(case: Case) -> Reason | None:
    """Before the window a message waits; after it none goes out."""
    start, end = case.campaign.starts_at, case.campaign.ends_at
    if end is not None and case.now >= end:
        return Reason(Gate.CAMPAIGN_WINDOW, f"The campaign ended at {end.isoformat()}.", {"ended_at": end.isoformat()})
    if start is not None and case.now < start:
        at = start.isoformat()
        return Reason(Gate.CAMPAIGN_WINDOW, f"The campaign starts at {at}.", {"starts_at": at}, until=start)
    return None


def control_group(case: Case) -> Reason | None:
    """Held back in order to measure: from every campaign, or from this one."""
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


def budget(case: Case, candidate: Candidate) -> Reason | None:
    """The cost of a message has to fit into what is left; a daily budget starts again the next day."""
    known = case.facts.budget
    if known is None or (known.until is not None and case.now >= known.until):
        return None
    if known.messages is not None and known.messages_used >= known.messages:
        return Reason(
            Gate.BUDGET,
            f"{known.messages_used:,} of {known.messages:,} messages {_whose(known)} are used up.",
            {"messages": known.messages, "used": known.messages_used},
            until=known.until if known.messages else None,
        )
    channel = candidate.channel
    cost = case.policy.costs.get(channel, 0.0) if channel is not None else 0.0
    if known.amount is None or not cost or known.amount_used + cost <= known.amount + _NEGLIGIBLE:
        return None
    spent = f"{known.amount_used:,.10g} of {known.amount:,.10g} {_whose(known)}"
    return Reason(
        Gate.BUDGET,
        f"A message on {channel} costs {cost:,.10g}, and {spent} is spent.",
        {"cost": cost, "amount": known.amount, "used": known.amount_used},
        until=_anew(known, cost),
    )


def _anew(known: Budget, cost: float) -> datetime | None:
    """Give when there is money again; None if one message costs more than the whole budget."""
    return None if known.amount is None or cost > known.amount + _NEGLIGIBLE else known.until


def _whose(known: Budget) -> str:
    return "for the campaign" if known.until is None else "for today"
