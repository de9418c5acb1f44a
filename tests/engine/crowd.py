"""People and segments of one tenant, made and asked through the functions that the API calls; every call commits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from channels.contract import Incoming
from engine import events, outcomes, profiles, segments
from engine.db import Database
from rules.words import Cause, OutcomeType
from tests.conftest import Tenant

HUE: Mapping[str, Any] = {"attribute": "city", "is": "Huế"}
BUYERS: Mapping[str, Any] = {"event": "purchase"}


@dataclass(slots=True)
class Crowd:
    """`change` and `happen` do what the API does: people are looked at again afterwards."""

    db: Database
    tenant: Tenant

    async def rows(self, statement: LiteralString, **parameters: Any) -> list[dict[str, Any]]:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            cursor = await conn.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    async def change(self, *, recheck: bool = True, **attributes: Mapping[str, Any]) -> dict[str, int]:
        """Write people by their keys; gives their ids."""
        documents = [{"ext_id": ext_id, "attributes": dict(given)} for ext_id, given in attributes.items()]
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            done = await profiles.upsert_profiles(
                conn, tenant_id=self.tenant.tenant_id, profiles=documents, recheck=recheck
            )
        return dict(done.ids)

    async def happen(self, kind: str, *ext_ids: str, at: datetime | None = None) -> None:
        given = [{"type": kind, "profile": ext_id, "occurred_at": at} for ext_id in ext_ids]
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            await events.record_events(conn, tenant_id=self.tenant.tenant_id, events=given)

    async def hear(self, kind: OutcomeType, *, address: str) -> None:
        """What a provider tells of somebody with this address, on the tenant's only channel."""
        (channel,) = await self.rows("SELECT channel_id FROM channel")
        told = Incoming(
            provider_id=f"{kind} {address}",
            type=kind,
            at=datetime.now(UTC),
            delivery_ref=None,
            address=address,
            raw={},
        )
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            await outcomes.record_outcomes(
                conn, tenant_id=self.tenant.tenant_id, channel_id=channel["channel_id"], incoming=[told]
            )

    async def save(self, key: str, rule: Mapping[str, Any], **more: Any) -> segments.Segment:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await segments.save_segment(
                conn, tenant_id=self.tenant.tenant_id, key=key, name=key.title(), rule=rule, **more
            )

    async def refresh(self, segment: segments.Segment, *, cause: Cause = Cause.REQUEST) -> segments.Diff:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await segments.refresh_segment(
                conn, tenant_id=self.tenant.tenant_id, segment_id=segment.segment_id, cause=cause
            )

    async def refreshed(self, key: str, rule: Mapping[str, Any], **more: Any) -> segments.Segment:
        """Save and refresh, which is the baseline where the segment is new."""
        segment = await self.save(key, rule, **more)
        await self.refresh(segment)
        return segment

    async def recheck(self, *, now: datetime | None = None) -> segments.Rechecked:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await segments.recheck_due(conn, tenant_id=self.tenant.tenant_id, now=now or datetime.now(UTC))

    async def segment(self, key: str) -> segments.Segment:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await segments.segment_by_key(conn, tenant_id=self.tenant.tenant_id, key=key)

    async def members(self, key: str) -> set[str]:
        segment = await self.segment(key)
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            found = await segments.members(conn, tenant_id=self.tenant.tenant_id, segment_id=segment.segment_id)
        return {row["ext_id"] for row in found}

    async def moves(self, key: str) -> list[tuple[str | None, str]]:
        """Who joined and who left, the oldest refresh first, and those of one refresh by their keys."""
        segment = await self.segment(key)
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            found = await segments.changes(conn, tenant_id=self.tenant.tenant_id, segment_id=segment.segment_id)
        found.sort(key=lambda moved: (moved.refresh_id, moved.ext_id or ""))
        return [(moved.ext_id, str(moved.change)) for moved in found]

    async def waiting(self) -> dict[str, list[str]]:
        """Who is to be looked at again, and because of which types of events."""
        rows = await self.rows("SELECT p.ext_id, r.event_types FROM recheck r JOIN cdp_profiles p USING (profile_id)")
        return {row["ext_id"]: sorted(row["event_types"]) for row in rows}

    async def campaign(self, segment: segments.Segment, change: str, *, status: str = "active") -> int:
        rows = await self.rows(
            "INSERT INTO campaign (tenant_id, key, name, status, trigger_segment_id, trigger_change)"
            " VALUES (leo_tenant(), %(change)s || ' ' || %(status)s, 'x', %(status)s, %(segment_id)s, %(change)s)"
            " RETURNING campaign_id",
            change=change,
            status=status,
            segment_id=segment.segment_id,
        )
        return int(rows[0]["campaign_id"])

    async def runs(self) -> list[dict[str, Any]]:
        """Runs with the people they decide for, by key."""
        return await self.rows(
            "SELECT r.campaign_id, r.kind, r.lane, count(b.batch_id) AS batches, array_agg(b.batch_id) AS batch_ids,"
            " (SELECT array_agg(p.ext_id ORDER BY p.ext_id) FROM cdp_profiles p, run_batch o"
            "  WHERE o.run_id = r.run_id AND p.profile_id = ANY (o.profile_ids)) AS people"
            " FROM campaign_run r JOIN run_batch b USING (run_id) GROUP BY r.run_id, r.campaign_id, r.kind, r.lane"
            " ORDER BY r.run_id"
        )
