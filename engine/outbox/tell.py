"""Telling: a worker claims rows that are due, reports them at once, and writes down the results."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from rules.errors import LeoError, Unavailable
from rules.words import Channel, OutcomeType

MOST_CLAIMED = 200
ABREAST = 8
# A row held by a worker that is gone is due again after this. No row is begun that could outlast it: of 200 rows of a
# slow CDP, 8 at a time, the last would otherwise be told when another worker already has them.
LEASE = timedelta(seconds=600)
CALL_LIMIT_S = 45.0
"""For one row: searching for it, and telling it."""
# How long results are kept in memory while the database is away, and how often they are tried again, in seconds.
KEEP_TRYING_S, TRY_AGAIN_S = 60.0, 2.0
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
MOST_ATTEMPTS = 30
"""About a day with these pauses; after that a row waits for `leo outbox retry`."""
KEPT = timedelta(days=7)
LOOKED_THROUGH = 100
"""How many of a person's newest events are searched for one that may have arrived."""
ERROR_LIMIT = 300
_FAILED = 400
_SAVE, _LIST = "/api/event/save", "/api/event/list"
_SQL = queries("outbox")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """How many rows were claimed, told, found to be there already, failed, and given back without having been begun."""

    claimed: int = 0
    told: int = 0
    found: int = 0
    failed: int = 0
    released: int = 0

    @property
    def is_full(self) -> bool:
        """Whether there are probably more rows due."""
        return self.claimed == MOST_CLAIMED


@dataclass(frozen=True, slots=True)
class _Ended:
    """`error` is None if the CDP has it; `may_have_left`: nobody knows whether it has.

    `is_released`: it was not begun, and is as it was before.
    """

    outbox_id: int
    attempts: int
    error: str | None = None
    may_have_left: bool = False
    was_there: bool = False
    is_released: bool = False


@dataclass(slots=True)
class _Round:
    """One claim while it is being told; `began` is when it was made, by the monotonic clock."""

    http: HttpClient
    tenant_id: UUID
    reports: Mapping[int, Report | LeoError | None]
    waiting: deque[DictRow]
    began: float
    ended: list[_Ended] = field(default_factory=list)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began


async def tell_due(db: Database, vault: Vault, http: HttpClient, *, tenant_id: UUID, now: datetime) -> Told:
    """Tell what is due for one tenant, up to MOST_CLAIMED; raises Unavailable if the database cannot be used.

    No connection is held while the CDP is asked. Results are written down even if this is cancelled.
    """
    began = time.monotonic()
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
    work = _Round(http, tenant_id, reports, deque(rows), began)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(ABREAST, len(rows))):
                group.create_task(_tell_one_by_one(work))
    finally:
        work.ended += [_released(row) for row in work.waiting]
        await asyncio.shield(_write(db, work, now))
    done = [one for one in work.ended if not one.is_released]
    failed = sum(one.error is not None for one in done)
    found = sum(one.was_there for one in done)
    return Told(len(rows), len(done) - failed - found, found, failed, len(rows) - len(done))


async def forget(conn: Transaction, *, before: datetime) -> None:
    """Remove what was told before an instant."""
    await conn.execute(_SQL["forget"], {"before": before})


async def _tell_one_by_one(work: _Round) -> None:
    while work.waiting and work.age_s + CALL_LIMIT_S <= LEASE.total_seconds():
        row = work.waiting.popleft()
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                ended = await _tell(work.http, work.tenant_id, row, work.reports[row["source_id"]])
        except TimeoutError:
            why = f"The CDP gave no answer within {CALL_LIMIT_S:g} s."
            ended = _Ended(row["outbox_id"], row["attempts"], why, may_have_left=True)
        work.ended.append(ended)


async def _write(db: Database, work: _Round, now: datetime) -> None:
    """Write down the results of a claim, repeatedly while the database is away; raises Unavailable in the end."""
    while work.ended:
        at = now + timedelta(seconds=work.age_s)
        values = {"rows": Jsonb([_result(one, now, at) for one in work.ended]), "now": at}
        try:
            async with db.transaction(work.tenant_id) as conn:
                await conn.execute(_SQL["results"], values)
        except Unavailable as error:
            if work.age_s > KEEP_TRYING_S:
                raise
            log.warning("what a CDP was told waits for the database", extra={"error": str(error)})
            await asyncio.sleep(TRY_AGAIN_S)
        else:
            return


def _released(row: DictRow) -> _Ended:
    return _Ended(row["outbox_id"], row["attempts"], row["error"], row["may_have_left"], is_released=True)


async def _tell(http: HttpClient, tenant_id: UUID, row: DictRow, report: Report | LeoError | None) -> _Ended:
    place = (row["outbox_id"], row["attempts"])
    if isinstance(report, LeoError):
        return _Ended(*place, str(report), may_have_left=row["may_have_left"])
    if report is None or row["outcome_id"] is None:
        return _Ended(*place)  # nobody wants the row any more
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
    """Look for an event among the person's newest; one without e-mail, phone and Zalo id cannot be looked for.

    Raises MayHaveLeft if the CDP does not say what it has.
    """
    who = {"primary_email": event.email, "primary_phone": event.phone}
    asked = {name: value for name, value in who.items() if value}
    if not asked and event.social is not None:
        asked = {"social_media_ids": event.social}
    if not asked:
        return False
    query = urlencode({**asked, "start_index": 0, "number_result": LOOKED_THROUGH})
    answer = await http.get(f"{report.url}{_LIST}?{query}", _headers(report))
    found = _document(answer).get("data")
    if _worst(answer) >= _FAILED or not isinstance(found, list):
        raise MayHaveLeft(
            f"Nobody knows whether it is there: {_said(answer)}", remedy="It is looked for again.", cause="unseen"
        )
    return any(_key(one) == event.key for one in found)


def _key(found: Any) -> Any:
    data = found.get("eventData", found.get("event_data")) if isinstance(found, Mapping) else None
    return data.get(KEY_FIELD) if isinstance(data, Mapping) else None


def _headers(report: Report) -> Mapping[str, str]:
    return {"Content-Type": "application/json", "tokenkey": report.token_key, "tokenvalue": report.token}


def _wrong(answer: HttpResponse) -> str | None:
    """Say what went wrong; LEO CDP answers HTTP 200 to most requests and reports errors in the body."""
    if _worst(answer) < _FAILED and _document(answer).get("data"):
        return None
    return _said(answer)


def _worst(answer: HttpResponse) -> int:
    document = _document(answer)
    codes = [document.get("httpCode"), document.get("errorCode"), answer.status]
    return max((code for code in codes if isinstance(code, int) and not isinstance(code, bool)), default=0)


def _said(answer: HttpResponse) -> str:
    said = str(_document(answer).get("errorMessage") or "no key of an event")[:ERROR_LIMIT]
    return f"The CDP answered {_worst(answer)}: {said}"


def _document(answer: HttpResponse) -> Mapping[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _result(ended: _Ended, now: datetime, at: datetime) -> dict[str, Any]:
    """Give a row's result; a pause begins when its claim was made, and ends at `at` or later."""
    pause = min(FIRST_PAUSE * 2 ** min(ended.attempts - 1, 20), LONGEST_PAUSE)
    is_over = ended.attempts >= MOST_ATTEMPTS
    due_at = "infinity" if is_over else max(now + pause, at).isoformat()
    return {
        "outbox_id": ended.outbox_id,
        "attempts": ended.attempts,
        "unspent": int(ended.is_released),
        "is_done": ended.error is None and not ended.is_released,
        "error": None if ended.error is None else ended.error.replace("\0", "")[:ERROR_LIMIT],
        "may_have_left": ended.may_have_left,
        "due_at": now.isoformat() if ended.is_released else due_at,
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
