"""The record of who asked the graph what is bounded, by age and by number; what runs is not forgotten."""

from datetime import UTC, datetime

import pytest

from engine import explorer
from engine.db import Database
from engine.explorer import record
from tests.conftest import Tenant

ASKED = """
    INSERT INTO query_history (tenant_id, kind, text, asked_by, status, created_at)
    SELECT leo_tenant(), 'query', n::text, 'k', CASE n WHEN 2 THEN 'running' ELSE 'done' END,
           now() - CASE WHEN n = 1 THEN interval '91 days' ELSE interval '89 days' END
    FROM generate_series(1, 8) n
"""


async def test_what_was_asked_too_long_ago_or_too_often_is_forgotten(
    db: Database, tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST_ROWS", 3)
    for one in (tenant, other_tenant):
        async with db.transaction(one.tenant_id) as conn:
            await conn.execute(ASKED)
    async with db.transaction(tenant.tenant_id) as conn:
        await explorer.prune(conn, now=datetime.now(UTC))
        kept = await (await conn.execute("SELECT text FROM query_history ORDER BY query_id")).fetchall()
    assert [row["text"] for row in kept] == ["2", "6", "7", "8"]
    async with db.transaction(other_tenant.tenant_id) as conn:
        others = await (await conn.execute("SELECT count(*) AS n FROM query_history")).fetchone()
    assert others == {"n": 8}
