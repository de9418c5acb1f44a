"""A campaign as a funnel: where its people are, even while it runs, and how they compare with the control group."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from engine.db import Database, Transaction
from engine.queries import queries
from rules.errors import NotFound
from rules.lift import Group, Lift
from rules.words import CampaignStatus

# How soon after its commit a change is seen. Counting a large campaign takes long: it may use this share of the time.
LOOK_S = 0.5
LOOKING_SHARE = 0.1
# Proxies close what is silent for a minute, some even earlier; after an hour whoever is still looking asks again.
SILENT_S = 15.0
LONGEST_S = 3_600.0
MEASURES = ("visited", "bought")
_SQL = queries("funnel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """The people of a campaign, from everybody it aims at to those who bought.

    `decided` so far; `eligible`: some candidate passed every gate; `sends`: it was decided to write; `held` are those
    whom a gate took out, each {gate, action, people}. `deliveries` counts messages by status, with delivered ones as
    sent although their result may not be written yet; `unsent` still counts those. The rest is about messages.
    """

    campaign_id: int
    status: CampaignStatus
    audience: int
    batches_due: int
    batches_pending: int
    decided: int
    eligible: int
    sends: int
    held: Sequence[Mapping[str, Any]]
    deliveries: Mapping[str, int]
    unsent: int
    delivered: int
    opened: int
    clicked: int
    bought: int
    unsubscribed: int
    bounced: int
    complained: int
    value: float

    @property
    def is_moving(self) -> bool:
        """Whether something is still to be decided or sent without anybody doing anything."""
        return self.status is CampaignStatus.ACTIVE and (self.batches_due > 0 or self.unsent > 0)


async def funnel(conn: Transaction, *, campaign_id: int) -> Funnel:
    """Count where the people of a campaign are; raises NotFound."""
    row = await (await conn.execute(_SQL["funnel"], {"campaign_id": campaign_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.", remedy="Check the id: GET /campaigns lists them.")
    return Funnel(**{**row, "status": CampaignStatus(row["status"])})


async def watch(
    db: Database, *, tenant_id: UUID, campaign_id: int, look_s: float = LOOK_S, silent_s: float = SILENT_S
) -> AsyncIterator[Funnel | None]:
    """Give the funnel at once and whenever it has changed, None if nothing did for a while; ends after an hour.

    No transaction is open between two looks. Raises NotFound.
    """
    last: Funnel | None = None
    began = spoke_at = monotonic()
    while monotonic() - began < LONGEST_S:
        looked_at = monotonic()
        async with db.transaction(tenant_id, read_only=True) as conn:
            now = await funnel(conn, campaign_id=campaign_id)
        took = monotonic() - looked_at
        if now != last:
            yield now
            last, spoke_at = now, monotonic()
        elif monotonic() - spoke_at >= silent_s:
            yield None
            spoke_at = monotonic()
        await asyncio.sleep(max(look_s, took / LOOKING_SHARE))


async def lifts(conn: Transaction, *, campaign_id: int) -> dict[str, Lift]:
    """Compare the people a campaign wrote to with its control group, by measure: visited, bought."""
    rows = await (await conn.execute(_SQL["groups"], {"campaign_id": campaign_id})).fetchall()
    found = {row["is_treated"]: row for row in rows}

    def group(measure: str, *, is_treated: bool) -> Group:
        row = found.get(is_treated)
        return Group(0, 0) if row is None else Group(row["people"], row[measure])

    return {measure: Lift(group(measure, is_treated=True), group(measure, is_treated=False)) for measure in MEASURES}
