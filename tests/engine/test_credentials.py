"""Provider credentials are stored sealed, open only in their own place, and come back as they were."""

import base64
import secrets
from uuid import uuid4

import pytest

from engine import credentials
from engine.campaigns.connect import connect_channel
from engine.credentials import Vault
from engine.db import Database
from rules.errors import Misconfigured
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
    sealed = vault.seal(SECRET, tenant_id=tenant_id, channel_id=7, name="password")
    assert vault.open(sealed, tenant_id=tenant_id, channel_id=7, name="password") == SECRET
    for place in (
        {"tenant_id": uuid4(), "channel_id": 7, "name": "password"},
        {"tenant_id": tenant_id, "channel_id": 8, "name": "password"},
        {"tenant_id": tenant_id, "channel_id": 7, "name": "token"},
    ):
        with pytest.raises(Misconfigured, match="another channel"):
            vault.open(sealed, **place)  # type: ignore[arg-type]


def test_another_key_opens_nothing_and_says_so(vault: Vault) -> None:
    place = {"tenant_id": uuid4(), "channel_id": 7, "name": "password"}
    sealed = vault.seal(SECRET, **place)  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match="another key"):
        Vault(key()).open(sealed, **place)  # type: ignore[arg-type]


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
