"""Taking up stuck work again from its last committed step: a run, a batch, a message, a report to the CDP.

Nothing is done twice: what was decided and sent stays, and what is left becomes due now. Who asked and why is recorded,
even if nothing could be done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from rules.errors import InvalidInput, NotFound
from rules.words import Lane

# Batches and messages of one run that become due at once; asking again moves the rest.
MOST = 10_000
SHOWN = 20
LONGEST_REASON = 500
_SQL = queries("stuck")


class What(StrEnum):
    """What can be taken up: a run (a wake-up is one too), one batch, a waiting message, an event of the outbox."""

    RUN = "run"
    BATCH = "batch"
    MESSAGE = "message"
    OUTBOX = "outbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeUp:
    """The record: where the work `stood`, how many batches or messages became due (`moved`), or why none did."""

    take_up_id: int
    what: What
    record_id: int
    reason: str
    asked_by: str
    stood: Mapping[str, Any]
    refused: str | None
    moved: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """A batch that could not be decided this often and is tried again at `due_at`."""

    batch_id: int
    run_id: int
    kind: str
    campaign_id: int
    campaign_name: str
    setbacks: int
    due_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What the CDP of a source was not told, and why; `is_given_up`: it is not tried any more."""

    outbox_id: int
    source: str | None
    attempts: int
    error: str
    is_given_up: bool
    created_at: datetime


async def take_up(
    conn: Transaction, *, what: What, record_id: int, reason: str, by: str, now: datetime
) -> tuple[TakeUp, dict[Lane, tuple[int, ...]]]:
    """Take one record up; gives the record of that, and the batches to announce to the workers of each lane.

    A second call finds nothing to move. Raises NotFound, and InvalidInput without a reason.
    """
    told = reason.strip()
    if not 0 < len(told) <= LONGEST_REASON:
        raise InvalidInput("Why is not said.", remedy=f"Give a reason of at most {LONGEST_REASON} characters.")
    row = await (await conn.execute(*_asked(what, record_id, now))).fetchone()
    if row is None:
        raise NotFound(f"There is no {what} {record_id}.", remedy="GET /operations shows what is stuck.")
    batches = {Lane.REALTIME: tuple(row["realtime"]), Lane.BULK: tuple(row["bulk"])}
    found = {"stood": row["stood"], "refused": row["refused"], "moved": row["moved"]}
    values = {"what": what.value, "record_id": record_id, "reason": told, "asked_by": by}
    written = await (await conn.execute(_SQL["record"], {**values, **found, "stood": Jsonb(row["stood"])})).fetchone()
    if written is None:
        raise NotFound("There is no tenant here.", remedy="Open a transaction of a tenant.")
    return TakeUp(**{**values, **found, "what": what}, **written), batches


async def taken_up(conn: Transaction, *, before: int | None = None, limit: int = 50) -> list[TakeUp]:
    """Give who took up what and why, the newest first."""
    rows = await (await conn.execute(_SQL["recorded"], {"before": before, "limit": limit})).fetchall()
    return [TakeUp(**{**row, "what": What(row["what"])}) for row in rows]


async def put_off(conn: Transaction) -> Sequence[PutOff]:
    """Give the first batches that could not be decided."""
    return [PutOff(**row) for row in await (await conn.execute(_SQL["put_off"], {"limit": SHOWN})).fetchall()]


async def untold(conn: Transaction) -> Sequence[Untold]:
    """Give the first events that a CDP was not told, those given up before others."""
    return [Untold(**row) for row in await (await conn.execute(_SQL["untold"], {"limit": SHOWN})).fetchall()]


def _asked(what: What, record_id: int, now: datetime) -> tuple[Any, dict[str, Any]]:
    match what:
        case What.MESSAGE:
            return _SQL["message"], {"delivery_id": record_id, "now": now}
        case What.OUTBOX:
            return _SQL["outbox"], {"outbox_id": record_id, "now": now}
        case _:
            run_id, batch_id = (record_id, None) if what is What.RUN else (None, record_id)
            return _SQL["run"], {"run_id": run_id, "batch_id": batch_id, "now": now, "most": MOST}
