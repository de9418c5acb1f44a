"""Making a call: each tool calls the function that the API calls too, inside the caller's transaction.

Nothing here asks a provider or a model: workers decide and send after the commit.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from engine import campaigns, explain, segments
from engine.db import Transaction
from engine.queries import queries
from engine.segments import Started
from engine.think.contract import Call
from engine.tools.known import campaign_named, profile_named, segment_named, templates_named
from engine.tools.reach import refuse_known_campaign, refuse_other_rule
from engine.tools.rule import rule_of
from rules.conditions import Language, parse
from rules.words import Lane, RunKind

MOST_TEMPLATES = 10
_SQL = queries("tools")


@dataclass(frozen=True, slots=True)
class Asking:
    """For whom a call is made, and the language of its result."""

    tenant_id: UUID
    language: Language


@dataclass(slots=True)
class Done:
    """The result of a call: JSON, how many people it reaches, and the batches to ring for after the commit."""

    result: dict[str, Any]
    people: int = 0
    batches: dict[Lane, tuple[int, ...]] = field(default_factory=dict)

    def start(self, lane: Lane, batch_ids: tuple[int, ...]) -> None:
        if batch_ids:
            self.batches[lane] = (*self.batches.get(lane, ()), *batch_ids)

    def start_all(self, started: Started) -> None:
        for lane in Lane:
            self.start(lane, started.of(lane))


Arguments = Mapping[str, Any]
Execution = Callable[[Transaction, Asking, Arguments], Awaitable[Done]]


async def execute(conn: Transaction, asking: Asking, call: Call) -> Done:
    """Make a checked call in the caller's transaction: the call and what the caller writes are one.

    So a call counts as made if the step that reports it is there. Raises what the tool's function raises.
    """
    return await EXECUTIONS[call.name](conn, asking, call.arguments)


async def _create_segment(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    rule = rule_of(given)
    await refuse_other_rule(conn, tenant_id=asking.tenant_id, key=given["key"], rule=rule)
    saved = await segments.save_segment(
        conn, tenant_id=asking.tenant_id, key=given["key"], name=given["name"], rule=rule
    )
    diff = await segments.refresh_segment(conn, tenant_id=asking.tenant_id, segment_id=saved.segment_id)
    text = segments.texts(parse(rule))[asking.language]
    done = Done({"segment_id": saved.segment_id, "key": saved.key, "size": diff.size, "rule": rule, "text": text})
    done.start_all(diff.started)
    return done


async def _preview_segment(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    found = await segments.preview(conn, rule=rule_of(given), sample=given.get("sample", 5))
    sample = [one["ext_id"] for one in found.sample]
    return Done({"count": found.count, "sample": sample, "text": found.text[asking.language]})


async def _schedule_refresh(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    known = await segment_named(conn, tenant_id=asking.tenant_id, key=given["segment"])
    saved = await segments.save_segment(
        conn,
        tenant_id=asking.tenant_id,
        key=given["segment"],
        name=known["name"],
        rule=known["rule"],
        schedule=given["schedule"].strip() or None,
        zone=given.get("zone") or None,
    )
    due_at = None if saved.due_at is None else saved.due_at.isoformat()
    return Done({"key": saved.key, "schedule": saved.schedule, "zone": saved.zone, "due_at": due_at})


async def _find_templates(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    values = {
        "tenant_id": asking.tenant_id,
        "words": [word for word in given["words"].lower().split() if word],
        "channel": given.get("channel"),
        "limit": MOST_TEMPLATES,
    }
    rows = await (await conn.execute(_SQL["find_templates"], values)).fetchall()
    return Done({"count": len(rows), "templates": [dict(row) for row in rows]})


async def _create_campaign(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    await refuse_known_campaign(conn, tenant_id=asking.tenant_id, key=given["key"])
    segment = await segment_named(conn, tenant_id=asking.tenant_id, key=given["segment"])
    template_ids = await templates_named(conn, tenant_id=asking.tenant_id, keys=given["templates"])
    saved = await campaigns.save_campaign(
        conn,
        tenant_id=asking.tenant_id,
        key=given["key"],
        name=given["name"],
        segment_id=segment["segment_id"],
        template_ids=template_ids,
        purpose=given.get("purpose", "marketing"),
    )
    return Done({"campaign_id": saved.campaign_id, "key": saved.key, "status": saved.status, "templates": template_ids})


async def _forecast_campaign(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    sample = given.get("sample", 2_000)
    found = await explain.forecast(conn, tenant_id=asking.tenant_id, campaign=given["campaign"], sample=sample)
    document = found.to_document()
    kept = ("campaign", "people", "share", "expected", "decided", "actions", "reasons", "channels")
    return Done({name: document[name] for name in kept})


async def _activate_campaign(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    campaign = await campaign_named(conn, tenant_id=asking.tenant_id, key=given["campaign"])
    started = await campaigns.activate_campaign(conn, tenant_id=asking.tenant_id, campaign_id=campaign["campaign_id"])
    run, snapshot = started.run, started.snapshot
    done = Done(
        {
            "campaign_id": campaign["campaign_id"],
            "key": campaign["key"],
            "people": 0 if run is None else run.people,
            "run_id": None if run is None else run.run_id,
            "snapshot_id": None if snapshot is None else snapshot.snapshot_id,
        },
        people=0 if run is None else run.people,
    )
    if snapshot is not None:
        done.start_all(snapshot.started)
    if run is not None:
        done.start(run.lane, run.batch_ids)
    return done


async def _pause_campaign(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    campaign = await campaign_named(conn, tenant_id=asking.tenant_id, key=given["campaign"])
    paused = await campaigns.pause_campaign(conn, tenant_id=asking.tenant_id, campaign_id=campaign["campaign_id"])
    return Done({"campaign_id": paused.campaign_id, "key": paused.key, "status": paused.status})


async def _send_message(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    campaign = await campaign_named(conn, tenant_id=asking.tenant_id, key=given["campaign"])
    profile_id = await profile_named(conn, ext_id=given["profile"])
    run = await campaigns.start_run(
        conn,
        tenant_id=asking.tenant_id,
        campaign_id=campaign["campaign_id"],
        kind=RunKind.REQUEST,
        lane=Lane.REALTIME,
        profile_ids=[profile_id],
    )
    done = Done({"run_id": run.run_id, "profile": given["profile"], "campaign": campaign["key"]}, people=run.people)
    done.start(run.lane, run.batch_ids)
    return done


async def _explain_decision(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    found = await explain.explain_decision(
        conn, tenant_id=asking.tenant_id, decision_id=given["decision_id"], language=asking.language
    )
    document = found.to_document()
    kept = ("decision_id", "profile", "campaign", "action", "reason", "wait_until", "arbiter", "eligible", "summary")
    return Done({name: document[name] for name in kept})


async def _explain_absence(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    found = await explain.why_not(
        conn,
        tenant_id=asking.tenant_id,
        ext_id=given["profile"],
        campaign=given["campaign"],
        language=asking.language,
    )
    document = found.to_document()
    return Done({"profile": given["profile"], "campaign": given["campaign"], "summary": document["sentence"]})


async def _do_nothing(conn: Transaction, asking: Asking, given: Arguments) -> Done:
    del conn, asking
    return Done({"reason": given["reason"]})


EXECUTIONS: Mapping[str, Execution] = {
    "create_segment": _create_segment,
    "preview_segment": _preview_segment,
    "schedule_refresh": _schedule_refresh,
    "find_templates": _find_templates,
    "create_campaign": _create_campaign,
    "forecast_campaign": _forecast_campaign,
    "activate_campaign": _activate_campaign,
    "pause_campaign": _pause_campaign,
    "send_message": _send_message,
    "explain_decision": _explain_decision,
    "explain_absence": _explain_absence,
    "do_nothing": _do_nothing,
}
