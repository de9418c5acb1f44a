"""People who share addresses, and what is proposed and merged of them."""

from collections.abc import Sequence
from typing import Any

from engine import identity, profiles
from engine.identity.duplicates import Found
from tests.engine.world import World


class People(World):
    """People by their ext_ids, with addresses; everything commits."""

    async def have(self, **addresses: Sequence[str]) -> dict[str, int]:
        """Give each person their addresses, written "channel:value"."""
        documents = [
            {
                "ext_id": ext_id,
                "addresses": [
                    dict(zip(("channel", "value"), address.split(":", 1), strict=True)) for address in listed
                ],
            }
            for ext_id, listed in addresses.items()
        ]
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            done = await profiles.upsert_profiles(conn, tenant_id=self.tenant.tenant_id, profiles=documents)
        return dict(done.ids)

    async def find(self, profile_ids: Sequence[int] | None = None) -> Found:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await identity.find_duplicates(conn, tenant_id=self.tenant.tenant_id, profile_ids=profile_ids)

    async def merge(self, winner: str, *losers: str) -> identity.Merged:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await identity.merge(
                conn, tenant_id=self.tenant.tenant_id, winner=winner, losers=losers, reason="the same", by="lan"
            )

    async def unmerge(self, loser: str) -> identity.Merged:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await identity.unmerge(conn, tenant_id=self.tenant.tenant_id, loser=loser, by="lan")

    async def refuse(self, duplicate_id: int) -> None:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            await identity.refuse(conn, tenant_id=self.tenant.tenant_id, duplicate_id=duplicate_id, by="lan")

    async def proposals(self, **how: Any) -> list[identity.Proposal]:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await identity.proposals(conn, tenant_id=self.tenant.tenant_id, **how)

    async def pairs(self) -> list[tuple[str, str, str, str]]:
        rows = await self.rows(
            """
            SELECT a.ext_id AS a, b.ext_id AS b, d.channel, d.status FROM duplicate d
            JOIN cdp_profiles a ON a.profile_id = d.profile_id JOIN cdp_profiles b ON b.profile_id = d.other_id
            ORDER BY d.profile_id, d.other_id, d.channel
            """
        )
        return [tuple(row.values()) for row in rows]

    async def points_at(self) -> dict[str, str | None]:
        """Whom each profile was merged into."""
        rows = await self.rows(
            """
            SELECT p.ext_id, p.status, w.ext_id AS winner FROM cdp_profiles p
            LEFT JOIN cdp_profiles w ON w.profile_id = p.merged_into
            """
        )
        assert all((row["status"] == "merged") is (row["winner"] is not None) for row in rows)
        return {row["ext_id"]: row["winner"] for row in rows}
