"""How many people calls would reach, and whether that is more than a task may reach without a human."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from engine.segments import preview
from engine.think.contract import Call
from engine.tools.check import Wrong
from engine.tools.definitions import definitions
from engine.tools.known import campaign_named, profile_named, segment_named, templates_named
from engine.tools.rule import rule_of
from rules.errors import Conflict, InvalidInput, LeoError, NotFound
from rules.faults import Fault

# The limit without a human, unless the tenant's settings name another: {"approval": {"people": 1000}}.
MOST_PEOPLE = 1_000
# People come and go between an approval and the run, so it covers a tenth more than it showed.
SLACK = 0.1
_SQL = queries("tools")


@dataclass(frozen=True, slots=True)
class Reach:
    """People for each call, in order: 0 for one that sends nothing, None if they cannot be counted beforehand."""

    people: tuple[int | None, ...]

    @property
    def total(self) -> int | None:
        known = [one for one in self.people if one is not None]
        return sum(known) if len(known) == len(self.people) else None

    def is_beyond(self, limit: int) -> bool:
        """Whether a human has to approve this."""
        return self.total is None or self.total > limit


@dataclass(slots=True)
class _Planned:
    """What earlier calls will have made: rules of segments, segments of campaigns, active campaigns."""

    rules: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    campaigns: dict[str, str] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)


async def examine(conn: Transaction, *, tenant_id: UUID, calls: Sequence[Call]) -> tuple[Reach, tuple[Wrong, ...]]:
    """Look up what calls refer to and count whom they reach, writing nothing; a call may use what an earlier makes."""
    planned, people, wrong = _Planned(), [], []
    for place, call in enumerate(calls):
        try:
            async with conn.transaction():
                people.append(await _reach(conn, tenant_id, call, planned))
        except (InvalidInput, NotFound, Conflict) as error:
            wrong.append(Wrong(place, error))
            people.append(0)
    return Reach(tuple(people)), tuple(wrong)


async def limit_of(conn: Transaction, *, tenant_id: UUID) -> int:
    """Give how many people a task of this tenant may reach without a human."""
    row = await (await conn.execute(_SQL["limit"], {"tenant_id": tenant_id})).fetchone()
    people = None if row is None else row["people"]
    is_number = isinstance(people, int) and not isinstance(people, bool) and people >= 0
    return people if is_number and isinstance(people, int) else MOST_PEOPLE


def allowance(limit: int, approval: Mapping[str, Any] | None) -> int | None:
    """Give how many people a task may reach: the limit, or what a human approved; None: no limit."""
    if approval is None or "approved_by" not in approval:
        return limit
    people = approval["people"]
    return None if people is None else max(limit, math.ceil(people * (1 + SLACK)))


async def _reach(conn: Transaction, tenant_id: UUID, call: Call, planned: _Planned) -> int | None:
    given = call.arguments
    match call.name:
        case "create_segment":
            await _plan_segment(conn, tenant_id, given, planned)
        case "schedule_refresh":
            await _check_segment(conn, tenant_id, given["segment"], planned)
        case "create_campaign":
            await _plan_campaign(conn, tenant_id, given, planned)
        case "forecast_campaign" | "pause_campaign" | "explain_absence" if given["campaign"] not in planned.campaigns:
            await campaign_named(conn, tenant_id=tenant_id, key=given["campaign"])
        case "send_message":
            await _check_send(conn, tenant_id, given, planned)
    if definitions()[call.name].approval is None:
        return 0
    return 1 if call.name == "send_message" else await _activated(conn, tenant_id, given["campaign"], planned)


async def _activated(conn: Transaction, tenant_id: UUID, key: str, planned: _Planned) -> int | None:
    """Count who is in the campaign's segment now; an always-on campaign reaches people that nobody knows yet."""
    planned.active.add(key)
    rule: Mapping[str, Any] | None
    if key in planned.campaigns:
        segment = planned.campaigns[key]
        rule = planned.rules.get(segment) or (await segment_named(conn, tenant_id=tenant_id, key=segment))["rule"]
    else:
        rule = (await campaign_named(conn, tenant_id=tenant_id, key=key))["rule"]
    return None if rule is None else (await preview(conn, rule=rule, sample=0)).count


async def _plan_segment(conn: Transaction, tenant_id: UUID, given: Mapping[str, Any], planned: _Planned) -> None:
    key, rule = given["key"], rule_of(given)
    await refuse_other_rule(conn, tenant_id=tenant_id, key=key, rule=rule)
    planned.rules[key] = rule


async def _plan_campaign(conn: Transaction, tenant_id: UUID, given: Mapping[str, Any], planned: _Planned) -> None:
    await refuse_known_campaign(conn, tenant_id=tenant_id, key=given["key"])
    await _check_segment(conn, tenant_id, given["segment"], planned)
    await templates_named(conn, tenant_id=tenant_id, keys=given["templates"])
    planned.campaigns[given["key"]] = given["segment"]


async def _check_send(conn: Transaction, tenant_id: UUID, given: Mapping[str, Any], planned: _Planned) -> None:
    await profile_named(conn, ext_id=given["profile"])
    key = given["campaign"]
    if key in planned.active:
        return
    campaign = await campaign_named(conn, tenant_id=tenant_id, key=key)
    if campaign["status"] != "active":
        fault = Fault("campaign.not_active", values={"key": key, "status": campaign["status"]})
        raise Conflict(fault.say().en, remedy="Activate it before a message is sent.", fault=fault)


async def _check_segment(conn: Transaction, tenant_id: UUID, key: str, planned: _Planned) -> None:
    if key not in planned.rules:
        await segment_named(conn, tenant_id=tenant_id, key=key)


async def refuse_other_rule(conn: Transaction, *, tenant_id: UUID, key: str, rule: Mapping[str, Any]) -> None:
    """Raise Conflict if a segment with this key has another rule: a task makes segments and changes none."""
    try:
        known = await segment_named(conn, tenant_id=tenant_id, key=key)
    except NotFound:
        return
    if known["rule"] != rule:
        fault = Fault("segment.other_rule", values={"key": key})
        raise Conflict(fault.say().en, remedy="Use it as it is, or another key.", fault=fault)


async def refuse_known_campaign(conn: Transaction, *, tenant_id: UUID, key: str) -> None:
    """Raise Conflict if there is a campaign with this key: a task makes campaigns and changes none."""
    try:
        await campaign_named(conn, tenant_id=tenant_id, key=key)
    except NotFound:
        return
    fault = Fault("campaign.exists", values={"key": key})
    raise Conflict(fault.say().en, remedy="Use it as it is, or another key.", fault=fault)


def beyond(people: int, most: int) -> LeoError:
    fault = Fault("task.beyond", values={"people": people, "most": most})
    return Conflict(fault.say().en, remedy="Let a human approve it.", fault=fault)
