"""Provider credentials, encrypted at rest (Fernet: AES-128-CBC with HMAC-SHA256) under LEO_CREDENTIAL_KEY.

The setting may contain several keys, the newest first: that one seals and all of them open, until `leo credentials
rotate` has sealed everything with the newest. A sealed value is bound to its tenant, channel and name; moved to another
row it does not open.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.keys import name_of, split_keys
from engine.queries import queries
from rules.errors import Misconfigured

# The settings of a channel that are credentials: stored sealed, never shown again.
SECRET_SETTINGS = frozenset(
    {
        *("verify_token", "service_account", "vapid_private_key", "visitor_key"),
        *("password", "token", "webhook_secret", "app_secret", "api_key"),
        *("access_token", "refresh_token", "user_token"),
    }
)
_SQL = queries("credentials")


class Vault:
    """Seals and opens credentials. Raises Misconfigured if a key is not 32 bytes in URL-safe base64."""

    def __init__(self, keys: str) -> None:
        given = split_keys(keys)
        self.key_name = name_of(given[0]) if given else ""
        try:
            self._fernet = MultiFernet([Fernet(key) for key in given])
        except ValueError as error:
            raise Misconfigured(
                "LEO_CREDENTIAL_KEY is no key: 32 bytes in URL-safe base64 are wanted.",
                remedy="Restore the one these credentials were sealed with, or unset it to use the generated one.",
            ) from error

    def seal(self, value: str, *, tenant_id: UUID, channel_id: int, name: str) -> bytes:
        return self._fernet.encrypt(json.dumps([str(tenant_id), channel_id, name, value]).encode())

    def anew(self, sealed: bytes, *, of: str) -> bytes:
        """Seal with the newest key what any of them sealed, for the same place; raises Misconfigured if none did."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken as error:
            raise Misconfigured(
                f"A credential of the {of} does not open: none of the keys sealed it.",
                remedy="Put the key it was sealed with at the end of LEO_CREDENTIAL_KEY, or connect it again.",
            ) from error

    def open(self, sealed: bytes, *, tenant_id: UUID, channel_id: int, name: str) -> str:
        """Give the value; raises Misconfigured if it was sealed with another key or for another place."""
        try:
            *place, value = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise _unopened(name, channel_id, "it was sealed with another key") from error
        if place != [str(tenant_id), channel_id, name]:
            raise _unopened(name, channel_id, "it belongs to another channel")
        return str(value)


def _unopened(name: str, channel_id: int, why: str) -> Misconfigured:
    return Misconfigured(
        f"The credential {name} of channel {channel_id} does not open: {why}.",
        remedy="Restore LEO_CREDENTIAL_KEY, or connect the channel again.",
    )


def split(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Split a channel's settings into plain ones and credentials; a key file becomes its JSON text."""
    plain = {name: value for name, value in settings.items() if name not in SECRET_SETTINGS}
    given = {name: value for name, value in settings.items() if name in SECRET_SETTINGS and value is not None}
    return plain, {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in given.items()}


async def store(
    connection: Transaction, vault: Vault, *, tenant_id: UUID, channel_id: int, secrets: Mapping[str, str]
) -> None:
    """Seal and store a channel's credentials, replacing those it had."""
    await _write(connection, vault, "replace", tenant_id, channel_id, secrets)


async def put(
    connection: Transaction, vault: Vault, *, tenant_id: UUID, channel_id: int, secrets: Mapping[str, str]
) -> None:
    """Seal and store some of a channel's credentials; the others stay as they are."""
    await _write(connection, vault, "put", tenant_id, channel_id, secrets)


async def _write(
    connection: Transaction, vault: Vault, query: str, tenant_id: UUID, channel_id: int, secrets: Mapping[str, str]
) -> None:
    sealed = [
        {"name": name, "ciphertext": vault.seal(value, tenant_id=tenant_id, channel_id=channel_id, name=name).decode()}
        for name, value in secrets.items()
    ]
    await connection.execute(
        _SQL[query], {"channel_id": channel_id, "sealed": Jsonb(sealed), "key_name": vault.key_name}
    )


async def load(connection: Transaction, vault: Vault, *, tenant_id: UUID, channel_id: int) -> dict[str, str]:
    """Give a channel's credentials, opened."""
    rows = await (await connection.execute(_SQL["of_channel"], {"channel_id": channel_id})).fetchall()
    return {
        row["name"]: vault.open(bytes(row["ciphertext"]), tenant_id=tenant_id, channel_id=channel_id, name=row["name"])
        for row in rows
    }
