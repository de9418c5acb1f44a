"""Connecting a channel: settings are stored as they are, credentials sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from channels import registry
from engine import credentials, dispatch, sandboxed, tokens
from engine.credentials import Vault
from engine.db import Transaction
from engine.queries import queries
from rules import words
from rules.circuit import fault_of
from rules.errors import Conflict, InvalidInput, Misconfigured, NotFound
from rules.faults import Fault

_SQL = queries("campaigns")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel; `webhook_key` is the last part of the address that its provider calls.

    `failover`: its rank among channels of the same kind that stand in for each other. `reason` and `held_until` say why
    it is not called and, if that is temporary, until when. `sandbox`: nobody receives its messages. `token_ends_at`:
    when its OAuth token ends, None if it has none or no end is known; `token_warning` is what to do before then.
    """

    channel_id: int
    kind: words.Channel
    name: str
    status: str
    failover: int | None
    webhook_key: str
    sandbox: bool
    reason: str | None
    held_until: datetime | None
    token_ends_at: datetime | None
    token_warning: str | None
    token_fault: Mapping[str, Any] | None

    @property
    def why(self) -> Fault | None:
        """Say, as a fault, why it is not called; if its authorisation has ended, what its token's keeper found."""
        if self.reason is None:
            return None
        found = fault_of(self.reason)
        return found if found.kind != "channel.grant_ended" else Fault.read(self.token_fault) or found

    @property
    def warning(self) -> Fault | None:
        """Say, as a fault, what should be known about its token."""
        if self.token_warning is None:
            return None
        return Fault.read(self.token_fault) or Fault("token.other", "token", {"said": self.token_warning.rstrip(". ")})


async def connect_channel(
    conn: Transaction,
    vault: Vault,
    *,
    tenant_id: UUID,
    kind: str,
    name: str,
    settings: Mapping[str, Any],
    webhook_key: str | None = None,
    failover: int | None = None,
) -> Channel:
    """Connect a channel, or replace all settings and credentials of the channel with this name.

    Whatever paused or held it is forgotten. `failover`: its rank among those that stand in for each other. Without any
    settings its messages go to the sandbox. Raises InvalidInput if the settings do not fit the channel, Conflict if the
    name belongs to a channel of another kind.
    """
    if sandboxed.is_sandboxed(settings):
        settings = sandboxed.check(kind, settings)
    else:
        await _check(kind, settings)
    plain, secrets = credentials.split(dict(settings))
    values = {
        "tenant_id": tenant_id,
        "kind": kind,
        "name": name,
        "settings": Jsonb(plain),
        "failover": failover,
        "webhook_key": webhook_key,
    }
    row = await (await conn.execute(_SQL["connect_channel"], values)).fetchone()
    if row is None:
        raise Conflict(f"The channel {name!r} is of another kind.", remedy="Give the new channel another name.")
    channel_id: int = row["channel_id"]
    await credentials.store(conn, vault, tenant_id=tenant_id, channel_id=channel_id, secrets=secrets)
    now = datetime.now(UTC)
    await tokens.begin(conn, channel_id=channel_id, kind=words.Channel(kind), settings=settings, now=now)
    return await resume_channel(conn, tenant_id=tenant_id, channel_id=channel_id)


async def list_channels(conn: Transaction, *, tenant_id: UUID) -> list[Channel]:
    rows = await (await conn.execute(_SQL["channels"], {"tenant_id": tenant_id, "channel_id": None})).fetchall()
    return [_channel(row) for row in rows]


async def pause_channel(conn: Transaction, *, tenant_id: UUID, channel_id: int, reason: str) -> Channel:
    """Send nothing through a channel until it is resumed; raises NotFound."""
    await dispatch.pause_channel(conn, channel_id=channel_id, reason=reason)
    return await _get(conn, tenant_id, channel_id)


async def resume_channel(conn: Transaction, *, tenant_id: UUID, channel_id: int) -> Channel:
    """Send through a channel again, whatever paused or held it; raises NotFound."""
    await dispatch.resume_channel(conn, channel_id=channel_id)
    return await _get(conn, tenant_id, channel_id)


async def ask_for_token(conn: Transaction, *, tenant_id: UUID, channel_id: int) -> Channel:
    """Have a channel's token checked by the next worker; raises NotFound, Conflict if it has no token to check."""
    channel = await _get(conn, tenant_id, channel_id)
    if not await tokens.ask(conn, channel_id=channel_id, now=datetime.now(UTC)):
        raise Conflict(f"The channel {channel.name!r} has no token to renew.", remedy="Connect it with another.")
    return channel


async def _get(conn: Transaction, tenant_id: UUID, channel_id: int) -> Channel:
    values = {"tenant_id": tenant_id, "channel_id": channel_id}
    row = await (await conn.execute(_SQL["channels"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no channel {channel_id}.", remedy="Check the id: GET /channels lists them.")
    return _channel(row)


async def _check(kind: str, settings: Mapping[str, Any]) -> None:
    if kind not in set(words.Channel):
        raise InvalidInput(f"There is no channel {kind!r}.", remedy=f"Use one of {', '.join(words.Channel)}.")
    try:
        registry.pace(words.Channel(kind), settings)
        adapter = registry.create(words.Channel(kind), settings)
    except Misconfigured as error:  # the caller's settings, not the server's
        raise InvalidInput(error.message, remedy=error.remedy) from error
    await adapter.aclose()


def _channel(row: Mapping[str, Any]) -> Channel:
    return Channel(**{**row, "kind": words.Channel(row["kind"])})
