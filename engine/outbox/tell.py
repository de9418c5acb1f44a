"""Telling: rows that are due are taken into one worker's hands, told at once, and what came of it written down."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from channels.contract import MayHaveLeft, NeverLeft
from channels.http import HttpClient, HttpResponse
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.outbox.body import KEY_FIELD, Event, body
from engine.outbox.report import Report, get_report
from engine.queries import queries
from rules.errors import LeoError
from rules.words import Channel, OutcomeType

MOST_CLAIMED = 200
ABREAST = 8
# Longer than all calls of one claim may last: a row in the hands of a worker that is gone is due again then.
LEASE = timedelta(seconds=600)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
MOST_ATTEMPTS = 30
"""About a day with these pauses; afterwards a row waits until `leo outbox retry`."""
KEPT = timedelta(days=7)
LOOKED_THROUGH = 100
"""A person's newest events that are looked through for one that may have arrived."""
ERROR_LIMIT = 300
_FAILED = 400
_SAVE, _LIST = "/api/event/save", "/api/event/list"
_SQL = queries("outbox")


@dataclass(frozen=True, slots=True)
class Told:
    """How many rows were claimed, told, found to be there already, and failed."""

    claimed: int = 0
    told: int = 0
    found: int = 0
    failed: int = 0

    @property
    def is_full(self) -> bool:
        """Whether more is probably due."""
        return self.claimed == MOST_CLAIMED


@dataclass(frozen=True, slots=True)
class _Ended:
    """`error` is None where the CDP has it; `may_have_left`: nobody knows whether it has."""

    outbox_id: int
    attempts: int
    error: str | None = None
    may_have_left: bool = False
    was_there: bool = False


async def tell_due(db: Database, vault: Vault, http: HttpClient, *, tenant_id: UUID, now: datetime) -> Told:
    """Tell what is due of one tenant, up to MOST_CLAIMED; raises Unavailable where the database cannot be used.

    No connection is held while the CDP is asked.
    """
    async with db.transaction(tenant_id) as conn:
        values = {"now": now, "lease_until": now + LEASE, "most": MOST_CLAIMED}
        rows = await (await conn.execute(_SQL["claim"], values)).fetchall()
        reports: dict[int, Report | LeoError | None] = {}
        for source_id in {row["source_id"] for row in rows}:
            try:
                reports[source_id] = await get_report(conn, vault, tenant_id=tenant_id, source_id=source_id)
            except LeoError as error:
                reports[source_id] = error
    if not rows:
        return Told()
    turns = asyncio.Semaphore(ABREAST)

    async def one(row: DictRow) -> _Ended:
        async with turns:
            return await _tell(http, tenant_id, row, reports[row["source_id"]])

    ended = await asyncio.gather(*(one(row) for row in rows))
    async with db.transaction(tenant_id) as conn:
        await conn.execute(_SQL["results"], {"rows": Jsonb([_result(one, now) for one in ended]), "now": now})
    failed = sum(one.error is not None for one in ended)
    found = sum(one.was_there for one in ended)
    return Told(len(ended), len(ended) - failed - found, found, failed)


async def forget(conn: Transaction, *, before: datetime) -> None:
    """Remove what was told before an instant."""
    await conn.execute(_SQL["forget"], {"before": before})


async def _tell(http: HttpClient, tenant_id: UUID, row: DictRow, report: Report | LeoError | None) -> _Ended:
    place = (row["outbox_id"], row["attempts"])
    if isinstance(report, LeoError):
        return _Ended(*place, str(report))
    if report is None or row["outcome_id"] is None:
        return _Ended(*place)  # nobody wants it any more
    event = _event(tenant_id, row)
    try:
        if row["may_have_left"] and await _is_there(http, report, event):
            return _Ended(*place, was_there=True)
        document = json.dumps(body(event), ensure_ascii=False).encode()
        answer = await http.post(report.url + _SAVE, document, _headers(report))
    except NeverLeft as error:
        return _Ended(*place, str(error), may_have_left=row["may_have_left"])
    except MayHaveLeft as error:
        return _Ended(*place, str(error), may_have_left=True)
    wrong = _wrong(answer)
    return _Ended(*place, wrong, may_have_left=wrong is not None and row["may_have_left"])


async def _is_there(http: HttpClient, report: Report, event: Event) -> bool:
    """Look for an event among the person's newest; one without an e-mail or phone cannot be looked for."""
    who = {"primary_email": event.email, "primary_phone": event.phone}
    asked = {name: value for name, value in who.items() if value}
    if not asked:
        return False
    query = urlencode({**asked, "start_index": 0, "number_result": LOOKED_THROUGH})
    answer = await http.get(f"{report.url}{_LIST}?{query}", _headers(report))
    found = _document(answer).get("data")
    return isinstance(found, list) and any(_key(one) == event.key for one in found)


def _key(found: Any) -> Any:
    data = found.get("eventData", found.get("event_data")) if isinstance(found, Mapping) else None
    return data.get(KEY_FIELD) if isinstance(data, Mapping) else None


def _headers(report: Report) -> Mapping[str, str]:
    return {"Content-Type": "application/json", "tokenkey": report.token_key, "tokenvalue": report.token}


def _wrong(answer: HttpResponse) -> str | None:
    """Say what went wrong; LEO CDP answers HTTP 200 to most, and says in the body what it thinks of it."""
    document = _document(answer)
    codes = [document.get("httpCode"), document.get("errorCode"), answer.status]
    worst = max((code for code in codes if isinstance(code, int) and not isinstance(code, bool)), default=0)
    if worst < _FAILED and document.get("data"):
        return None
    said = str(document.get("errorMessage") or "no key of an event")[:ERROR_LIMIT]
    return f"The CDP answered {worst}: {said}"


def _document(answer: HttpResponse) -> Mapping[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _result(ended: _Ended, now: datetime) -> dict[str, Any]:
    pause = min(FIRST_PAUSE * 2 ** min(ended.attempts - 1, 20), LONGEST_PAUSE)
    is_over = ended.attempts >= MOST_ATTEMPTS
    return {
        "outbox_id": ended.outbox_id,
        "is_done": ended.error is None,
        "error": None if ended.error is None else ended.error.replace("\0", "")[:ERROR_LIMIT],
        "may_have_left": ended.may_have_left,
        "due_at": "infinity" if is_over else (now + pause).isoformat(),
    }


def _event(tenant_id: UUID, row: DictRow) -> Event:
    names: Sequence[str] = ("campaign_id", "campaign", "snapshot_id", "task_id", "decision_id", "delivery_event")
    return Event(
        tenant_id=tenant_id,
        outcome_id=row["outcome_id"],
        type=OutcomeType(row["type"]),
        channel=None if row["channel"] is None else Channel(row["channel"]),
        at=row["occurred_at"],
        value=row["value"],
        target=row["target"],
        profile=row["profile"],
        email=row["email"],
        phone=row["phone"],
        zalo=row["zalo"],
        about={name: row[name] for name in names if row[name] is not None},
    )
