"""A campaign's budget: what it may spend, what it has spent, and spending without ever overspending.

A batch that is far from the limit reads what is left at its start and writes what it spent at its end, so batches of a
campaign run in parallel. Near the limit, a batch locks what is left before it reads, and batches run one after the
other. Either way the final check is the locked sum at the end, in the transaction that queues the messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.db import Transaction
from engine.queries import queries
from rules.errors import Unavailable
from rules.facts import Budget

_SQL = queries("decide")
# This many batches of the same size may run at once without one of them overspending unseen.
AHEAD = 50
# As in rules/gates/campaign.py: sums of floats.
_NEGLIGIBLE = 1e-6


@dataclass(slots=True)
class Purse:
    """What one batch may spend: `budget` falls with each `spend`. `is_locked`: nobody else can spend meanwhile."""

    campaign_id: int
    day: date
    is_daily: bool
    is_locked: bool
    budget: Budget
    messages: int = 0
    amount: float = 0.0

    def spend(self, cost: float) -> None:
        self.messages += 1
        self.amount += cost
        used = self.budget
        self.budget = replace(used, messages_used=used.messages_used + 1, amount_used=used.amount_used + cost)


async def open_purse(
    conn: Transaction,
    *,
    campaign_id: int,
    document: Mapping[str, Any],
    zone: str,
    now: datetime,
    people: int,
    highest_cost: float,
) -> Purse:
    """Read what is left of the campaign's budget; `zone` is the tenant's, in whose days a daily budget counts.

    `people` and `highest_cost` bound what the batch can spend; if that may be too much, the budget is locked.
    """
    purse = await read_purse(conn, campaign_id=campaign_id, document=document, zone=zone, now=now)
    if not _is_tight(purse.budget, people * AHEAD, highest_cost):
        return purse
    return replace(purse, is_locked=True, budget=await _locked(conn, purse))


async def read_purse(
    conn: Transaction, *, campaign_id: int, document: Mapping[str, Any], zone: str, now: datetime
) -> Purse:
    """Read what is left of the campaign's budget without a lock, for callers that only want to know."""
    day = now.astimezone(ZoneInfo(zone)).date()
    is_daily = document.get("per") == "day"
    limits = Budget(
        messages=document.get("messages"),
        amount=document.get("amount"),
        until=_next_midnight(day, zone) if is_daily else None,
    )
    purse = Purse(campaign_id, day, is_daily, is_locked=False, budget=limits)
    return replace(purse, budget=await _used(conn, "spent", limits, _values(purse)))


async def close_purse(conn: Transaction, purse: Purse, *, messages: int, amount: float) -> None:
    """Write down what was spent on messages that are new, at most what `spend` was told.

    Raises Unavailable if others have spent the rest meanwhile: the batch has to be decided again, with the lock.
    """
    if not messages:
        return
    values = _values(purse)
    if not purse.is_locked:
        left = await _locked(conn, purse)
        if _is_over(left, messages, amount):
            raise Unavailable(
                f"The budget of campaign {purse.campaign_id} was used up while a batch of it was decided.",
                remedy="It is decided again, for what is left.",
            )
    await conn.execute(_SQL["spend"], {**values, "messages": messages, "amount": amount})


async def _locked(conn: Transaction, purse: Purse) -> Budget:
    """Give what is spent; nobody else can change it until the transaction ends."""
    values = _values(purse)
    if not purse.is_daily:
        await conn.execute(_SQL["spend_in_turn"], values)
    await conn.execute(_SQL["open_spend"], values)
    return await _used(conn, "lock_spend", purse.budget, values)


def _values(purse: Purse) -> dict[str, Any]:
    return {"campaign_id": purse.campaign_id, "day": purse.day, "is_daily": purse.is_daily}


async def _used(conn: Transaction, query: str, limits: Budget, values: Mapping[str, Any]) -> Budget:
    row = await (await conn.execute(_SQL[query], values)).fetchone()
    used = row or {"messages": 0, "amount": 0.0}
    return replace(limits, messages_used=used["messages"], amount_used=used["amount"])


def _is_tight(budget: Budget, messages: int, highest_cost: float) -> bool:
    return _is_over(budget, messages, messages * highest_cost)


def _is_over(budget: Budget, messages: int, amount: float) -> bool:
    too_many = budget.messages is not None and budget.messages_used + messages > budget.messages
    return too_many or (budget.amount is not None and budget.amount_used + amount > budget.amount + _NEGLIGIBLE)


def _next_midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
