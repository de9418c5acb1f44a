"""A generated CDP in a sandbox of its own, and a source of a tenant that leads to it."""

import asyncio
import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.credentials import Vault
from engine.db import Database
from engine.ingest.counts import SyncCounts
from engine.ingest.sources import Source, save_source
from engine.ingest.sync import Mode, sync
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant

# Waits between two tries are not what is tested.
QUICK = {"backoff_s": 0.01}
_NUMBERS = itertools.count(1)


@dataclass(slots=True)
class Cdp:
    """One world of the emulator; `password` is what it wants."""

    sandbox: SandboxProcess
    database: str
    password: str = "s3cret"

    async def make(self, people: int, *, events: int = 0, traps: bool = False, seed: int = 1) -> dict[str, Any]:
        """Generate the world; gives what is in it."""
        wanted = {
            "database": self.database,
            "people": people,
            "events": events,
            "seed": seed,
            "traps": traps,
            "username": "root",
            "password": self.password,
        }
        return dict(await self.sandbox.ask("arango/worlds", wanted))

    async def change(self, *operations: Mapping[str, Any]) -> None:
        answer = await self.sandbox.ask(f"arango/worlds/{self.database}/changes", [dict(one) for one in operations])
        assert "error" not in answer, answer

    async def fail(self, **fault: Any) -> None:
        answer = await self.sandbox.ask("faults", {"channel": "arango", **fault})
        assert "error" not in answer, answer

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"url": self.sandbox.base_url, "database": self.database, "username": "root", **QUICK, **more}


def new_cdp(sandbox: SandboxProcess) -> Cdp:
    return Cdp(sandbox, f"cdp_{next(_NUMBERS)}_{secrets.token_hex(3)}")


async def connect(
    db: Database,
    vault: Vault,
    tenant: Tenant,
    cdp: Cdp,
    *,
    password: str | None = None,
    field_map: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Source:
    async with db.transaction(tenant.tenant_id) as conn:
        return await save_source(
            conn,
            vault,
            tenant_id=tenant.tenant_id,
            key="cdp",
            settings=cdp.settings(**settings),
            password=cdp.password if password is None else password,
            field_map=field_map,
        )


async def take(db: Database, source: Source, mode: Mode = Mode.CHANGES) -> SyncCounts:
    async with asyncio.timeout(60):
        return await sync(db, source, mode=mode)


async def rows(db: Database, tenant: Tenant, query: str, *values: Any) -> list[dict[str, Any]]:
    async with db.transaction(tenant.tenant_id) as conn:
        return await (await conn.execute(query, values)).fetchall()


async def keys(db: Database, tenant: Tenant, *, status: str = "active") -> list[str]:
    found = await rows(db, tenant, "SELECT ext_id FROM cdp_profiles WHERE status = %s ORDER BY ext_id", status)
    return [row["ext_id"] for row in found]
