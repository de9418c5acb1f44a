"""Tenants and their API keys: who a key belongs to, what it may do, and when it ends."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from engine.db import Database
from engine.tenants import (
    ALL_SCOPES,
    Scope,
    active_tenants,
    authenticate,
    create_api_key,
    create_tenant,
    get_tenant,
    hash_key,
    revoke_api_key,
    tenant_by_slug,
)
from rules.errors import Conflict, InvalidInput, Misconfigured, NotFound, Unauthorized
from tests.conftest import Tenant


def _slug() -> str:
    return f"n{secrets.token_hex(6)}"


async def test_a_tenant_is_found_by_its_slug_and_has_a_graph(db: Database) -> None:
    tenant_id, slug = uuid4(), _slug()
    async with db.transaction(tenant_id) as connection:
        made = await create_tenant(connection, tenant_id=tenant_id, slug=slug, name="Cà phê Huế")
    assert (made.tenant_id, made.slug, made.zone, made.locale) == (tenant_id, slug, "Asia/Ho_Chi_Minh", "vi")
    async with db.before_tenant() as connection:
        assert await tenant_by_slug(connection, slug) == tenant_id
        assert (tenant_id, slug) in await active_tenants(connection)
    async with db.transaction(tenant_id) as connection:
        assert await get_tenant(connection, tenant_id=tenant_id) == made
        graphs = await connection.execute("SELECT FROM ag_catalog.ag_graph WHERE name = %s", (f"leo_{slug}",))
        assert graphs.rowcount == 1


async def test_a_slug_is_taken_once(db: Database, tenant: Tenant) -> None:
    again = uuid4()
    with pytest.raises(Conflict, match="slug exists"):
        async with db.transaction(again) as connection:
            await create_tenant(connection, tenant_id=again, slug=tenant.slug, name="Again")


@pytest.mark.parametrize("slug", ["", "ab", "Big", "1st", "with space", "dash-ed", "x" * 42, 'a"; DROP'])
async def test_a_slug_that_cannot_name_a_graph_is_refused(db: Database, slug: str) -> None:
    tenant_id = uuid4()
    with pytest.raises(InvalidInput, match="slug"):
        async with db.transaction(tenant_id) as connection:
            await create_tenant(connection, tenant_id=tenant_id, slug=slug, name="Nobody")


@pytest.mark.parametrize("zone", ["", "Hanoi", "../etc/passwd", "Asia/Nowhere"])
async def test_a_zone_has_to_be_known(db: Database, zone: str) -> None:
    tenant_id = uuid4()
    with pytest.raises(InvalidInput, match="time zone"):
        async with db.transaction(tenant_id) as connection:
            await create_tenant(connection, tenant_id=tenant_id, slug=_slug(), name="Nobody", zone=zone)


async def test_a_tenant_is_not_made_inside_anothers_border(db: Database, tenant: Tenant) -> None:
    with pytest.raises(Misconfigured, match="row-level security"):
        async with db.transaction(tenant.tenant_id) as connection:
            await create_tenant(connection, tenant_id=uuid4(), slug=_slug(), name="Intruder")


async def test_an_unknown_slug_tells_no_other_tenants_name(db: Database, tenant: Tenant) -> None:
    with pytest.raises(NotFound, match="nobody_here") as raised:
        async with db.before_tenant() as connection:
            await tenant_by_slug(connection, "nobody_here")
    assert tenant.slug not in str(raised.value)


async def test_a_key_names_its_holder_and_scopes(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        key = await create_api_key(
            connection, tenant_id=tenant.tenant_id, name="cdp", scopes=[Scope.WRITE, Scope.READ, Scope.READ]
        )
    assert key.scopes == (Scope.READ, Scope.WRITE)
    async with db.before_tenant() as connection:
        caller = await authenticate(connection, key.secret)
    assert (caller.tenant_id, caller.slug, caller.api_key_id) == (tenant.tenant_id, tenant.slug, key.api_key_id)
    assert caller.scopes == {"read", "write"}


async def test_authenticating_enters_the_holders_border_alone(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        key = await create_api_key(connection, tenant_id=tenant.tenant_id, name="cdp", scopes=ALL_SCOPES)
    async with db.before_tenant() as connection:
        before = await (await connection.execute("SELECT slug FROM tenant")).fetchall()
        await authenticate(connection, key.secret)
        after = await (await connection.execute("SELECT slug FROM tenant")).fetchall()
    assert before == []
    assert [row["slug"] for row in after] == [tenant.slug] != [other_tenant.slug]


async def test_a_secret_is_stored_as_its_hash_alone(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        key = await create_api_key(connection, tenant_id=tenant.tenant_id, name="cdp", scopes=["read"])
        row = await (await connection.execute("SELECT to_jsonb(k) AS stored, key_hash FROM api_key k")).fetchone()
    assert row is not None
    assert re.fullmatch(rf"leo_{key.prefix}_[\w-]{{43}}", key.secret)
    assert re.fullmatch(r"[0-9a-f]{8}", key.prefix)
    assert bytes(row["key_hash"]) == hash_key(key.secret) == hashlib.sha256(key.secret.encode()).digest()
    assert key.secret.removeprefix(f"leo_{key.prefix}_") not in str(row["stored"])


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "READ"]])
async def test_a_key_has_scopes_and_only_known_ones(db: Database, tenant: Tenant, scopes: list[str]) -> None:
    with pytest.raises(InvalidInput, match="scope"):
        async with db.transaction(tenant.tenant_id) as connection:
            await create_api_key(connection, tenant_id=tenant.tenant_id, name="cdp", scopes=scopes)


@pytest.mark.parametrize("secret", ["", "leo_", "leo_00000000_nothing", "Bearer leo_x", "\x00", "ключ"])
async def test_an_unknown_key_is_nobodys(db: Database, tenant: Tenant, secret: str) -> None:
    with pytest.raises(Unauthorized) as raised:
        async with db.before_tenant() as connection:
            await authenticate(connection, secret)
    assert tenant.slug not in str(raised.value)


async def test_a_revoked_key_ends_at_once_and_keeps_its_first_end(db: Database, tenant: Tenant) -> None:
    ended = []
    async with db.transaction(tenant.tenant_id) as connection:
        key = await create_api_key(connection, tenant_id=tenant.tenant_id, name="cdp", scopes=["read"])
    for _ in range(2):
        async with db.transaction(tenant.tenant_id) as connection:
            await revoke_api_key(connection, tenant_id=tenant.tenant_id, api_key_id=key.api_key_id)
            ended.append(await (await connection.execute("SELECT revoked_at FROM api_key")).fetchone())
    assert ended[0] == ended[1] != {"revoked_at": None}
    with pytest.raises(Unauthorized):
        async with db.before_tenant() as connection:
            await authenticate(connection, key.secret)


async def test_a_key_is_not_revoked_by_another_tenant(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        key = await create_api_key(connection, tenant_id=tenant.tenant_id, name="cdp", scopes=["read"])
    for claimed in (tenant, other_tenant):
        with pytest.raises(NotFound):
            async with db.transaction(other_tenant.tenant_id) as connection:
                await revoke_api_key(connection, tenant_id=claimed.tenant_id, api_key_id=key.api_key_id)
    async with db.before_tenant() as connection:
        assert (await authenticate(connection, key.secret)).tenant_id == tenant.tenant_id


async def test_an_expired_key_and_a_suspended_tenants_key_open_nothing(db: Database, tenant: Tenant) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with db.transaction(tenant.tenant_id) as connection:
        expired = await create_api_key(
            connection, tenant_id=tenant.tenant_id, name="old", scopes=["read"], expires_at=past
        )
        valid = await create_api_key(connection, tenant_id=tenant.tenant_id, name="new", scopes=["read"])
    with pytest.raises(Unauthorized):
        async with db.before_tenant() as connection:
            await authenticate(connection, expired.secret)
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("UPDATE tenant SET status = 'suspended'")
    with pytest.raises(Unauthorized):
        async with db.before_tenant() as connection:
            await authenticate(connection, valid.secret)
    async with db.before_tenant() as connection:
        assert await tenant_by_slug(connection, tenant.slug) == tenant.tenant_id
        assert tenant.tenant_id not in dict(await active_tenants(connection))
