"""Changing the key that seals credentials: what older keys sealed is sealed again with the newest."""

from collections import Counter
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.credentials import Vault
from engine.db import Transaction
from engine.queries import queries

_SQL = queries("reseal")


async def reseal(conn: Transaction, vault: Vault, *, tenant_id: UUID) -> int:
    """Seal with the newest key what another one sealed; gives how many.

    Raises Misconfigured if no key opens one of them.
    """
    rows = await (await conn.execute(_SQL["sealed"], {"key_name": vault.key_name})).fetchall()
    if not rows:
        return 0
    sealed = [
        {
            "of": row["of"],
            "id": row["id"],
            "name": row["name"],
            "ciphertext": vault.anew(bytes(row["ciphertext"]), of=f"{row['of']} {row['id'] or tenant_id}").decode(),
        }
        for row in rows
    ]
    await conn.execute(_SQL["reseal"], {"rows": Jsonb(sealed), "key_name": vault.key_name})
    return len(sealed)


async def count_keys(conn: Transaction) -> Counter[str]:
    """Count the tenant's credentials by the name of the key that sealed them."""
    rows = await (await conn.execute(_SQL["counts"])).fetchall()
    return Counter({row["key_name"]: row["count"] for row in rows})
