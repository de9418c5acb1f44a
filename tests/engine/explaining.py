"""Decisions to explain: a campaign on two channels, decided at noon or at night, and a campaign with a segment."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from engine import segments
from engine.db import Database
from tests.conftest import Tenant
from tests.engine.world import World

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # noon in Vietnam
NIGHT = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # 23:00 in Vietnam
QUIET = {"caps": [], "quiet_hours": {"start": "21:00", "end": "08:00"}}
AT_LEAST_TWO = {"attribute": "orders", "at_least": 2}
EVERYBODY: Mapping[str, Any] = {"all": []}


async def decided(world: World, campaign_id: int, people: list[int], *, now: datetime = NOW) -> list[dict[str, Any]]:
    """Decide for people and give their decisions, in the order of the people."""
    _, batches = await world.run(campaign_id, people)
    for batch_id in batches:
        await world.decide(batch_id, now=now)
    return sorted(await world.decisions(), key=lambda row: people.index(row["profile_id"]))


async def two_channels(db: Database, tenant: Tenant) -> tuple[World, int]:
    world = World(db, tenant)
    await world.connect("email")
    await world.connect("telegram", token="1:a")
    return world, await world.campaign(templates=[await world.template("email"), await world.template("telegram")])


async def draft(world: World, document: Mapping[str, Any], *, key: str, version: int = 2) -> None:
    """Keep a draft of a policy."""
    await world.rows(
        """
        INSERT INTO policy (tenant_id, key, version, document, draft)
        VALUES (leo_tenant(), %(key)s, %(version)s, %(document)s, true)
        """,
        key=key,
        version=version,
        document=Jsonb(dict(document)),
    )


async def with_segment(world: World, campaign_id: int, rule: dict[str, Any] = AT_LEAST_TWO) -> int:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        saved = await segments.save_segment(
            conn, tenant_id=world.tenant.tenant_id, key="buyers", name="Buyers", rule=rule
        )
    await world.rows(
        "UPDATE campaign SET segment_id = %(s)s WHERE campaign_id = %(c)s", s=saved.segment_id, c=campaign_id
    )
    return saved.segment_id
