"""A decision as it is stored, read back into what the rules speak of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from rules import editions
from rules.arbitration import Choice
from rules.errors import NotFound
from rules.facts import Campaign, Candidate, Facts
from rules.identity import inputs_hash
from rules.policy import Policy
from rules.verdicts import Decision, Verdict, read
from rules.words import Action, Arbiter

_SQL = queries("explain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One decision with its inputs. `policy` is None where its document is no more; `is_proven`: the hash agrees.

    `edition` is that of the rules it was made by.
    """

    decision_id: int
    run_id: int
    campaign_key: str
    ext_id: str
    trigger_key: str
    decided_at: datetime
    facts: Facts
    campaign: Campaign
    edition: int
    decision: Decision
    policy: Policy | None
    policy_key: str | None
    policy_version: int
    inputs_hash: bytes
    is_proven: bool
    deliveries: Sequence[Mapping[str, Any]]


async def stored(conn: Transaction, *, tenant_id: UUID, decision_id: int) -> Stored:
    """Read a decision with all that it was made of; raises NotFound."""
    values = {"tenant_id": tenant_id, "decision_id": decision_id}
    row = await (await conn.execute(_SQL["stored"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no decision {decision_id}.", remedy="Check the id: GET /decisions lists them.")
    if not row["inputs"]:
        raise NotFound(
            f"What decision {decision_id} looked at was erased with its person.",
            remedy="Nothing of it is left to explain.",
        )
    return record_of(row)


def record_of(row: Mapping[str, Any]) -> Stored:
    """Read a row of query stored."""
    return Stored(
        decision_id=row["decision_id"],
        run_id=row["run_id"],
        campaign_key=row["campaign_key"],
        ext_id=row["ext_id"],
        trigger_key=row["trigger_key"],
        decided_at=row["decided_at"].astimezone(UTC),
        facts=Facts.from_document(row["inputs"]["facts"]),
        campaign=Campaign.from_document(row["inputs"]["campaign"]),
        edition=edition_of(row["inputs"]),
        decision=decision_of(row),
        policy=_policy(row),
        policy_key=row["policy_key"],
        policy_version=row["policy_version"],
        inputs_hash=bytes(row["inputs_hash"]),
        is_proven=inputs_hash(row["inputs"], bytes(row["inputs_salt"])) == bytes(row["inputs_hash"]),
        deliveries=row["deliveries"] or (),
    )


def edition_of(inputs: Mapping[str, Any]) -> int:
    """Give the edition of the rules that a decision with these inputs was made by."""
    return int(inputs.get("rules", editions.FIRST))


def decision_of(row: Mapping[str, Any]) -> Decision:
    """Read the outcome of a row of table decision."""
    verdicts = read(row["candidates"])
    until = row["wait_until"]
    return Decision(
        action=Action(row["action"]),
        reason=row["reason"],
        verdicts=verdicts,
        arbiter=Arbiter(row["arbiter"]),
        chosen=_chosen(row, verdicts),
        wait_until=None if until is None else until.astimezone(UTC),
        choice=None if row["arbitration"] is None else Choice.from_document(row["arbitration"]),
    )


def _chosen(row: Mapping[str, Any], verdicts: Sequence[Verdict]) -> Candidate | None:
    """Give the candidate that was taken: a decision that sends names its template and channel."""
    action = Action(row["action"])
    if action is Action.SEND:
        wanted = (row["channel"], row["template_id"])
        return next((v.candidate for v in verdicts if (v.candidate.channel, v.candidate.template_id) == wanted), None)
    if action is Action.WAIT:
        return next((v.candidate for v in verdicts if v.wait_until == row["wait_until"]), None)
    return next((v.candidate for v in verdicts if v.candidate.action is Action.DO_NOTHING), None)


def _policy(row: Mapping[str, Any]) -> Policy | None:
    """Version 0 is no record's: the defaults of the code, under which a tenant without a policy decides."""
    if row["policy"] is not None:
        return Policy.parse(row["policy"], version=row["policy_version"])
    return Policy.parse({}, version=0) if row["policy_id"] is None and row["policy_version"] == 0 else None
