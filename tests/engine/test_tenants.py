"""Tenants and their keys."""

from uuid import UUID, uuid4

import pytest

from engine import tenants
from engine.cli import run
from engine.db import Database
from engine.settings import Settings
from engine.tenants import Scope
from rules.errors import Conflict, InvalidInput, NotFound, Unauthorized
from tests.conftest import Tenant


async def _created(db: Database, slug: str) -> UUID:
    tenant_id = uuid4()
    async with db.transaction(tenant_id) as conn:
        await tenants.create_tenant(conn, tenant_id=tenant_id, slug=slug, name="Hoa Sen")
    return tenant_id


async def test_creating_a_tenant_makes_its_graph_and_dropping_it_removes_both(db: Database, admin_url: str) -> None:
    tenant_id = await _created(db, "hoa_sen")
    graph = "SELECT count(*) AS n FROM ag_catalog.ag_graph WHERE name = 'leo_hoa_sen'"
    async with db.before_tenant() as conn:
        assert await tenants.tenant_by_slug(conn, "hoa_sen") == tenant_id
        assert (tenant_id, "hoa_sen") in await tenants.active_tenants(conn)
        assert await (await conn.execute(graph)).fetchone() == {"n": 1}
    with pytest.raises(InvalidInput, match="reason"):
        tenants.drop_tenant(admin_url, tenant_id=tenant_id, reason=" ")
    removed = tenants.drop_tenant(admin_url, tenant_id=tenant_id, reason="the shop closed")
    assert removed["tenant"] == 1
    async with db.before_tenant() as conn:
        assert await (await conn.execute(graph)).fetchone() == {"n": 0}
        with pytest.raises(NotFound, match="hoa_sen"):
            await tenants.tenant_by_slug(conn, "hoa_sen")
    with pytest.raises(NotFound):
        tenants.drop_tenant(admin_url, tenant_id=tenant_id, reason="again")


@pytest.mark.parametrize("slug", ["ab", "Hoa", "1hoa", "hoa-sen", "hoa sen", "hoa'; DROP", "h" * 42, ""])
async def test_a_slug_that_is_no_graph_name_is_refused(db: Database, slug: str) -> None:
    with pytest.raises(InvalidInput, match="slug"):
        await _created(db, slug)


async def test_a_slug_is_given_once_and_a_zone_must_exist(db: Database, tenant: Tenant) -> None:
    with pytest.raises(Conflict, match="slug"):
        await _created(db, tenant.slug)
    tenant_id = uuid4()
    with pytest.raises(InvalidInput, match="Hanoi"):
        async with db.transaction(tenant_id) as conn:
            await tenants.create_tenant(conn, tenant_id=tenant_id, slug="zoned", name="Z", zone="Asia/Hanoi")


async def test_a_key_names_its_tenant_and_puts_the_transaction_inside_it(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        key = await tenants.create_api_key(conn, tenant_id=tenant.tenant_id, name="k", scopes=["write", "read"])
    async with db.before_tenant() as conn:
        caller = await tenants.authenticate(conn, key.secret)
        assert (caller.tenant_id, caller.slug, caller.api_key_id) == (tenant.tenant_id, tenant.slug, key.api_key_id)
        assert caller.scopes == {Scope.READ, Scope.WRITE}
        assert (await tenants.get_tenant(conn, tenant_id=tenant.tenant_id)).slug == tenant.slug


async def test_what_is_stored_of_a_key_is_its_hash(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        key = await tenants.create_api_key(conn, tenant_id=tenant.tenant_id, name="k", scopes=["read"])
        row = await (await conn.execute("SELECT api_key::text AS stored, key_hash FROM api_key")).fetchone()
    assert row is not None
    assert bytes(row["key_hash"]) == tenants.hash_key(key.secret)
    assert key.secret not in row["stored"]
    assert key.secret.split("_", 2)[2] not in row["stored"]


@pytest.mark.parametrize("secret", ["", "leo_", "leo_00000000_x", "bearer", "leo_\x00", "khoá"])
async def test_an_unknown_key_is_nobodys(db: Database, secret: str) -> None:
    async with db.before_tenant() as conn:
        with pytest.raises(Unauthorized):
            await tenants.authenticate(conn, secret)


async def test_the_keys_of_a_suspended_tenant_open_nothing(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        key = await tenants.create_api_key(conn, tenant_id=tenant.tenant_id, name="k", scopes=["read"])
        await conn.execute("UPDATE tenant SET status = 'suspended'")
    async with db.before_tenant() as conn:
        with pytest.raises(Unauthorized):
            await tenants.authenticate(conn, key.secret)


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "root"]])
async def test_a_key_needs_scopes_that_exist(db: Database, tenant: Tenant, scopes: list[str]) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        with pytest.raises(InvalidInput, match="scope"):
            await tenants.create_api_key(conn, tenant_id=tenant.tenant_id, name="k", scopes=scopes)


async def test_a_key_of_another_tenant_is_not_there(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        key = await tenants.create_api_key(conn, tenant_id=tenant.tenant_id, name="k", scopes=["read"])
    async with db.transaction(other_tenant.tenant_id) as conn:
        with pytest.raises(NotFound):
            await tenants.revoke_api_key(conn, tenant_id=tenant.tenant_id, api_key_id=key.api_key_id)


def _leo(*words: str) -> int:
    return run(["tenants", *words])


def test_the_command_line_makes_lists_and_drops_tenants(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert _leo("create", "cli_shop", "--name", "Cửa hàng") == 0
    assert "leo_" in capsys.readouterr().out
    assert _leo("key", "cli_shop", "--scope", "read", "--days", "7") == 0
    assert "scopes read;" in capsys.readouterr().out
    assert _leo("list") == 0
    assert "cli_shop" in capsys.readouterr().out
    assert _leo("drop", "cli_shop", "--reason", "a test", "--yes") == 0
    assert "removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("key", "no_such_shop"), 1, "no_such_shop"),
        (("drop", "no_such_shop", "--reason", "x", "--yes"), 1, "no_such_shop"),
        (("create", "Not-A-Slug"), 2, "slug"),
        (("create", "zoned_shop", "--zone", "Moon/Crater"), 2, "Moon/Crater"),
    ],
)
def test_the_command_line_says_what_is_wrong_in_a_sentence(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert _leo(*words) == code
    text = capsys.readouterr().err
    assert told in text
    assert "Traceback" not in text
