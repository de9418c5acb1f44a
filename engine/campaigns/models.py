"""What a run will demand of its models, forecast from measured speed before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from engine.think.answers import speed
from rules.errors import Conflict
from rules.policy import Arbitration, Policy
from rules.words import Arbiter

_SQL = queries("campaigns")
# Before anything was measured: roughly what a small model takes on two cores, and a hosted one including the network.
_GUESSED_S: Mapping[Arbiter, float] = MappingProxyType({Arbiter.FUNCTIONGEMMA: 1.0, Arbiter.GEMINI: 1.0})
# A local model answers one at a time, a hosted one this many at once (engine/think/gateway.py).
_AT_ONCE: Mapping[Arbiter, int] = MappingProxyType({Arbiter.GEMINI: 4})


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What it takes if an arbiter decides for all `people`; with no `answers` measured yet, `seconds` is a guess.

    `seconds` is for one answer, `hours` and `cost` (in US dollars) for the run.
    """

    arbiter: Arbiter
    people: int
    answers: int
    seconds: float
    hours: float
    cost: float

    def to_document(self) -> dict[str, Any]:
        return {
            "arbiter": self.arbiter,
            "answers": self.answers,
            "seconds": round(self.seconds, 3),
            "hours": round(self.hours, 3),
            "cost": round(self.cost, 4),
        }


async def policy_of(conn: Transaction, *, campaign_id: int) -> Policy:
    """Give the policy in force for a campaign; raises InvalidInput if it cannot be read."""
    row = await (await conn.execute(_SQL["policy_in_force"], {"campaign_id": campaign_id})).fetchone()
    return Policy.parse({}) if row is None else Policy.parse(row["document"], version=row["version"])


async def forecast(conn: Transaction, *, arbitration: Arbitration, people: int) -> tuple[Forecast, ...]:
    """Give what each model that comes before the score would take."""
    found: list[Forecast] = []
    for arbiter in arbitration.order:
        if arbiter is Arbiter.SCORE:
            break
        measured = await speed(conn, arbiter=arbiter)
        seconds = measured.mean_s if measured.answers else _GUESSED_S.get(arbiter, 1.0)
        found.append(
            Forecast(
                arbiter=arbiter,
                people=people,
                answers=measured.answers,
                seconds=seconds,
                hours=people * seconds / _AT_ONCE.get(arbiter, 1) / 3600,
                cost=people * measured.cost,
            )
        )
    return tuple(found)


async def allow_run(conn: Transaction, *, campaign_id: int, run_id: int, people: int) -> tuple[Forecast, ...]:
    """Forecast a run and store the forecast with it; raises Conflict with the figures if the policy allows less.

    Only the model that is asked first is measured: the others answer only if it fails.
    """
    arbitration = (await policy_of(conn, campaign_id=campaign_id)).arbitration
    forecasts = await forecast(conn, arbitration=arbitration, people=people)
    if forecasts:
        _check(forecasts[0], arbitration)
        document = {
            "people": people,
            "arbiters": [one.to_document() for one in forecasts],
            "budget": {"hours": arbitration.most_hours, "cost": arbitration.most_cost},
        }
        await conn.execute(_SQL["set_forecast"], {"run_id": run_id, "forecast": Jsonb(document)})
    return forecasts


def _check(first: Forecast, arbitration: Arbitration) -> None:
    hours, cost = arbitration.most_hours, arbitration.most_cost
    said = f"{first.arbiter} would take {first.seconds:.3g} s for each of {first.people:,} people"
    if hours is not None and first.hours > hours:
        raise Conflict(
            f"{said}: {first.hours:,.3g} hours, and the policy allows {hours:g}.",
            remedy="Raise arbitration.budget.hours, choose a smaller segment, or let score choose.",
        )
    if cost is not None and first.cost > cost:
        raise Conflict(
            f"{said}, at a cost of {first.cost:,.4g} US dollars, and the policy allows {cost:g}.",
            remedy="Raise arbitration.budget.cost, choose a smaller segment, or let score choose.",
        )
