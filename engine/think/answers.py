"""Models' answers, remembered: each context is asked about once, however often it is needed and by whichever worker."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from engine.think.contract import Answer
from rules.words import Arbiter

_SQL = queries("think")
# A forecast uses this many answers, so that a model moved to another machine is believed within a run.
NEWEST = 1_000
# A context that nobody was in for this long is unlikely to come again, and the cost of models is looked at per month.
KEPT = timedelta(days=90)
# 50,000 rows go in about a second.
FORGOTTEN_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer as it was given, and who gave it."""

    arbiter: Arbiter
    answer: Answer


@dataclass(frozen=True, slots=True)
class Speed:
    """How long an answer takes, in seconds, and what it costs, in US dollars; from `answers` that were measured."""

    answers: int
    mean_s: float
    cost: float


@dataclass(frozen=True, slots=True)
class Usage:
    """How much one model was used on a day (UTC), to choose as `arbiter` or, without one, to read agent tasks.

    `cost` is in US dollars.
    """

    day: date
    arbiter: Arbiter | None
    model: str
    answers: int
    prompt_tokens: int
    answer_tokens: int
    cost: float


async def known(conn: Transaction, *, hashes: Collection[bytes]) -> dict[bytes, Remembered]:
    """Give the remembered answers for these contexts."""
    if not hashes:
        return {}
    rows = await (await conn.execute(_SQL["known"], {"hashes": sorted(hashes)})).fetchall()
    return {bytes(row["context_hash"]): _remembered(row) for row in rows}


async def remember(conn: Transaction, *, answers: Mapping[bytes, Remembered]) -> None:
    """Store answers by the hash of their context; one that is already stored stays."""
    if answers:
        rows = [_row(hashed, one) for hashed, one in answers.items()]
        await conn.execute(_SQL["remember"], {"answers": Jsonb(rows)})


async def forget(conn: Transaction, *, before: datetime) -> int:
    """Remove answers from before an instant, 50,000 at once; decisions keep what they need.

    Gives how many were removed.
    """
    values = {"before": before, "arbiters": list(Arbiter), "most": FORGOTTEN_AT_ONCE}
    return (await conn.execute(_SQL["forget"], values)).rowcount


async def speed(conn: Transaction, *, arbiter: Arbiter) -> Speed:
    """Give how fast and how expensive the newest answers of an arbiter were."""
    row = await (await conn.execute(_SQL["speed"], {"arbiter": arbiter, "newest": NEWEST})).fetchone() or {}
    return Speed(**row)


async def usage(conn: Transaction, *, since: datetime) -> Sequence[Usage]:
    """Give how much models were used since an instant, by day, arbiter and model; answers are kept for 90 days."""
    rows = await (await conn.execute(_SQL["usage"], {"since": since})).fetchall()
    return [Usage(**{**row, "arbiter": row["arbiter"] and Arbiter(row["arbiter"])}) for row in rows]


def _row(hashed: bytes, one: Remembered) -> dict[str, Any]:
    answer = one.answer
    return {
        "hash": hashed.hex(),
        "arbiter": one.arbiter,
        "model": answer.model,
        "answer": {
            "place": answer.place,
            "probabilities": list(answer.probabilities),
            "prompt_hash": answer.prompt_hash.hex(),
        },
        "latency_us": round(answer.latency_ms * 1000),
        "prompt_tokens": answer.prompt_tokens,
        "answer_tokens": answer.answer_tokens,
        "cost": answer.cost,
    }


def _remembered(row: Mapping[str, Any]) -> Remembered:
    kept = row["answer"]
    answer = Answer(
        place=kept["place"],
        probabilities=tuple(kept["probabilities"]),
        prompt_hash=bytes.fromhex(kept["prompt_hash"]),
        model=row["model"],
        latency_ms=row["latency_us"] / 1000,
        prompt_tokens=row["prompt_tokens"],
        answer_tokens=row["answer_tokens"],
        cost=row["cost"],
    )
    return Remembered(Arbiter(row["arbiter"]), answer)
