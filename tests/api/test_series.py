"""What happened over time, over HTTP: a campaign's course and how channels kept up."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import psycopg
import pytest

from api.services import Services
from engine.queries import queries
from engine.series import MOST, STEPS
from tests.api.story import campaign, ok
from tests.conftest import Tenant


async def _change(services: Services, tenant: Tenant, statement: Any, values: Any = None) -> None:
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute(statement, values)


async def _answer(services: Services, tenant: Tenant, after: timedelta) -> None:
    statement = (
        "INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at) "
        "SELECT tenant_id, delivery_id, profile_id, campaign_id, 'clicked', 'x', queued_at + %s FROM delivery_log"
    )
    await _change(services, tenant, statement, (after,))


def _sums(found: dict[str, Any]) -> dict[str, int]:
    names = ("decided", "sent", "delivered", "opened", "clicked", "bought")
    return {name: sum(one[name] for one in found["intervals"]) for name in names}


async def test_a_campaign_that_did_nothing_yet_has_no_course(caller: httpx.AsyncClient) -> None:
    made = await campaign(caller)
    assert (await ok(await caller.get(f"/campaigns/{made['campaign_id']}/series")))["intervals"] == []
    assert (await caller.get("/campaigns/1/series")).status_code == 404


@pytest.mark.parametrize(
    ("after", "seconds"), [(timedelta(seconds=2), 1), (timedelta(hours=3), 300), (timedelta(days=400), 604_800)]
)
async def test_a_course_counts_everything_once_in_intervals_without_a_gap(
    caller: httpx.AsyncClient,
    services: Services,
    tenant: Tenant,
    campaign_id: int,
    after: timedelta,
    seconds: int,
) -> None:
    """However long it took, there are about a hundred intervals at most."""
    await _change(services, tenant, "UPDATE delivery_log SET status = 'sent', sent_at = queued_at")
    await _change(services, tenant, "UPDATE campaign SET status = 'ended'")
    await _answer(services, tenant, after)
    found = await ok(await caller.get(f"/campaigns/{campaign_id}/series"))
    assert _sums(found) == {"decided": 1, "sent": 1, "delivered": 1, "opened": 1, "clicked": 1, "bought": 0}
    at = [datetime.fromisoformat(one["at"]) for one in found["intervals"]]
    assert found["seconds"] == seconds
    assert {later - earlier for earlier, later in pairwise(at)} == {timedelta(seconds=seconds)}
    assert len(at) <= MOST + 2
    assert (found["intervals"][0]["decided"], found["intervals"][-1]["clicked"]) == (1, 1)


def test_each_step_is_made_of_the_one_before() -> None:
    assert all(longer % shorter == 0 for shorter, longer in pairwise(STEPS))


async def test_what_waits_falls_when_it_is_sent_and_failed_calls_are_counted(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int
) -> None:
    del campaign_id
    await _change(services, tenant, "UPDATE delivery_log SET queued_at = now() - interval '3 hours'")
    found = await ok(await caller.get("/operations/series?hours=6"))
    (channel,) = found["channels"]
    assert (channel["name"], channel["waiting"][0], channel["waiting"][-1]) == ("mail", 0, 1)
    assert sum(channel["waiting"]) == pytest.approx(3 * 3_600 / found["seconds"], abs=2)
    for number, (status, ago) in enumerate(
        (("retry", "60 minutes"), ("released", "40 minutes"), ("accepted", "30 minutes")), start=1
    ):
        await _change(
            services,
            tenant,
            "INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status, at, channel_id) "
            "SELECT tenant_id, delivery_id, %(number)s, phase, 'w', CASE phase WHEN 'started' THEN 'sending' "
            "ELSE %(status)s END, now() - %(ago)s::interval, CASE phase WHEN 'started' THEN channel_id END "
            "FROM delivery_log, unnest(ARRAY['started', 'ended']) AS phase",
            {"number": number, "status": status, "ago": ago},
        )
    await _change(services, tenant, "UPDATE delivery_log SET status = 'sent', sent_at = now() - interval '30 minutes'")
    (channel,) = (await ok(await caller.get("/operations/series?hours=6")))["channels"]
    assert (sum(channel["tried"]), sum(channel["failed"])) == (2, 1), "what was given back untouched was no call"
    assert (channel["waiting"][0], max(channel["waiting"]), channel["waiting"][-1]) == (0, 1, 0)
    assert len(channel["at"]) == len(channel["waiting"]) <= MOST + 2
    assert (await ok(await stranger.get("/operations/series")))["channels"] == []
    assert (await caller.get("/operations/series?hours=49")).status_code == 422


async def test_the_last_hours_are_read_by_index_behind_the_border(
    services: Services, tenant: Tenant, admin_url: str, campaign_id: int
) -> None:
    """As leo_app with the tenant set, among many messages of earlier days."""
    del campaign_id
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status, at) "
            "SELECT tenant_id, delivery_id, n, 'ended', 'w', 'accepted', now() - make_interval(days => 90, secs => n) "
            "FROM delivery_log, generate_series(1, 60000) n"
        )
    with psycopg.connect(admin_url, autocommit=True) as administrator:
        administrator.execute("VACUUM ANALYZE delivery_attempt")
    async with services.db.transaction(tenant.tenant_id) as conn:
        statement = "EXPLAIN " + queries("series")["channels"]
        rows = await (await conn.execute(statement, {"hours": 6, "seconds": 300})).fetchall()
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "delivery_attempt_at_brin" in plan, plan
