"""References that are checked once a statement hold as a foreign key does: for every writer, in both directions."""

from typing import LiteralString

import psycopg
import pytest

from engine.db import Database
from tests.conftest import Tenant
from tests.engine.world import World, simple_world

STRAYS: dict[str, LiteralString] = {
    "profile_address_profile_fkey": "INSERT INTO profile_address (tenant_id, profile_id, channel, value) "
    "VALUES (%(t)s, 1, 'email', 'a@b.example')",
    "consent_profile_fkey": "INSERT INTO consent (tenant_id, profile_id, granted) VALUES (%(t)s, 1, true)",
    "profile_relation_knows_fkey": "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id) "
    "SELECT %(t)s, profile_id, 'KNOWS', 1 FROM cdp_profiles WHERE tenant_id = %(t)s",
    "profile_relation_target_fkey": "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id) "
    "SELECT %(t)s, profile_id, 'BOUGHT', profile_id FROM cdp_profiles WHERE tenant_id = %(t)s",
}


async def _world(db: Database, tenant: Tenant) -> tuple[World, list[int]]:
    world, _, people = await simple_world(db, tenant, people=3)
    return world, people


@pytest.mark.parametrize(("name", "statement"), STRAYS.items())
async def test_nothing_refers_to_what_is_not_there(
    db: Database, tenant: Tenant, admin_url: str, name: str, statement: LiteralString
) -> None:
    """Not even where a superuser writes who has set no tenant."""
    await _world(db, tenant)
    with psycopg.connect(admin_url) as connection, pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
        connection.execute(statement, {"t": tenant.tenant_id})
    assert caught.value.diag.constraint_name == name


async def test_a_person_of_another_tenant_is_nobody_here(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    _, people = await _world(db, tenant)
    stranger = World(db, other_tenant)
    with pytest.raises(Exception, match="consent_profile_fkey"):
        await stranger.rows(
            "INSERT INTO consent (tenant_id, profile_id, granted) VALUES (leo_tenant(), %(p)s, true)", p=people[0]
        )


async def test_a_row_cannot_be_moved_to_nobody(db: Database, tenant: Tenant) -> None:
    world, people = await _world(db, tenant)
    with pytest.raises(Exception, match="consent_profile_fkey"):
        await world.rows("UPDATE consent SET profile_id = 1 WHERE profile_id = %(p)s", p=people[0])
    await world.rows(
        "UPDATE consent SET profile_id = %(q)s, purpose = 'moved' WHERE profile_id = %(p)s", p=people[0], q=people[1]
    )


async def test_what_hangs_on_a_person_goes_with_them(db: Database, tenant: Tenant, admin_url: str) -> None:
    world, people = await _world(db, tenant)
    with psycopg.connect(admin_url) as connection:
        connection.execute("DELETE FROM cdp_profiles WHERE profile_id = %s", (people[0],))
    left = await world.rows("SELECT DISTINCT profile_id FROM profile_address ORDER BY 1")
    assert [row["profile_id"] for row in left] == people[1:]
    assert await world.graph_differences() == 0


async def test_whom_a_decision_is_for_stays(db: Database, tenant: Tenant, admin_url: str) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id)
    with psycopg.connect(admin_url) as connection, pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
        connection.execute("DELETE FROM cdp_profiles WHERE profile_id = %s", (people[0],))
    assert caught.value.diag.constraint_name in {"decision_profile_fkey", "delivery_log_profile_fkey"}


async def test_a_parent_that_another_transaction_removes_is_waited_for(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    """Who refers to a person holds them: their removal waits, and then takes along what refers to them."""
    world, people = await _world(db, tenant)
    with psycopg.connect(admin_url) as remover:
        async with db.transaction(tenant.tenant_id) as conn:
            await conn.execute(
                "INSERT INTO consent (tenant_id, profile_id, granted, purpose) "
                "VALUES (leo_tenant(), %(p)s, true, 'news')",
                {"p": people[0]},
            )
            remover.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                remover.execute("DELETE FROM cdp_profiles WHERE profile_id = %s", (people[0],))
            remover.rollback()
        remover.execute("DELETE FROM cdp_profiles WHERE profile_id = %s", (people[0],))
    assert await world.one("SELECT count(*) FROM consent WHERE profile_id = %(p)s", p=people[0]) == 0
