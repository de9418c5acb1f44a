"""Provider credentials are stored sealed, open only in their own place, and come back as they were."""

import asyncio
import base64
import secrets
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from engine import credentials
from engine.audit.checkpoint import Signer
from engine.campaigns.connect import connect_channel
from engine.cli import run
from engine.credentials import Vault
from engine.db import Database
from engine.embedded.home import add_credential_key, load_secrets
from engine.keys import name_of, split_keys
from engine.reseal import count_keys, reseal
from engine.settings import Settings
from engine.unsubscribe import Links, Request
from rules.errors import Misconfigured, Unauthorized
from rules.words import Channel
from tests.conftest import Tenant

SECRET = "bí mật của kênh"
SETTINGS = {"host": "127.0.0.1", "port": 25, "tls": "none", "sender": "LEO <no-reply@leo.example>", "password": SECRET}


def key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def vault() -> Vault:
    return Vault(key())


def test_a_credential_opens_in_its_own_place_alone(vault: Vault) -> None:
    tenant_id = uuid4()
    place: dict[str, Any] = {"tenant_id": tenant_id, "channel_id": 7, "name": "password"}
    sealed = vault.seal(SECRET, **place)
    assert vault.open(sealed, **place) == SECRET
    for other in ({"tenant_id": uuid4()}, {"channel_id": 8}, {"name": "token"}):
        with pytest.raises(Misconfigured, match="another channel"):
            vault.open(sealed, **{**place, **other})


def test_another_key_opens_nothing_and_says_so(vault: Vault) -> None:
    place: dict[str, Any] = {"tenant_id": uuid4(), "channel_id": 7, "name": "password"}
    sealed = vault.seal(SECRET, **place)
    with pytest.raises(Misconfigured, match="another key"):
        Vault(key()).open(sealed, **place)


def test_a_key_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(Misconfigured, match="32 bytes"):
        Vault("short")


async def test_a_channel_s_secrets_are_in_no_column_as_text(db: Database, tenant: Tenant, vault: Vault) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        channel = await connect_channel(
            connection, vault, tenant_id=tenant.tenant_id, kind="email", name="mail", settings=SETTINGS
        )
        rows = await (await connection.execute("SELECT settings::text AS text FROM channel")).fetchall()
        sealed = await (await connection.execute("SELECT ciphertext FROM channel_credential")).fetchall()
        opened = await credentials.load(connection, vault, tenant_id=tenant.tenant_id, channel_id=channel.channel_id)
    assert all(SECRET not in row["text"] for row in rows)
    assert len(sealed) == 1
    assert SECRET.encode() not in bytes(sealed[0]["ciphertext"])
    assert opened == {"password": SECRET}


async def test_a_new_key_takes_over_without_asking_anybody_for_secrets(db: Database, tenant: Tenant) -> None:
    old, new = key(), key()
    before, between, after = Vault(old), Vault(f"{new},{old}"), Vault(new)
    async with db.transaction(tenant.tenant_id) as conn:
        given: dict[str, Any] = {"tenant_id": tenant.tenant_id, "kind": "email", "name": "mail", "settings": SETTINGS}
        channel = await connect_channel(conn, before, **given)
        place: dict[str, Any] = {"tenant_id": tenant.tenant_id, "channel_id": channel.channel_id}
        assert await credentials.load(conn, between, **place) == {"password": SECRET}
        assert await count_keys(conn) == {before.key_name: 1}
        assert await reseal(conn, between, tenant_id=tenant.tenant_id) == 1
        assert await reseal(conn, between, tenant_id=tenant.tenant_id) == 0
        assert await count_keys(conn) == {after.key_name: 1}
        assert await credentials.load(conn, after, **place) == {"password": SECRET}
        with pytest.raises(Misconfigured, match="another key"):
            await credentials.load(conn, before, **place)


async def test_a_credential_that_no_key_opens_is_named_and_nothing_is_lost(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        given: dict[str, Any] = {"tenant_id": tenant.tenant_id, "kind": "email", "name": "mail", "settings": SETTINGS}
        channel = await connect_channel(conn, Vault(key()), **given)
        with pytest.raises(Misconfigured, match=f"channel {channel.channel_id} does not open"):
            await reseal(conn, Vault(key()), tenant_id=tenant.tenant_id)


def test_old_unsubscribe_links_and_audit_signatures_outlive_the_key() -> None:
    old, new = key(), key()
    asked = Request(uuid4(), 7, Channel.EMAIL, 9)
    assert Links(f"{new},{old}", "http://leo.example").verify(Links(old, "http://leo.example").sign(asked)) == asked
    assert Signer(f"{new},{old}").public_key == Signer(old).public_key
    with pytest.raises(Unauthorized):
        Links(new, "http://leo.example").verify(Links(old, "http://leo.example").sign(asked))


def test_a_generated_key_is_followed_by_a_new_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    old = load_secrets(settings).credential_key
    name = add_credential_key(settings)
    keys = split_keys(load_secrets(settings).credential_key)
    assert (keys[1:], name_of(keys[0])) == ([old], name)
    assert not [one for one in keys if one in name]
    with pytest.raises(Misconfigured, match="yours to change"):
        add_credential_key(Settings(home=tmp_path / "home", credential_key=old))


async def test_an_operator_rotates(
    db: Database,
    tenant: Tenant,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert settings.credential_key
    old, new = settings.credential_key.get_secret_value(), key()
    async with db.transaction(tenant.tenant_id) as conn:
        given: dict[str, Any] = {"tenant_id": tenant.tenant_id, "kind": "email", "name": "mail", "settings": SETTINGS}
        await connect_channel(conn, Vault(old), **given)
    for name, value in {**settings.environment(), "LEO_CREDENTIAL_KEY": f"{new},{old}"}.items():
        monkeypatch.setenv(name, value)
    for words in (("keys",), ("rotate",), ("keys",)):
        assert await asyncio.to_thread(run, ("credentials", *words, "--tenant", tenant.slug)) == 0
    shown = capsys.readouterr().out
    assert "are sealed with the newest key now" in shown
    assert f"{name_of(new)} (the newest)" in shown
    assert old not in shown
    assert new not in shown
