"""A small world to decide and send in: people, channels, templates, a policy and campaigns, made with SQL alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from channels.contract import Secret
from engine.db import Database
from engine.decide import Decided, decide_batch
from engine.queries import parse
from rules.verdicts import read
from tests.conftest import Tenant

SQL = parse(Path(__file__).with_name("world.sql").read_text(encoding="utf-8"), file="world.sql")
ALWAYS: Mapping[str, Any] = {"quiet_hours": None, "caps": []}
NOBODY = {"host": "127.0.0.1", "port": 9, "tls": "none", "sender": "shop@shop.example"}
BODIES = {
    "email": ("Chào {{ profile.name }}", "{{ profile.city }}: {{ unsubscribe_url }}"),
    "telegram": (None, "Chào {{ profile.name }} ở {{ profile.attributes.city }}"),
    "facebook": (None, "Chào {{ profile.name }}"),
    "zalo_oa": (None, "Chào {{ profile.name }}"),
}


@dataclass(slots=True)
class World:
    """One tenant; every method commits."""

    db: Database
    tenant: Tenant
    channel_ids: dict[str, int] = field(default_factory=dict)

    async def rows(self, statement: LiteralString, **parameters: Any) -> list[dict[str, Any]]:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            cursor = await conn.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    async def one(self, statement: LiteralString, **parameters: Any) -> Any:
        """The first column of the first row."""
        return next(iter((await self.rows(statement, **parameters))[0].values()))

    async def people(
        self,
        count: int,
        *,
        prefix: str = "kh-",
        channels: Sequence[str] = ("email",),
        zone: str | None = None,
        first: int = 1,
    ) -> list[int]:
        parameters = {
            "prefix": prefix,
            "first": first,
            "last": first + count - 1,
            "channels": list(channels),
            "zone": zone,
        }
        return [row["profile_id"] for row in await self.rows(SQL["people"], **parameters)]

    async def connect(self, kind: str = "email", **settings: Any) -> int:
        given = Jsonb({name: _plain(value) for name, value in settings.items()} or NOBODY)
        channel_id = await self.one(SQL["channel"], kind=kind, name=f"{kind} {len(self.channel_ids)}", settings=given)
        self.channel_ids.setdefault(kind, channel_id)
        return int(channel_id)

    async def template(
        self, channel: str = "email", *, key: str = "offer", status: str = "approved", **body: Any
    ) -> int:
        subject, text = BODIES[channel]
        given = {"key": key, "channel": channel, "status": status, "subject": subject, "body": text, **body}
        return int(await self.one(SQL["template"], **given))

    async def policy(self, document: Mapping[str, Any], *, key: str = "default", version: int = 1) -> int:
        return int(await self.one(SQL["policy"], key=key, version=version, document=Jsonb(dict(document))))

    async def campaign(
        self, key: str = "tet", *, templates: Sequence[int], policy: Mapping[str, Any] | None = ALWAYS, **more: Any
    ) -> int:
        policy_id = None if policy is None else await self.policy(policy, key=f"policy of {key}")
        given = {"control_share": 0.0, "resend": False, "starts_at": None, "ends_at": None, **more}
        campaign_id = await self.one(SQL["campaign"], key=key, policy_id=policy_id, **given)
        for position, template_id in enumerate(templates):
            await self.rows(
                SQL["campaign_template"], campaign_id=campaign_id, template_id=template_id, position=position
            )
        return int(campaign_id)

    async def run(
        self, campaign_id: int, profile_ids: Sequence[int], *, lane: str = "bulk", size: int = 500, **more: Any
    ) -> tuple[int, list[int]]:
        """A run and its batches."""
        given = {"kind": "snapshot", "event_id": None, **more}
        rows = await self.rows(
            SQL["run"], campaign_id=campaign_id, profile_ids=list(profile_ids), lane=lane, size=size, **given
        )
        return rows[0]["run_id"], sorted(row["batch_id"] for row in rows)

    async def decide(self, batch_id: int, *, now: datetime | None = None, most: int | None = None) -> Decided:
        tenant_id, at = self.tenant.tenant_id, now or datetime.now(UTC)
        async with self.db.transaction(tenant_id) as conn:
            return await decide_batch(conn, tenant_id=tenant_id, batch_id=batch_id, now=at, most=most)

    async def decisions(self) -> list[dict[str, Any]]:
        """Give what was decided; of each decision `candidates` as a list of verdicts."""
        rows = await self.rows("SELECT * FROM decision ORDER BY created_at, decision_id")
        return [{**row, "candidates": [one.to_document() for one in read(row["candidates"])]} for row in rows]

    async def deliveries(self) -> list[dict[str, Any]]:
        return await self.rows("SELECT * FROM delivery_log ORDER BY queued_at, delivery_id")

    async def statuses(self) -> dict[str, int]:
        rows = await self.rows("SELECT status, count(*) AS n FROM delivery_log GROUP BY status")
        return {row["status"]: row["n"] for row in rows}

    async def graph_differences(self) -> int:
        return int(await self.one(SQL["differences"]))


def _plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


async def simple_world(
    db: Database, tenant: Tenant, *, people: int = 10, **campaign: Any
) -> tuple[World, int, list[int]]:
    """A world with one mail channel, one template, one campaign that may always send, and people who agreed to it."""
    world = World(db, tenant)
    await world.connect()
    campaign_id = await world.campaign(templates=[await world.template()], **campaign)
    return world, campaign_id, await world.people(people)
