"""A campaign as a funnel over HTTP: counted, followed live, and against its control group."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.routes import funnels as routes
from api.services import Services
from engine.campaigns import funnel
from engine.decide import decide_batch
from tests.api.story import MAI, campaign, connect_mail, decide_all, ok
from tests.conftest import Tenant

SILENT = {"ext_id": "kh-2", "name": "Lan", "attributes": {"city": "Huế"}}


@pytest.fixture
async def campaign_id(caller: httpx.AsyncClient, services: Services, tenant: Tenant) -> int:
    """A draft campaign for two people, one of whom may be written to."""
    await connect_mail(services, tenant)
    made = await campaign(caller)
    await ok(await caller.post("/profiles", json=SILENT))
    return int(made["campaign_id"])


@pytest.fixture
async def sent(caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int) -> int:
    """The campaign has run, its one message was sent, and Mai bought by it."""
    await ok(await caller.post(f"/campaigns/{campaign_id}/activate"))
    await decide_all(services, tenant)
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE delivery_log SET status = 'sent', sent_at = now()")
        for kind, value in (("clicked", None), ("bought", 420_000)):
            await conn.execute(
                "INSERT INTO outcome "
                "(tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at, value) "
                "SELECT tenant_id, delivery_id, profile_id, campaign_id, %s, %s, now(), %s FROM delivery_log",
                (kind, kind, value),
            )
    return campaign_id


async def test_everybody_of_the_audience_is_somewhere_in_the_funnel(caller: httpx.AsyncClient, sent: int) -> None:
    found = await ok(await caller.get(f"/campaigns/{sent}/funnel"))
    counts = {name: found[name] for name in ("audience", "decided", "eligible", "sends", "delivered", "bought")}
    assert counts == {"audience": 2, "decided": 2, "eligible": 1, "sends": 1, "delivered": 1, "bought": 1}
    assert sum(one["people"] for one in found["held"]) + found["eligible"] == found["decided"]
    assert found["held"] == [{"gate": "consent", "action": "do_nothing", "people": 1}]
    # Who clicked has opened it, whether or not that was told.
    assert (found["opened"], found["clicked"], found["value"]) == (1, 1, 420_000)
    assert found["deliveries"] == {"sent": 1}
    assert not found["is_moving"]


async def test_no_more_are_delivered_than_sent_and_what_is_in_hand_still_moves(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, sent: int
) -> None:
    """A callback may be quicker than the worker that writes the result."""
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            "UPDATE delivery_log SET status = 'sending', lease_owner = 'worker', lease_until = now(), sent_at = NULL"
        )
    found = await ok(await caller.get(f"/campaigns/{sent}/funnel"))
    assert (found["deliveries"], found["delivered"], found["clicked"]) == ({"sent": 1}, 1, 1)
    assert found["is_moving"]


async def test_a_message_that_was_delivered_and_came_back_is_not_delivered(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int
) -> None:
    await ok(await caller.post(f"/campaigns/{campaign_id}/activate"))
    await decide_all(services, tenant)
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE delivery_log SET status = 'failed', code = 'bounced', sent_at = now()")
        for kind in ("delivered", "bounced"):
            await conn.execute(
                "INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at) "
                "SELECT tenant_id, delivery_id, profile_id, campaign_id, %s, %s, now() FROM delivery_log",
                (kind, kind),
            )
    found = await ok(await caller.get(f"/campaigns/{campaign_id}/funnel"))
    assert (found["deliveries"], found["delivered"], found["bounced"]) == ({"failed": 1}, 0, 1)


async def test_who_waited_and_was_decided_for_again_is_counted_once(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int
) -> None:
    now = datetime.now(UTC) + timedelta(hours=7)
    quiet = {"start": (now - timedelta(hours=1)).strftime("%H:00"), "end": (now + timedelta(hours=2)).strftime("%H:00")}
    body = {
        "key": "xin-chao",
        "name": "Xin chào",
        "segment": "hue",
        "template_ids": (await ok(await caller.get(f"/campaigns/{campaign_id}")))["template_ids"],
        "policy": {"quiet_hours": quiet, "caps": []},
    }
    await ok(await caller.post("/campaigns", json=body))
    await ok(await caller.post(f"/campaigns/{campaign_id}/activate"))
    await decide_all(services, tenant)
    waiting = await ok(await caller.get(f"/campaigns/{campaign_id}/funnel"))
    assert {"gate": "quiet_hours", "action": "wait", "people": 1} in waiting["held"]
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT batch_id FROM run_batch WHERE status = 'pending'")).fetchall()
        for row in rows:
            later = datetime.now(UTC) + timedelta(hours=4)
            await decide_batch(conn, tenant_id=tenant.tenant_id, batch_id=row["batch_id"], now=later)
    woken = await ok(await caller.get(f"/campaigns/{campaign_id}/funnel"))
    assert (woken["audience"], woken["decided"], woken["sends"]) == (2, 2, 1)
    assert [one["action"] for one in woken["held"]] == ["do_nothing"]


async def test_it_is_followed_live_from_one_change_to_the_next(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int
) -> None:
    seen = funnel.watch(services.db, tenant_id=tenant.tenant_id, campaign_id=campaign_id, look_s=0.01, silent_s=0.05)
    first = await anext(seen)
    assert first is not None
    assert (first.audience, first.status) == (0, "draft")
    assert await anext(seen) is None
    await ok(await caller.post(f"/campaigns/{campaign_id}/activate"))
    started = await anext(seen)
    assert started is not None
    assert (started.audience, started.is_moving) == (2, True)
    await decide_all(services, tenant)
    decided = await anext(seen)
    assert decided is not None
    assert (decided.decided, decided.deliveries) == (2, {"queued": 1})
    await seen.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_the_stream_says_that_it_lives_and_ends_after_an_hour(
    caller: httpx.AsyncClient, campaign_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(funnel, "LONGEST_S", 0.2)
    answer = await asyncio.wait_for(caller.get(f"/campaigns/{campaign_id}/live"), 20)
    assert answer.headers["content-type"].startswith(routes.EVENTS)
    event, data = answer.text.split("\n\n")[0].splitlines()
    assert event == "event: funnel"
    told: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert told["campaign_id"] == campaign_id


async def test_a_control_group_is_compared_by_what_its_people_did(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int
) -> None:
    lan = {**MAI, "ext_id": "kh-3", "addresses": [{"channel": "email", "value": "lan@khach.example"}]}
    await ok(await caller.post("/profiles", json=lan))
    nobody = await campaign(caller, key="doi-chung", control_share=1.0)
    for one in (campaign_id, nobody["campaign_id"]):
        await ok(await caller.post(f"/campaigns/{one}/activate"))
    await decide_all(services, tenant)
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO outcome (tenant_id, profile_id, type, dedup_key, occurred_at) "
            "SELECT tenant_id, profile_id, 'bought', 'till', now() + interval '1 minute' FROM cdp_profiles "
            "WHERE ext_id = 'kh-3'"
        )
    found = (await ok(await caller.get(f"/campaigns/{campaign_id}/lift")))["bought"]
    assert (found["treated"]["people"], found["treated"]["hits"]) == (2, 1)
    assert found["control"]["people"] == 0
    assert (found["low"], found["high"], found["is_clear"]) == (-1.0, 1.0, False)
    # By the same measure: who was kept out of the other campaign bought as often.
    control = (await ok(await caller.get(f"/campaigns/{nobody['campaign_id']}/lift")))["bought"]
    assert (control["control"]["people"], control["control"]["hits"], control["treated"]["people"]) == (2, 1, 0)


async def test_another_tenant_sees_nothing_of_it(stranger: httpx.AsyncClient, sent: int) -> None:
    for what in ("funnel", "live", "lift"):
        assert (await stranger.get(f"/campaigns/{sent}/{what}")).status_code == 404
