"""The adapters of the tenants' channels: made when first needed, kept while the channel's settings stay the same."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from channels.contract import Adapter
from channels.registry import create
from engine import credentials
from engine.credentials import Vault
from engine.db import Transaction
from engine.queries import queries
from rules.errors import NotFound
from rules.words import Channel

_SQL = queries("connections")


class Connections:
    """A process's adapters; open it with `async with Connections.open(vault)`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._adapters: dict[tuple[UUID, int], tuple[datetime, Adapter]] = {}
        self._retired: list[Adapter] = []
        self._lock = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, vault: Vault) -> AsyncIterator["Connections"]:
        opened = cls(vault)
        try:
            yield opened
        finally:
            for adapter in [*opened._retired, *(adapter for _, adapter in opened._adapters.values())]:
                await adapter.aclose()

    @property
    def vault(self) -> Vault:
        return self._vault

    async def adapter(self, connection: Transaction, *, tenant_id: UUID, channel_id: int) -> Adapter:
        """Give a channel's adapter; raises NotFound, or Misconfigured on settings that no adapter takes."""
        row = await (await connection.execute(_SQL["channel"], {"channel_id": channel_id})).fetchone()
        if row is None:
            raise NotFound(f"There is no channel {channel_id}.", remedy="Connect it first.")
        async with self._lock:
            kept = self._adapters.get((tenant_id, channel_id))
            if kept is not None and kept[0] == row["updated_at"]:
                return kept[1]
            made = await self._make(connection, tenant_id, row)
            if kept is not None:
                # Messages may still be on their way through it.
                self._retired.append(kept[1])
            self._adapters[tenant_id, channel_id] = (row["updated_at"], made)
            return made

    async def _make(self, connection: Transaction, tenant_id: UUID, row: Mapping[str, Any]) -> Adapter:
        secrets = await credentials.load(connection, self._vault, tenant_id=tenant_id, channel_id=row["channel_id"])
        return create(Channel(row["kind"]), {**row["settings"], **secrets})
