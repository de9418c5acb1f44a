"""Callbacks of providers: whose they are, whether they are genuine, what they tell."""

from collections.abc import Mapping

from engine.db import Transaction
from engine.dispatch.adapters import Adapters
from engine.outcomes import Recorded, record_outcomes
from engine.queries import queries
from rules.errors import LeoError, NotFound

_SQL = queries("webhooks")


async def receive(
    conn: Transaction, adapters: Adapters, *, key: str, headers: Mapping[str, str], body: bytes
) -> Recorded:
    """Keep what a callback tells; it needs a transaction without a tenant (`Database.before_tenant`).

    Raises NotFound for an unknown key, Unauthorized where the callback is not the provider's, InvalidInput where it
    cannot be read.
    """
    row = await (await conn.execute(_SQL["enter"], {"key": key})).fetchone()
    if row is None:
        raise NotFound("There is no webhook at this address.", remedy="Give the provider the address of the channel.")
    tenant_id, channel_id = row["tenant_id"], row["channel_id"]
    found = await adapters.load(conn, tenant_id=tenant_id, channel_ids=[channel_id])
    adapter = found[channel_id]
    if isinstance(adapter, LeoError):
        raise adapter
    adapter.verify(headers, body)
    incoming = adapter.parse_webhook(headers, body)
    return await record_outcomes(
        conn, tenant_id=tenant_id, channel_id=channel_id, incoming=incoming, channel=adapter.channel
    )
