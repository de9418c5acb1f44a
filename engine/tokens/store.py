"""What is stored about tokens: when each is due, what is known about it, and the locked rows of one grant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from channels.tokens import Kept
from channels.tokens.keepers import keeper
from engine import credentials
from engine.credentials import Vault
from engine.db import Transaction
from engine.queries import queries
from rules.faults import Fault
from rules.words import Channel

_SQL = queries("tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One channel with its token; the times are None if nothing is known or there is no token to keep."""

    channel_id: int
    kind: Channel
    name: str
    status: str
    sandbox: bool
    """Whether its messages go to the sandbox, so that nobody receives them."""
    behind: str | None
    """The channel of the same kind that decisions use instead of this one."""
    reason: str | None
    ends_at: datetime | None
    due_at: datetime | None
    renewed_at: datetime | None
    warning: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A channel's token under our lock; `settings` include the opened credentials."""

    channel_id: int
    kind: Channel
    name: str
    status: str
    reason: str | None
    due_at: datetime | None
    begun_at: datetime | None
    ends_at: datetime | None
    settings: Mapping[str, Any]


async def begin(
    conn: Transaction, *, channel_id: int, kind: Channel, settings: Mapping[str, Any], now: datetime
) -> None:
    """Start keeping the token of a channel that was just connected; `settings` include its credentials."""
    found = keeper(kind, settings)
    if found is None:
        await conn.execute(_SQL["forget"], {"channel_id": channel_id})
    else:
        await conn.execute(_SQL["begin"], {"channel_id": channel_id, "due_at": found.first_look(settings, now)})


async def ask(conn: Transaction, *, channel_id: int, now: datetime) -> bool:
    """Make a channel's token due now; False if there is none to keep."""
    return await (await conn.execute(_SQL["ask"], {"channel_id": channel_id, "now": now})).fetchone() is not None


async def list_tokens(conn: Transaction) -> list[Listed]:
    rows = await (await conn.execute(_SQL["listed"])).fetchall()
    return [Listed(**{**row, "kind": Channel(row["kind"])}) for row in rows]


async def lock(conn: Transaction, vault: Vault, *, tenant_id: UUID, channel_id: int) -> list[Locked]:
    """Lock a channel's token and those that may share its grant, and read them; waits for whoever is renewing it."""
    rows = await (await conn.execute(_SQL["lock"], {"channel_id": channel_id})).fetchall()
    found = []
    for row in rows:
        secrets = await credentials.load(conn, vault, tenant_id=tenant_id, channel_id=row["channel_id"])
        settings = {**row["settings"], **secrets}
        found.append(Locked(**{**row, "kind": Channel(row["kind"]), "settings": settings}))
    return found


async def keep(
    conn: Transaction, vault: Vault, *, tenant_id: UUID, sharing: list[int], kept: Kept, now: datetime
) -> None:
    """Store what a keeper learned, for every channel with the grant."""
    secrets = {name: secret.reveal() for name, secret in kept.secrets.items()}
    if secrets:
        for channel_id in sharing:
            await credentials.put(conn, vault, tenant_id=tenant_id, channel_id=channel_id, secrets=secrets)
    values = {
        "channel_ids": sharing,
        "ends_at": kept.ends_at,
        "due_at": kept.look_at,
        "warning": kept.warning,
        "fault": _stored(kept.fault),
        "is_new": bool(secrets),
        "now": now,
    }
    await conn.execute(_SQL["keep"], values)


async def put_off(
    conn: Transaction, *, channel_id: int, due_at: datetime | None, warning: str, fault: Fault | None
) -> None:
    """Have a token looked at again at `due_at`, or never until somebody fixes it; `fault` says why, by kind."""
    values = {"channel_id": channel_id, "due_at": due_at, "warning": warning, "fault": _stored(fault)}
    await conn.execute(_SQL["put_off"], values)


def _stored(fault: Fault | None) -> Jsonb | None:
    return None if fault is None else Jsonb(fault.document())
