"""Records that hang loose: none where all is well, each kind counted where someone reached behind the mirror."""

import psycopg
import pytest

from engine import trace as traces
from engine.db import Database
from tests.conftest import Tenant
from tests.engine.journeys import world

# Only a session that replicates can take a delivery from under its outcome.
UNSENT = (
    "SET session_replication_role = replica;"
    " DELETE FROM delivery_log WHERE tenant_id = leo_tenant() AND status = 'sent'"
)
SENT_BY_NOBODY = "UPDATE delivery_log SET status = 'sent' WHERE tenant_id = leo_tenant() AND status = 'queued'"
SENDING_BY_NOBODY = (
    "UPDATE delivery_log SET status = 'sending', lease_owner = 'x', lease_until = now()"
    " WHERE tenant_id = leo_tenant() AND status = 'queued'"
)


async def orphans(db: Database, tenant: Tenant) -> dict[str, int]:
    async with db.transaction(tenant.tenant_id) as connection:
        return {each.kind: each.count for each in await traces.orphans(connection) if each.count}


async def test_where_all_is_well_nothing_hangs_loose(db: Database, tenant: Tenant) -> None:
    assert await orphans(db, tenant) == {}
    await world(db, tenant)
    assert await orphans(db, tenant) == {}


@pytest.mark.parametrize(
    ("harm", "kinds"),
    [
        ('DELETE FROM {graph}."IN_RUN"', {"decision without its run": 6}),
        ('DELETE FROM {graph}."Campaign"', {"decision without its campaign": 6}),
        ('DELETE FROM {graph}."DECIDED_FOR"', {"decision without its profile": 6}),
        ('DELETE FROM {graph}."TRIGGERED"', {"decision without its event": 1}),
        ('DELETE FROM {graph}."Task"', {"decision without its task": 1}),
        ('DELETE FROM {graph}."Snapshot"', {"decision without its snapshot": 5}),
        ('DELETE FROM {graph}."DISPATCHED_AS"', {"delivery without its decision": 5}),
        ('DELETE FROM {graph}."VIA"', {"delivery without its channel": 5}),
        ('DELETE FROM {graph}."RESULTED_IN"', {"outcome without its delivery": 1}),
        ('DELETE FROM {graph}."Outcome"', {"outcome without its vertex": 1}),
        ('DELETE FROM {graph}."Delivery"', {"delivery without its vertex": 5, "outcome without its delivery": 1}),
        ('DELETE FROM {graph}."Decision"', {"decision without its vertex": 6, "delivery without its decision": 5}),
        (UNSENT, {"decision to send without a delivery": 1, "outcome without its delivery": 1}),
        (SENT_BY_NOBODY, {"delivery sent without an ended attempt": 1}),
        (SENDING_BY_NOBODY, {"delivery being sent without a started attempt": 1}),
    ],
)
async def test_what_hangs_loose_is_counted_by_kind(
    db: Database, tenant: Tenant, admin_url: str, harm: str, kinds: dict[str, int]
) -> None:
    await world(db, tenant)
    with psycopg.connect(admin_url, autocommit=True) as administrator:
        administrator.execute(
            "SELECT '0'::ag_catalog.agtype, set_config('leo.tenant', %s, false)", (str(tenant.tenant_id),)
        )
        for statement in harm.format(graph=tenant.graph).split("; "):
            administrator.execute(statement)
    assert await orphans(db, tenant) == kinds
