"""Journeys of every kind, written straight into the tables, so that a trace is tested apart from what makes them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.queries import parse
from rules.facts import Candidate
from rules.verdicts import Reason, Verdict
from rules.words import Action, Channel, Gate
from tests.conftest import Tenant

SQL = parse(Path(__file__).with_name("journeys.sql").read_text(encoding="utf-8"), file="journeys.sql")
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
QUIET = "It is 23:10 in Asia/Ho_Chi_Minh; quiet hours last until 08:00."

_SEND = Candidate(0, Action.SEND, Channel.EMAIL, 1, "hello", 2)
_NOTHING = Candidate(1, Action.DO_NOTHING)


@dataclass(frozen=True, slots=True)
class Made:
    profile_id: int
    run_id: int
    decision_id: int
    event_id: int | None
    task_id: int | None
    delivery_id: int | None
    delivery_event_id: str | None


async def one(connection: Transaction, name: str, **values: Any) -> dict[str, Any]:
    row = await (await connection.execute(SQL[name], values)).fetchone()
    assert row is not None
    return row


async def base(connection: Transaction) -> dict[str, Any]:
    return await one(connection, "base")


async def person(connection: Transaction, ext_id: str) -> int:
    return int((await one(connection, "profile", ext_id=ext_id))["profile_id"])


async def journey(
    connection: Transaction,
    ground: dict[str, Any],
    profile_id: int,
    *,
    kind: str = "snapshot",
    event: str | None = None,
    action: str = "send",
    reason: str = "chosen",
    arbiter: str = "score",
    status: str | None = "sent",
    outcomes: tuple[str, ...] = (),
    day: int = 0,
) -> Made:
    """Write one journey on the day `day`; `status` None: no delivery."""
    at = START + timedelta(days=day)
    event_id = task_id = delivery_id = delivery_event_id = None
    if event is not None:
        event_id = (await one(connection, "event", ext_id=event, profile_id=profile_id, at=at))["event_id"]
    if arbiter != "score":
        task_id = (await one(connection, "task"))["task_id"]
    known = {**ground, "profile_id": profile_id, "event_id": event_id, "task_id": task_id, "kind": kind}
    known["snapshot_id"] = ground["snapshot_id"] if kind == "snapshot" else None
    known["run_id"] = (await one(connection, "run", **known))["run_id"]
    decision = await one(
        connection,
        "decision",
        **known,
        action=action,
        reason=reason,
        candidates=Jsonb(_candidates(reason)),
        arbiter=arbiter,
        wait_until=at + timedelta(hours=9) if action == "wait" else None,
        at=at + timedelta(seconds=1),
    )
    if status is not None:
        known |= decision
        delivery = await one(connection, "delivery", **known, status=status, at=at + timedelta(seconds=2))
        delivery_id, delivery_event_id = delivery["delivery_id"], delivery["event_id"]
        await _attempts(connection, delivery_id, status, at)
        for place, outcome in enumerate(outcomes):
            await connection.execute(
                SQL["outcome"],
                {
                    **known,
                    "delivery_id": delivery_id,
                    "type": outcome,
                    "value": 250_000.0 if outcome == "bought" else None,
                    "at": at + timedelta(minutes=1 + place),
                },
            )
    return Made(profile_id, known["run_id"], decision["decision_id"], event_id, task_id, delivery_id, delivery_event_id)


async def _attempts(connection: Transaction, delivery_id: int, status: str, at: datetime) -> None:
    phases = {"queued": (), "sending": (("started", "sending"),)}.get(
        status, (("started", "sending"), ("ended", status))
    )
    for place, (phase, said) in enumerate(phases):
        values = {"delivery_id": delivery_id, "phase": phase, "status": said, "at": at + timedelta(seconds=3 + place)}
        await connection.execute(SQL["attempt"], values)


def _candidates(reason: str) -> list[dict[str, Any]]:
    if reason == "chosen":
        send = Verdict(_SEND, eligible=True, score=0.7)
    else:
        send = Verdict(_SEND, eligible=False, reasons=(Reason(Gate(reason), QUIET, {"zone": "Asia/Ho_Chi_Minh"}),))
    return [send.to_document(), Verdict(_NOTHING, eligible=True, score=0.0).to_document()]


async def world(db: Database, tenant: Tenant) -> Made:
    """One person with a journey of each kind; the whole one is given back."""
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await base(connection)
        profile_id = await person(connection, "KH-1")
        whole: dict[str, Any] = {"kind": "event", "event": "E-1", "arbiter": "gemini", "outcomes": ("read",)}
        made = await journey(connection, ground, profile_id, **whole)
        await journey(connection, ground, profile_id, action="do_nothing", reason="quiet_hours", status=None)
        for status in ("queued", "sending", "failed", "uncertain"):
            await journey(connection, ground, profile_id, status=status)
    return made
