"""Another policy over decisions that were made: each decided again from its stored inputs, before it is switched on."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.explain.plan import reading
from engine.explain.replay import choice_again
from engine.explain.stored import decision_of, edition_of
from engine.facts import CONTACTS_WINDOW
from engine.queries import queries
from rules.conditions.nodes import CameOf, Happened, Leaf, Like, Member, Pattern
from rules.decide import conclude, weigh
from rules.errors import InvalidInput, NotFound
from rules.facts import Campaign, Facts
from rules.policy import Policy
from rules.verdicts import CHOSEN, Decision
from rules.words import Action

WEEK = timedelta(days=7)
# At 3,000 decisions a second some 20 s.
MOST = 50_000
USUAL = 5_000
EXAMPLES = 10
_CHUNK = 500
_BREATH = 64
_GATHERED = (Happened, CameOf, Member, Pattern, Like)
_SQL = queries("explain")


@dataclass(slots=True)
class Compared:
    """Decisions made, and how they would have come out under another version of their policy.

    `changes` counts by "before -> after" where action or reason differ, `actions` where the action does; `gains` get
    something that they did not get, `loses` no longer do, each with the ext_ids of a few. `skipped` could not be
    compared: the other policy's conditions ask what was not gathered then. `blind`: it looks further back than the
    stored facts, so its caps may count too few.
    """

    key: str
    version: int
    since: datetime
    is_draft: bool
    blind: bool
    compared: int = 0
    skipped: int = 0
    changed: int = 0
    by_score: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    gains: int = 0
    loses: int = 0
    gain_examples: list[str] = field(default_factory=list)
    lose_examples: list[str] = field(default_factory=list)

    def add(self, ext_id: str, was: Decision, becomes: Decision) -> None:
        """Count one decision in."""
        self.compared += 1
        self.before[was.reason] += 1
        self.after[becomes.reason] += 1
        self.by_score += becomes.reason == CHOSEN and becomes.chosen != was.chosen
        if _differs(was, becomes):
            self.changed += 1
            self.actions[f"{was.action} -> {becomes.action}"] += 1
            self.reasons[f"{was.reason} -> {becomes.reason}"] += 1
        if (was.action is Action.SEND) != (becomes.action is Action.SEND):
            self._move(ext_id, gains=becomes.action is Action.SEND)

    def _move(self, ext_id: str, *, gains: bool) -> None:
        if gains:
            self.gains += 1
        else:
            self.loses += 1
        named = self.gain_examples if gains else self.lose_examples
        if len(named) < EXAMPLES and ext_id not in named:
            named.append(ext_id)

    def to_document(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "version": self.version,
            "draft": self.is_draft,
            "since": self.since.isoformat(),
            "compared": self.compared,
            "skipped": self.skipped,
            "changed": self.changed,
            "decided_by_score": self.by_score,
            "looks_further_back": self.blind,
            "before": dict(self.before.most_common()),
            "after": dict(self.after.most_common()),
            "actions": dict(self.actions.most_common()),
            "reasons": dict(self.reasons.most_common()),
            "gains": {"decisions": self.gains, "profiles": self.gain_examples},
            "loses": {"decisions": self.loses, "profiles": self.lose_examples},
        }


async def compare_policies(
    conn: Transaction,
    *,
    tenant_id: UUID,
    key: str,
    version: int,
    since: datetime | None = None,
    limit: int = USUAL,
) -> Compared:
    """Decide the newest decisions made under the policy `key` again, under one of its versions, and write nothing.

    `since` is a week ago where none is given, `limit` bounds how many are looked at. What an arbiter chose stands
    where it may still be chosen, else the score chooses. Raises NotFound, InvalidInput.
    """
    if not 1 <= limit <= MOST:
        raise InvalidInput(f"1 to {MOST:,} decisions are compared, not {limit:,}.", remedy="Ask for fewer.")
    start = (since or datetime.now(UTC) - WEEK).astimezone(UTC)
    async with reading(conn):
        values = {"tenant_id": tenant_id, "key": key, "version": version}
        row = await (await conn.execute(_SQL["policy"], values)).fetchone()
        if row is None:
            raise NotFound(
                f"The policy {key!r} has no version {version}.", remedy="Check it: GET /policies lists them."
            )
        policy = Policy.parse(row["document"], version=version)
        compared = Compared(key, version, start, row["draft"], policy.longest_window > CONTACTS_WINDOW)
        await _compare_all(conn, compared, policy, {**values, "since": start}, limit)
    return compared


async def _compare_all(
    conn: Transaction, compared: Compared, policy: Policy, values: Mapping[str, Any], limit: int
) -> None:
    before_at, before_id = None, None
    left = limit
    while left > 0:
        page = {**values, "before_at": before_at, "before_id": before_id, "most": min(_CHUNK, left)}
        rows = await (await conn.execute(_SQL["past"], page)).fetchall()
        await _compare(compared, policy, rows)
        left -= len(rows)
        if len(rows) < page["most"]:
            return
        before_at, before_id = rows[-1]["decided_at"], rows[-1]["decision_id"]


async def _compare(compared: Compared, policy: Policy, rows: Sequence[Mapping[str, Any]]) -> None:
    asked, gathered = _histories(policy), _Gathered()
    for place, row in enumerate(rows, start=1):
        facts = Facts.from_document(row["inputs"]["facts"])
        if policy.needs_person and (facts.person is None or not asked <= gathered.under(row)):
            compared.skipped += 1
        else:
            was = decision_of(row)
            compared.add(row["ext_id"], was, _under(policy, facts, row, was))
        if place % _BREATH == 0:
            await asyncio.sleep(0)


def _under(policy: Policy, facts: Facts, row: Mapping[str, Any], was: Decision) -> Decision:
    campaign, edition = Campaign.from_document(row["inputs"]["campaign"]), edition_of(row["inputs"])
    offered = [verdict.candidate for verdict in was.verdicts]
    verdicts = weigh(facts, offered, campaign, policy, row["decided_at"].astimezone(UTC), edition)
    return conclude(verdicts, choice_again(was, verdicts))


def _histories(policy: Policy) -> frozenset[Leaf]:
    """Give the conditions that are answered from what is gathered for them alone."""
    return frozenset(leaf for rule in policy.rules() for leaf in rule.leaves() if isinstance(leaf, _GATHERED))


class _Gathered:
    """What was gathered for decisions, by the policy that they were made under."""

    def __init__(self) -> None:
        self._known: dict[int | None, frozenset[Leaf]] = {}

    def under(self, row: Mapping[str, Any]) -> frozenset[Leaf]:
        policy_id = row["policy_id"]
        if policy_id not in self._known:
            self._known[policy_id] = _histories(Policy.parse(row["policy"] or {}))
        return self._known[policy_id]


def _differs(was: Decision, becomes: Decision) -> bool:
    return (was.action, was.reason, _sent(was)) != (becomes.action, becomes.reason, _sent(becomes))


def _sent(decision: Decision) -> object:
    return decision.chosen if decision.action is Action.SEND else decision.wait_until
