"""Merges that the source tells: they follow source_root, wait for the survivor, and leave what people decided alone."""

import asyncio

import pytest
from psycopg.types.json import Jsonb

from engine import identity
from engine.db import Database
from engine.queries import queries
from rules.errors import Conflict
from tests.conftest import Tenant
from tests.engine.identities import People


class Source(People):
    async def says(self, **roots: str | None) -> None:
        """Write what a sync writes: a loser is deleted and names its root, anybody else is active."""
        await self.rows(
            """
            INSERT INTO cdp_profiles (tenant_id, ext_id, source_root, status)
            SELECT leo_tenant(), key, value, CASE WHEN value IS NULL THEN 'active' ELSE 'deleted' END
            FROM jsonb_each_text(%(roots)s)
            ON CONFLICT ON CONSTRAINT cdp_profiles_ext_id_unique DO UPDATE SET source_root = excluded.source_root
            """,
            roots=Jsonb(roots),
        )

    async def redirect(self, *ext_ids: str) -> int:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await identity.redirect_roots(conn, ext_ids=ext_ids or None)

    async def states(self) -> dict[str, str]:
        rows = await self.rows("SELECT ext_id, status FROM cdp_profiles")
        return {row["ext_id"]: row["status"] for row in rows}


@pytest.fixture
def source(db: Database, tenant: Tenant) -> Source:
    return Source(db, tenant)


async def test_a_chain_of_roots_leads_to_its_end(source: Source) -> None:
    await source.says(a=None, b="a", c="b")
    assert await source.redirect() == 2
    assert await source.points_at() == {"a": None, "b": "a", "c": "a"}
    assert await source.redirect() == 0
    records = await source.rows("SELECT merged_by, undone_at FROM profile_merge")
    assert records == [{"merged_by": "source", "undone_at": None}] * 2
    assert await source.graph_differences() == 0


@pytest.mark.parametrize("told", [(), ("x",)])
async def test_a_loser_waits_until_its_survivor_is_there(source: Source, told: tuple[str, ...]) -> None:
    await source.says(b="a", c="b", a="x")
    assert await source.redirect() == 0
    assert await source.states() == {"a": "deleted", "b": "deleted", "c": "deleted"}
    await source.says(x=None)
    assert await source.redirect(*told) == 3
    assert await source.points_at() == {"a": "x", "b": "x", "c": "x", "x": None}


async def test_a_survivor_that_is_deleted_is_not_there(source: Source) -> None:
    await source.says(a=None, b="a")
    await source.rows("UPDATE cdp_profiles SET status = 'deleted' WHERE ext_id = 'a'")
    assert await source.redirect() == 0
    assert (await source.states())["b"] == "deleted"


async def test_only_those_concerned_are_redirected(source: Source) -> None:
    await source.says(a=None, b="a", c="a", x=None, y="x")
    assert await source.redirect("b") == 1
    assert await source.points_at() == {"a": None, "b": "a", "c": None, "x": None, "y": None}
    assert await source.redirect("x") == 1


async def test_a_root_that_was_cleared_makes_a_person_again(source: Source) -> None:
    await source.says(a=None, b="a", c="b")
    await source.redirect()
    await source.says(b=None)
    assert await source.redirect("b") == 2
    assert await source.points_at() == {"a": None, "b": None, "c": "b"}
    assert (await source.states())["b"] == "active"
    assert await source.graph_differences() == 0


async def test_a_root_that_changed_is_followed_or_waited_for(source: Source) -> None:
    await source.says(a=None, x=None, b="a", c="a")
    await source.redirect()
    await source.says(b="x", c="nobody")
    assert await source.redirect("b", "c") == 3
    assert await source.points_at() == {"a": None, "x": None, "b": "x", "c": None}
    assert (await source.states())["c"] == "deleted"


async def test_roots_that_go_round_are_left_alone(source: Source) -> None:
    await source.says(a="b", b="a", c="c", d="a", e=None, f="e")
    assert await source.redirect() == 1
    assert await source.points_at() == {"a": None, "b": None, "c": None, "d": None, "e": None, "f": "e"}


async def test_what_a_person_undid_the_source_does_not_merge_again(source: Source) -> None:
    await source.says(a=None, b="a")
    await source.redirect()
    await source.unmerge("b")
    assert (await source.states())["b"] == "active"
    assert await source.redirect() == 0
    assert await source.points_at() == {"a": None, "b": None}


async def test_what_the_source_itself_undid_it_may_merge_again(source: Source) -> None:
    await source.says(a=None, b="a")
    await source.redirect()
    await source.says(b=None)
    await source.redirect()
    await source.says(b="a")
    assert await source.redirect("b") == 1
    assert await source.points_at() == {"a": None, "b": "a"}


async def test_what_a_person_merged_stays_and_no_root_makes_it_go_round(source: Source) -> None:
    await source.says(a=None, b=None, c=None)
    await source.merge("b", "a")
    await source.says(b="a", c="a")
    await source.redirect()
    assert await source.points_at() == {"a": "b", "b": None, "c": "b"}


async def test_another_tenants_roots_are_not_followed(source: Source, db: Database, other_tenant: Tenant) -> None:
    await Source(db, other_tenant).says(a=None)
    await source.says(b="a")
    assert await source.redirect() == 0


async def test_a_person_and_the_source_at_one_instant_never_point_two_at_each_other(source: Source) -> None:
    await source.says(a=None, b=None)
    await source.rows("UPDATE cdp_profiles SET source_root = 'b' WHERE ext_id = 'a'")
    async with source.db.transaction(source.tenant.tenant_id) as conn:
        await identity.redirect_roots(conn)
        merging = asyncio.create_task(source.merge("a", "b"))
        await asyncio.wait([merging], timeout=0.5)
        assert not merging.done()
    with pytest.raises(Conflict):
        await merging
    assert await source.points_at() == {"a": "b", "b": None}


async def test_the_source_waits_for_a_person_who_is_merging(source: Source) -> None:
    await source.says(a=None, b="a")
    async with source.db.transaction(source.tenant.tenant_id) as conn:
        await conn.execute(queries("identity")["queue"])
        redirecting = asyncio.create_task(source.redirect())
        await asyncio.wait([redirecting], timeout=0.5)
        assert not redirecting.done()
    assert await redirecting == 1
