"""What workers take hold of is found along an index, however much waits: plans of leo_app with a tenant set."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import AsyncRawCursor
from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.queries import queries
from tests.conftest import Tenant
from tests.engine.acting import acting

WAITING = 20_000
# As much waits as after a large campaign; rows alone, for whom they belong to plays no part in how they are found.
FILL: tuple[LiteralString, ...] = (
    """
    INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id,
                              template_id, address, lane, status, due_at, lease_owner, lease_until, provider_id)
    SELECT leo_tenant(), n, mod(n, 20), mod(n, 200), n, sha256(int8send(n)), 'email', mod(n, 2), 1,
           'n@people.example', 'bulk',
           CASE mod(n, 4) WHEN 0 THEN 'sent' WHEN 1 THEN 'sending' ELSE 'queued' END, now() + n * '1 s'::interval,
           CASE mod(n, 4) WHEN 1 THEN 'w' END, CASE mod(n, 4) WHEN 1 THEN now() + n * interval '1 s' END,
           CASE mod(n, 4) WHEN 0 THEN 'mail-' || n END
    FROM generate_series(1, %(n)s) n
    """,
    """
    INSERT INTO recheck (tenant_id, profile_id, due_at)
    SELECT leo_tenant(), n, now() + n * interval '1 s' FROM generate_series(1, %(n)s) n
    """,
    """
    INSERT INTO agent_task (tenant_id, kind, status, due_at)
    SELECT leo_tenant(), 'answer', CASE mod(n, 2) WHEN 0 THEN 'queued' ELSE 'succeeded' END, now() + n * interval '1 s'
    FROM generate_series(1, %(n)s) n
    """,
    """
    INSERT INTO callback (tenant_id, channel_id, body_hash, body, due_at)
    SELECT leo_tenant(), 1, sha256(int8send(n)), '', now() + n * interval '1 s' FROM generate_series(1, %(n)s) n
    """,
    """
    INSERT INTO outbox (tenant_id, topic, payload, due_at)
    SELECT leo_tenant(), 'outcome', '{}', now() + n * interval '1 s' FROM generate_series(1, %(n)s) n
    """,
    """
    INSERT INTO segment (tenant_id, key, name, due_at)
    SELECT leo_tenant(), 's' || n, 's', now() + n * interval '1 s' FROM generate_series(1, 2000) n
    """,
)
TABLES = ("delivery_log", "recheck", "agent_task", "callback", "outbox", "segment")


@pytest.fixture(scope="module")
def busy(module_tenant: Tenant, admin_url: str) -> Tenant:
    """The tenant with what waits, vacuumed as it is within a minute of being filled."""
    with acting(admin_url, "superuser", module_tenant.tenant_id) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        for statement in FILL:
            connection.execute(statement, {"n": WAITING})
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}".encode())
    return module_tenant


NOW = datetime.now(UTC) + timedelta(minutes=5)
DISPATCH = queries("dispatch")
CLAIM = DISPATCH["claim"].replace("{refusal}", DISPATCH["refusal"])
OPEN = Jsonb([{"channel_id": 0, "through_id": 0, "most": 64, "recipient_s": 1.0}])
HELD = {"lane": "bulk", "now": NOW, "later": NOW, "most": 64, "gone": [], "deduplicating": [], "most_attempts": 6}
CLAIMING = {"open": OPEN, "lane": "bulk", "run_id": 1, "delivery_ids": [1], "owner": "w", "lease_until": NOW}
CLAIMING |= {"most": 64, "now": NOW, "traced": False}
# What is asked, with what, of which table, and by which index it finds what is due.
CLAIMS: Mapping[str, tuple[str, Mapping[str, Any], str, str]] = {
    "messages of a lane": (
        CLAIM.replace("{which}", DISPATCH["which_lane"]),
        CLAIMING,
        "delivery_log",
        "delivery_log_channel_due_idx",
    ),
    "leases that ran out": (DISPATCH["give_up_leases"], HELD, "delivery_log", "delivery_log_lease_idx"),
    "people to look at again": (queries("segments")["claim_rechecks"], HELD, "recheck", "recheck_due_idx"),
    "a segment": (queries("segments")["due"], HELD, "segment", "segment_due_idx"),
    "a callback": (queries("callbacks")["take_due"], HELD, "callback", "callback_due_idx"),
}


async def _plan(conn: Transaction, statement: str, values: Mapping[str, Any]) -> str:
    """The plan that is made once for all values, as a worker's sessions use it from the sixth time on."""
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    plain = re.sub(r"%\((\w+)\)s", numbered, statement).replace("%%", "%")
    assert set(names) <= values.keys()
    rows = await AsyncRawCursor(conn).execute(f"EXPLAIN (GENERIC_PLAN) {plain}".encode())
    return "\n".join(row["QUERY PLAN"] for row in await rows.fetchall())


async def _plan_of_values(conn: Transaction, statement: str, values: Mapping[str, Any]) -> str:
    """The plan that is made for these values."""
    rows = await conn.execute(f"EXPLAIN {statement}".encode(), values)
    return "\n".join(row["QUERY PLAN"] for row in await rows.fetchall())


@pytest.mark.parametrize("planned", [_plan, _plan_of_values], ids=["generic", "custom"])
@pytest.mark.parametrize("what", CLAIMS)
async def test_what_is_due_is_found_by_its_index(db: Database, busy: Tenant, what: str, planned: Any) -> None:
    statement, values, table, index = CLAIMS[what]
    async with db.transaction(busy.tenant_id) as conn:
        role = await (await conn.execute("SELECT current_user AS name, leo_tenant() AS tenant_id")).fetchone()
        assert role == {"name": "leo_app", "tenant_id": busy.tenant_id}
        plan = await planned(conn, statement, values)
    assert re.search(rf"(using|Bitmap Index Scan on) {index}\b", plan), plan
    assert f"Seq Scan on {table}" not in plan, plan


@pytest.mark.parametrize("planned", [_plan, _plan_of_values], ids=["generic", "custom"])
async def test_what_waits_for_other_channels_is_not_read_past(db: Database, busy: Tenant, planned: Any) -> None:
    statement, values, *_ = CLAIMS["messages of a lane"]
    async with db.transaction(busy.tenant_id) as conn:
        plan = await planned(conn, statement, values)
    assert re.search(r"Index Cond: .*lane = .*through_id = .*due_at <= ", plan), plan
