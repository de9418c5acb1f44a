"""Everything that a decision looks at: facts, rivals for a person's attention, and what a policy's conditions ask."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from engine.db import Transaction
from engine.facts import gather
from engine.frame import Frame
from engine.lacking import find_lacks
from engine.queries import queries
from engine.segments.context import context_of
from engine.segments.gather import gather as gather_people
from rules.conditions.person import Person
from rules.facts import Facts, Failed, Rival
from rules.policy import CapScope
from rules.words import Channel


async def gather_all(
    conn: Transaction,
    frame: Frame,
    *,
    profile_ids: Sequence[int],
    now: datetime,
    events: Mapping[int, int] | None = None,
    is_past: bool = False,
    is_rehearsed: bool = False,
) -> list[Facts]:
    """Give everything that a decision for these people may look at, except twins and budget; see `facts.gather`.

    `events` and `is_rehearsed` are passed to `find_lacks`.
    """
    policy = frame.policy
    known = await gather(
        conn,
        profile_ids=profile_ids,
        purpose=frame.campaign.purpose,
        now=now,
        zone=frame.zone,
        locale=frame.locale,
        contacts_window=policy.longest_window,
        graph=frame.graph,
        heard_on=policy.windows.keys() & frame.channel_ids.keys(),
        is_past=is_past,
    )
    people = await _people(conn, frame, known, now)
    rivals = await _rivals(conn, frame, known, now)
    failed = await _failed(conn, frame, known)
    lacks = await find_lacks(conn, frame, known, events=events, is_rehearsed=is_rehearsed)
    if not people and not rivals and not failed and not lacks:
        return known
    return [
        replace(
            facts,
            person=people.get(facts.profile_id),
            rivals=tuple(rivals.get(facts.profile_id, ())),
            failed=tuple(failed.get(facts.profile_id, ())),
            lacks=lacks.get(facts.profile_id, ()),
        )
        for facts in known
    ]


async def _people(conn: Transaction, frame: Frame, known: Sequence[Facts], now: datetime) -> Mapping[int, Person]:
    """Read what the policy's conditions look at, only for those that concern this campaign."""
    campaign = frame.campaign
    rules = [one.rule for one in frame.policy.requirements if one.scope.concerns(campaign.key, campaign.purpose)]
    if not rules:
        return {}
    context = await context_of(conn, rules, now=now)
    return await gather_people(conn, rules, context, profile_ids=[facts.profile_id for facts in known])


async def _rivals(
    conn: Transaction, frame: Frame, known: Sequence[Facts], now: datetime
) -> Mapping[int, Sequence[Rival]]:
    """Ask only if a cap that several campaigns share could leave room for just one of them."""
    policy, campaign = frame.policy, frame.campaign
    shared = any(cap.scope is not CapScope.CAMPAIGN for cap in policy.caps)
    if policy.yields is None or not frame.has_rivals or not shared:
        return {}
    asked = {
        "profile_ids": [facts.profile_id for facts in known],
        "run_id": frame.run_id,
        "priority": campaign.priority,
        "since": now - policy.yields,
        "until": now + policy.yields,
    }
    found: defaultdict[int, list[Rival]] = defaultdict(list)
    for row in await (await conn.execute(queries("decide")["rivals"], asked)).fetchall():
        rival = Rival(row["campaign_id"], row["name"], row["priority"], row["due_at"].astimezone(UTC))
        found[row["profile_id"]].append(rival)
    return found


async def _failed(conn: Transaction, frame: Frame, known: Sequence[Facts]) -> Mapping[int, Sequence[Failed]]:
    """Ask where messages failed in the runs that this one is a fallback for."""
    if not frame.is_fallback:
        return {}
    asked = {"run_id": frame.run_id, "profile_ids": [facts.profile_id for facts in known]}
    found: defaultdict[int, list[Failed]] = defaultdict(list)
    for row in await (await conn.execute(queries("decide")["failed"], asked)).fetchall():
        found[row["profile_id"]].append(Failed(Channel(row["channel"]), row["class"] or row["status"]))
    return found
