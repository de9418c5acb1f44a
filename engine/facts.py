"""From rows to what the rules look at: a campaign with its policy and candidates, and the facts about its people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.db import Transaction
from engine.queries import queries
from rules.errors import NotFound
from rules.facts import Campaign, Candidate, Facts, candidates
from rules.policy import Policy
from rules.words import CampaignStatus, Channel

_SQL = queries("decide")
# Contacts are looked at as far back as the longest cap, and no less: they also tell fatigue to the score.
LEAST_LOOK_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same for every person of a batch."""

    campaign: Campaign
    policy: Policy
    policy_id: int | None
    candidates: tuple[Candidate, ...]
    channel_ids: Mapping[int, int]
    """From a template's id to the channel it goes through."""
    inputs_salt: bytes
    is_active: bool


async def frame(connection: Transaction, campaign_id: int) -> Frame:
    """Read a campaign with its newest policy and approved templates; raises NotFound, InvalidInput on its policy."""
    row = await (await connection.execute(_SQL["campaign"], {"campaign_id": campaign_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.", remedy="Check the id.")
    templates: Sequence[Mapping[str, Any]] = row["templates"]
    return Frame(
        campaign=Campaign(
            campaign_id=row["campaign_id"],
            name=row["name"],
            purpose=row["purpose"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            priority=row["priority"],
            control_share=row["control_share"],
        ),
        policy=Policy.parse(row["policy"] or {}, version=row["policy_version"] or 0),
        policy_id=row["policy_id"],
        candidates=candidates([(Channel(t["channel"]), t["template_id"], t["key"], t["version"]) for t in templates]),
        channel_ids={t["template_id"]: t["channel_id"] for t in templates},
        inputs_salt=bytes(row["inputs_salt"]),
        is_active=row["status"] == CampaignStatus.ACTIVE,
    )


async def facts_of(connection: Transaction, batch_id: int, *, policy: Policy, now: datetime) -> list[Facts]:
    """Read the facts about everybody in a batch, by one query, in the order of their ids."""
    since = now - max(policy.longest_window, LEAST_LOOK_BACK)
    found = await connection.execute(_SQL["facts"], {"batch_id": batch_id, "since": since, "now": now})
    # The query writes each row in the shape of a stored document, so that reading it and replaying are one path.
    return [Facts.from_document(row) for row in await found.fetchall()]
