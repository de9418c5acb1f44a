"""The table at which people are decided for, one after the other: what one uses up, the next no longer finds."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter_ns

from engine.budget import Purse, close_purse, open_purse
from engine.db import Transaction
from engine.frame import Frame
from engine.identity.twins import Twins
from engine.record import Sheet
from engine.think.recall import Choose
from rules.decide import conclude, weigh
from rules.facts import Facts
from rules.verdicts import Decision
from rules.words import Action, Channel

# Deciding for 64 people takes about 5 ms; the loop's other work (provider calls) should not have to wait longer.
_BREATH = 64


@dataclass(frozen=True, slots=True)
class Table:
    """`frame` holds for everybody at the table; `reached` and `purse` change from one person to the next."""

    frame: Frame
    now: datetime
    reached: Twins
    purse: Purse | None
    choose: Choose

    async def decide_all(
        self, everybody: Sequence[Facts], sheet_of: Callable[[int], Sheet]
    ) -> tuple[dict[int, Decision], list[bytes]]:
        """Decide for each, and give the rows to write, each on the sheet of its profile.

        Of twins only the first is sent to.
        """
        decisions: dict[int, Decision] = {}
        rows: list[bytes] = []
        for place, known in enumerate(everybody, start=1):
            started = perf_counter_ns()
            facts, decision, address = self._decide(known)
            latency_us = (perf_counter_ns() - started) // 1000
            decisions[facts.profile_id] = decision
            sheet = sheet_of(facts.profile_id)
            rows.append(sheet.row(facts, decision, address=address, latency_us=latency_us))
            if place % _BREATH == 0:
                await asyncio.sleep(0)
        return decisions, rows

    def _decide(self, known: Facts) -> tuple[Facts, Decision, str | None]:
        """Decide for one person, and give where the message goes."""
        frame, purse = self.frame, self.purse
        facts = self.reached.meet(known)
        if purse is not None:
            facts = replace(facts, budget=purse.budget)
        verdicts = weigh(facts, frame.candidates, frame.campaign, frame.policy, self.now)
        decision = conclude(verdicts, self.choose(facts, verdicts))
        chosen = decision.chosen
        if decision.action is Action.SEND and chosen is not None and chosen.channel is not None:
            address = address_of(facts, chosen.channel)
            self.reached.reach(facts, chosen.channel, address)
            if purse is not None:
                purse.spend(_cost(frame, chosen.channel))
            return facts, decision, address
        return facts, decision, None


async def purse_of(conn: Transaction, frame: Frame, now: datetime) -> Purse | None:
    """Open the purse before any person is locked, so that waiting for money holds nobody else up."""
    if frame.budget is None:
        return None
    return await open_purse(
        conn,
        campaign_id=frame.campaign.campaign_id,
        document=frame.budget,
        zone=frame.tenant_zone,
        now=now,
        people=len(frame.profile_ids),
        highest_cost=max((_cost(frame, channel) for channel in frame.channel_ids), default=0.0),
    )


async def pay(conn: Transaction, frame: Frame, purse: Purse | None, new: Iterable[Decision]) -> None:
    """Pay only for new messages: a batch that is decided again queues nothing and costs nothing."""
    if purse is None:
        return
    sent = [one.chosen.channel for one in new if one.action is Action.SEND and one.chosen is not None]
    amount = sum(_cost(frame, channel) for channel in sent if channel is not None)
    await close_purse(conn, purse, messages=len(sent), amount=amount)


def address_of(facts: Facts, channel: Channel) -> str:
    """Give the first valid address on the channel that is not suppressed; the gates made sure that there is one."""
    suppressed = {s.address for s in facts.suppressions if s.channel in {None, channel}}
    return next(a.value for a in facts.addresses if a.channel is channel and a.valid and a.value not in suppressed)


def _cost(frame: Frame, channel: Channel) -> float:
    return frame.policy.costs.get(channel, 0.0)
