"""Callbacks of providers: whose they are, and whether they are genuine."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from channels.callbacks import Greeted
from channels.contract import Adapter
from engine.callbacks import Reading, keep
from engine.db import Transaction
from engine.dispatch.adapters import Adapters
from engine.queries import queries
from rules.errors import LeoError, NotFound

_SQL = queries("webhooks")


@dataclass(frozen=True, slots=True)
class Received:
    """Whose callback it was and its result; its runs are to be rung for after the commit."""

    tenant_id: UUID
    reading: Reading


async def receive(
    conn: Transaction, adapters: Adapters, *, key: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> Received:
    """Store a callback and what it tells; it needs a transaction without a tenant (`Database.before_tenant`).

    Raises NotFound for an unknown key and Unauthorized if the callback is not the provider's. A genuine one that nobody
    understands is stored and is no error: the provider would repeat it again and again, and then stop sending any.
    """
    tenant_id, channel_id, adapter = await _enter(conn, adapters, key)
    adapter.verify(headers, body)
    reading = await keep(conn, adapter, tenant_id=tenant_id, channel_id=channel_id, headers=headers, body=body, now=now)
    return Received(tenant_id, reading)


async def greet(conn: Transaction, adapters: Adapters, *, key: str, query: Mapping[str, str]) -> str:
    """Answer a provider that asks whether the address is ours; raises NotFound or Unauthorized."""
    _, _, adapter = await _enter(conn, adapters, key)
    if not isinstance(adapter, Greeted):
        raise NotFound("The provider of this channel asks nothing.", remedy="Give it the address of the right channel.")
    return adapter.greet(query)


async def _enter(conn: Transaction, adapters: Adapters, key: str) -> tuple[UUID, int, Adapter]:
    row = await (await conn.execute(_SQL["enter"], {"key": key})).fetchone()
    if row is None:
        raise NotFound("There is no webhook at this address.", remedy="Give the provider the address of the channel.")
    tenant_id, channel_id = row["tenant_id"], row["channel_id"]
    found = await adapters.load(conn, tenant_id=tenant_id, channel_ids=[channel_id])
    adapter = found[channel_id]
    if isinstance(adapter, LeoError):
        raise adapter
    return tenant_id, channel_id, adapter
