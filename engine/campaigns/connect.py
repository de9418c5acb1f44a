"""Connecting a channel: settings stored as they are, credentials sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from channels import registry
from engine import credentials
from engine.credentials import Vault
from engine.db import Transaction
from engine.queries import queries
from rules import words
from rules.errors import Conflict, InvalidInput, Misconfigured

_SQL = queries("campaigns")


@dataclass(frozen=True, slots=True)
class Channel:
    """A connected channel; `webhook_key` is the last part of the address that its provider calls."""

    channel_id: int
    kind: words.Channel
    name: str
    status: str
    webhook_key: str


async def connect_channel(
    conn: Transaction,
    vault: Vault,
    *,
    tenant_id: UUID,
    kind: str,
    name: str,
    settings: Mapping[str, Any],
    webhook_key: str | None = None,
) -> Channel:
    """Connect a channel, or give the one of this name new settings and credentials in place of all it had.

    Raises InvalidInput where the settings do not fit the channel, Conflict where the name is another kind's.
    """
    await _check(kind, settings)
    plain, secrets = credentials.split(dict(settings))
    values = {"tenant_id": tenant_id, "kind": kind, "name": name, "settings": Jsonb(plain), "webhook_key": webhook_key}
    row = await (await conn.execute(_SQL["connect_channel"], values)).fetchone()
    if row is None:
        raise Conflict(f"The channel {name!r} is of another kind.", remedy="Give the new channel another name.")
    channel = _channel(row)
    await credentials.store(conn, vault, tenant_id=tenant_id, channel_id=channel.channel_id, secrets=secrets)
    return channel


async def list_channels(conn: Transaction, *, tenant_id: UUID) -> list[Channel]:
    rows = await (await conn.execute(_SQL["channels"], {"tenant_id": tenant_id})).fetchall()
    return [_channel(row) for row in rows]


async def _check(kind: str, settings: Mapping[str, Any]) -> None:
    if kind not in set(words.Channel):
        raise InvalidInput(f"There is no channel {kind!r}.", remedy=f"Use one of {', '.join(words.Channel)}.")
    try:
        adapter = registry.create(words.Channel(kind), settings)
    except Misconfigured as error:  # the caller's settings, not the server's
        raise InvalidInput(error.message, remedy=error.remedy) from error
    await adapter.aclose()


def _channel(row: Mapping[str, Any]) -> Channel:
    return Channel(**{**row, "kind": words.Channel(row["kind"])})
