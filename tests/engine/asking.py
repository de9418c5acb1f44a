"""People put into the database for one test, and the statement of a rule asked of them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.queries import parse as parse_sql
from engine.segments.compile import Compiled
from tests.conftest import Tenant
from tests.rules.conditions_strategies import CAMPAIGNS, CHANNELS, SEGMENTS

SQL = parse_sql(Path(__file__).with_name("conditions.sql").read_text(encoding="utf-8"), file="conditions.sql")


@asynccontextmanager
async def forgotten(db: Database, tenant: Tenant) -> AsyncIterator[Transaction]:
    """A transaction whose writes are undone at the end."""
    async with db.transaction(tenant.tenant_id) as conn:
        yield conn
        await conn.rollback()


async def put(conn: Transaction, documents: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Store people and give their documents by id."""
    scene = {"channels": list(CHANNELS), "segments": list(SEGMENTS), "campaigns": list(CAMPAIGNS)}
    await conn.execute(SQL["scene"], scene)
    named = [{**one, "ext_id": f"kh-{place}"} for place, one in enumerate(documents)]
    rows = await (await conn.execute(SQL["people"], {"people": Jsonb(named, dumps=_dumps)})).fetchall()
    outcomes = [{**outcome, "ext_id": one["ext_id"]} for one in named for outcome in one["outcomes"]]
    await conn.execute(SQL["outcomes"], {"outcomes": Jsonb(outcomes, dumps=_dumps)})
    by_key = {one["ext_id"]: one for one in named}
    return {row["profile_id"]: by_key[row["ext_id"]] for row in rows}


async def found(conn: Transaction, compiled: Compiled) -> set[int]:
    return {row["profile_id"] for row in await (await conn.execute(compiled.statement, compiled.values)).fetchall()}


def _dumps(document: Any) -> str:
    return json.dumps(document, default=lambda one: one.isoformat())
