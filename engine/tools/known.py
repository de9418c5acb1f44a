"""Looking up records by the keys that people and models use; each function raises NotFound if there is none."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from engine.text import composed
from rules.errors import NotFound
from rules.faults import Fault

_SQL = queries("tools")


async def campaign_named(conn: Transaction, *, tenant_id: UUID, key: str) -> Mapping[str, Any]:
    """Give campaign_id, key, name, status, and key and rule of the segment it sends to, None if it has none."""
    row = await (await conn.execute(_SQL["campaign"], {"tenant_id": tenant_id, "key": composed("key", key)})).fetchone()
    if row is None:
        raise _unknown(Fault("campaign.unknown", values={"key": key}), "Check its key: GET /campaigns lists them.")
    return row


async def segment_named(conn: Transaction, *, tenant_id: UUID, key: str) -> Mapping[str, Any]:
    """Give segment_id, name and rule."""
    row = await (await conn.execute(_SQL["segment"], {"tenant_id": tenant_id, "key": composed("key", key)})).fetchone()
    if row is None:
        raise _unknown(Fault("segment.unknown", values={"key": key}), "Check its key, or create the segment first.")
    return row


async def profile_named(conn: Transaction, *, ext_id: str) -> int:
    """Give the profile_id."""
    values = {"ext_id": ext_id, "profile_id": None}
    row = await (await conn.execute(queries("activate")["profile"], values)).fetchone()
    if row is None:
        raise _unknown(Fault("profile.unknown", values={"key": ext_id}), "Check its ext_id.")
    return int(row["profile_id"])


async def templates_named(conn: Transaction, *, tenant_id: UUID, keys: Sequence[str]) -> list[int]:
    """Give the ids of each template's newest approved version, on every channel that it has."""
    wanted = [composed("key", key) for key in keys]
    rows = await (await conn.execute(_SQL["approved_templates"], {"tenant_id": tenant_id, "keys": wanted})).fetchall()
    missing = set(wanted) - {row["key"] for row in rows}
    if missing:
        fault = Fault("template.unapproved", values={"key": min(missing)})
        raise _unknown(fault, "Check its key, or approve the template first.")
    return list(dict.fromkeys(row["template_id"] for row in rows))


def _unknown(fault: Fault, remedy: str) -> NotFound:
    return NotFound(fault.say().en, remedy=remedy, fault=fault)
