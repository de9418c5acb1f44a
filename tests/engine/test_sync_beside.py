"""Two pages of people are written at once: what is kept is what one after the other would have left."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from engine.credentials import Vault
from engine.db import Database
from engine.ingest import commit, fieldmap, write
from engine.ingest.commit import is_apart, write_beside
from engine.ingest.counts import SyncCounts
from engine.ingest.page import Page, prepare
from engine.ingest.run import PEOPLE, Run, position
from engine.ingest.write import Place
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, connect, keys, rows, take

# More than these are a large page: only such are written beside another.
LARGE = 150
LEFT = (
    "SELECT p.ext_id, p.status, p.name, p.attributes, p.source_rev, w.ext_id AS winner, "
    "(SELECT array_agg(ROW(channel, value, valid, reason)::text ORDER BY channel, value) FROM profile_address a "
    " WHERE a.profile_id = p.profile_id) AS addresses, "
    "(SELECT array_agg(ROW(channel, purpose, granted)::text ORDER BY channel, purpose) FROM consent c "
    " WHERE c.profile_id = p.profile_id) AS consents, "
    "(SELECT array_agg(ROW(r.kind, t.key, t.name)::text ORDER BY r.kind, t.key) FROM profile_relation r "
    " JOIN relation_target t USING (target_id) WHERE r.profile_id = p.profile_id) AS relations "
    "FROM cdp_profiles p LEFT JOIN cdp_profiles w ON w.profile_id = p.merged_into ORDER BY p.ext_id"
)


@pytest.fixture
async def run(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> AsyncIterator[Run]:
    """A run that stands before everything, of a CDP with a large page of people."""
    await cdp.make(LARGE)
    source = await connect(db, vault, tenant, cdp)
    fields = fieldmap.load(source.field_map)
    place = Place(tenant_id=tenant.tenant_id, source_id=source.source_id, source="cdp", owned=fields.attributes.names)
    made = Run(
        db=db,
        source=source,
        arango=source.connect(),
        fields=fields,
        place=place,
        counts=SyncCounts(),
        say=lambda _: None,
        stop=asyncio.Event(),
        run_id=0,
    )
    yield made
    made.arango.close()


async def first_page(run: Run) -> Page:
    found = await run.ask_people("profiles_changed", ts="", key="", n=LARGE, updated=run.fields.time_field)
    return await prepare(run, found)


def pending() -> asyncio.Future[str | None]:
    return asyncio.get_running_loop().create_future()


async def test_pages_beside_each_other_leave_what_pages_in_turn_leave(
    db: Database, tenant: Tenant, other_tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(5 * LARGE, traps=True)
    in_turn = await take(db, await connect(db, vault, other_tenant, cdp, page=50))
    beside = await take(db, await connect(db, vault, tenant, cdp, page=LARGE))
    assert (beside.new, beside.refused, beside.mended) == (in_turn.new, in_turn.refused, in_turn.mended)
    assert await rows(db, tenant, LEFT) == await rows(db, other_tenant, LEFT)


async def test_two_syncs_of_large_pages_at_once_take_everybody_once(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(8 * LARGE)
    source = await connect(db, vault, tenant, cdp, page=LARGE)
    counts = await asyncio.gather(take(db, source), take(db, source))
    assert sum(one.new for one in counts) == 8 * LARGE
    assert len(await keys(db, tenant)) == 8 * LARGE


async def test_a_page_is_dropped_with_the_page_before_it(run: Run, db: Database, tenant: Tenant) -> None:
    stands = await position(run)
    before = pending()
    beside = asyncio.create_task(write_beside(run, await first_page(run), before, at="2027", key="k"))
    before.set_result(None)
    assert await beside is None
    assert not await keys(db, tenant)
    assert await position(run) == stands


async def test_a_page_is_dropped_where_somebody_else_has_moved_the_stream(
    run: Run, db: Database, tenant: Tenant
) -> None:
    stands = await position(run)
    before = pending()
    beside = asyncio.create_task(write_beside(run, await first_page(run), before, at="2027", key="k"))
    async with db.transaction(tenant.tenant_id) as conn:
        await write.move(conn, run.place, PEOPLE, at="2026", key="other")
    before.set_result(stands.version)
    assert await beside is None
    assert not await keys(db, tenant)
    assert run.counts.pages_dropped == 1


async def test_people_are_let_go_where_the_page_before_takes_long_and_written_after_it(
    run: Run, db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "LONGEST_HELD_S", 0.2)
    page = await first_page(run)
    stands = await position(run)
    before = pending()
    beside = asyncio.create_task(write_beside(run, page, before, at="2027", key="k"))
    # Whoever the page before waits for may wait for one of these people: this insert ends only when they are let go.
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        await rows(
            db,
            tenant,
            "INSERT INTO cdp_profiles (tenant_id, ext_id, status) VALUES (%s, %s, 'active') RETURNING profile_id",
            tenant.tenant_id,
            min(page.keys),
        )
    before.set_result(stands.version)
    assert await beside is not None
    assert len(await keys(db, tenant)) == LARGE


async def test_a_fault_of_the_page_before_is_told_and_nothing_is_kept(run: Run, db: Database, tenant: Tenant) -> None:
    before = pending()
    beside = asyncio.create_task(write_beside(run, await first_page(run), before, at="2027", key="k"))
    before.set_exception(ValueError("the page before failed"))
    with pytest.raises(ValueError, match="the page before"):
        await beside
    assert not await keys(db, tenant)


@pytest.mark.parametrize(
    ("before", "page", "apart"),
    [
        ({}, {}, True),
        ({"read": 100}, {}, False),
        ({}, {"read": 100}, False),
        ({}, {"keys": frozenset({"an", "minh"})}, False),
        ({"rooted": ["lan"]}, {}, False),
        ({}, {"rooted": ["an"]}, True),
        ({}, {"rows": None}, False),
    ],
    ids=["large ones", "small before", "small", "somebody in both", "merges before", "merges after", "nothing new"],
)
async def test_which_pages_are_written_at_once(
    run: Run,
    before: dict[str, Any],
    page: dict[str, Any],
    apart: bool,  # noqa: FBT001 - what is expected
) -> None:
    large = await first_page(run)
    first, second = replace(large, keys=frozenset({"lan", "minh"})), replace(large, keys=frozenset({"an"}))
    assert is_apart(replace(first, **before), replace(second, **page)) == apart
