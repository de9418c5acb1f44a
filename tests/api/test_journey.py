"""The way of a campaign through the API, from a person to an explained decision."""

import socket

import httpx
import pytest

from api.services import Bell, Ringer, Services
from engine import lanes
from engine.campaigns import connect_channel
from engine.db import PLATFORM
from rules.words import Lane
from tests.api.story import MAI, campaign, decide_all, ok
from tests.conftest import Tenant


async def _connect_mail(services: Services, tenant: Tenant) -> str:
    settings = {"host": "127.0.0.1", "port": 9, "sender": "LEO <leo@shop.example>", "webhook_secret": "s3cret"}
    async with services.db.transaction(tenant.tenant_id) as conn:
        channel = await connect_channel(
            conn, services.vault, tenant_id=tenant.tenant_id, kind="email", name="mail", settings=settings
        )
    return channel.webhook_key


async def test_an_activation_freezes_the_segment_and_decides_for_its_people(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    await _connect_mail(services, tenant)
    made = await campaign(caller)
    assert made["status"] == "draft"

    activated = await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate", json={}))
    assert activated["campaign"]["status"] == "active"
    assert activated["snapshot"]["member_count"] == 1
    assert activated["run"]["people"] == 1
    assert activated["run"]["lane"] == "bulk"
    snapshot = activated["snapshot"]
    assert await ok(await caller.get(f"/snapshots/{snapshot['snapshot_id']}")) == snapshot

    await decide_all(services, tenant)
    decisions = await ok(await caller.get("/decisions", params={"profile": "kh-1"}))
    (decision,) = decisions["items"]
    assert decision["action"] == "send"
    assert decision["reason"] == "chosen"
    whole = await ok(await caller.get(f"/decisions/{decision['decision_id']}"))
    assert [one["action"] for one in whole["candidates"]] == ["send", "do_nothing"]
    assert whole["deliveries"][0]["status"] == "queued"
    for kind, record in (("profile", "kh-1"), ("decision", str(decision["decision_id"]))):
        trace = await ok(await caller.get(f"/trace/{kind}/{record}"))
        steps = [step["step"] for step in trace["journeys"][0]["steps"]]
        assert "decision" in steps
        assert "delivery" in steps


async def test_an_event_makes_a_waiting_campaign_decide(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    await _connect_mail(services, tenant)
    made = await campaign(caller, segment=None, trigger_type="cart_abandoned")
    activated = await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    assert activated["run"] is None
    assert activated["snapshot"] is None

    event = {"ext_id": "cart-1", "type": "cart_abandoned", "profile": "kh-1", "attributes": {"items": 2}}
    first = await ok(await caller.post("/events", json=event))
    assert [run["campaign_id"] for run in first["runs"]] == [made["campaign_id"]]
    again = await ok(await caller.post("/events", json=[event]))
    assert again["runs"] == []
    assert again["events"][0] == {**first["events"][0], "duplicate": True}

    await decide_all(services, tenant)
    trace = await ok(await caller.get("/trace/event/cart-1"))
    assert trace["journeys"]


async def test_the_queues_of_the_lanes_hear_of_new_batches(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    await _connect_mail(services, tenant)
    made = await campaign(caller)
    before = await services.queues.zcard("leo:bulk")
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    assert await services.queues.zcard("leo:bulk") == before + 1


async def test_a_paused_campaign_goes_on_where_it_stopped_and_a_cancelled_one_never(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    await _connect_mail(services, tenant)
    made = await campaign(caller)
    path = f"/campaigns/{made['campaign_id']}"
    await ok(await caller.post(f"{path}/activate"))
    assert (await ok(await caller.post(f"{path}/pause")))["status"] == "paused"
    assert (await caller.post(f"{path}/pause")).status_code == 409
    assert (await ok(await caller.post(f"{path}/resume")))["status"] == "active"
    assert (await ok(await caller.post(f"{path}/cancel")))["status"] == "ended"
    refused = await caller.post(f"{path}/activate")
    assert refused.status_code == 409
    assert refused.json()["remedy"]
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT DISTINCT status FROM run_batch")).fetchall()
    assert [row["status"] for row in rows] == ["cancelled"]


async def test_deciding_for_one_person_now_says_what_was_decided_and_why(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    await _connect_mail(services, tenant)
    made = await campaign(caller)
    asked = {"campaign_id": made["campaign_id"], "profile": "kh-1"}
    assert (await caller.post("/activate/profile", json=asked)).status_code == 409
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    assert (await caller.post("/activate/profile", json={**asked, "profile": "nobody"})).status_code == 404
    await ok(
        await caller.post(
            "/profiles",
            json={
                "ext_id": "kh-1",
                "consents": [{**MAI["consents"][0], "granted": False, "at": "2026-02-01T00:00:00Z"}],
            },
        )
    )
    done = await ok(await caller.post("/activate/profile", json=asked, headers={"Idempotency-Key": "now-1"}))
    assert (done["action"], done["reason"]) == ("do_nothing", "consent")
    again = await caller.post("/activate/profile", json=asked, headers={"Idempotency-Key": "now-1"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == done
    other = await caller.post(
        "/activate/profile", json={**asked, "profile": "kh-2"}, headers={"Idempotency-Key": "now-1"}
    )
    assert other.status_code == 422


async def test_a_person_is_shown_with_what_holds_now(caller: httpx.AsyncClient) -> None:
    await ok(await caller.post("/profiles", json=MAI))
    bad = {"ext_id": "kh/2", "addresses": [{"channel": "email", "value": "mai@"}]}
    done = await ok(await caller.post("/profiles", json=[bad, {"ext_id": "kh-3"}]))
    assert (done["inserted"], done["updated"], done["unchanged"]) == (2, 0, 0)
    mai = await ok(await caller.get("/profiles/kh-1"))
    assert mai["attributes"] == MAI["attributes"]
    assert mai["consents"][0]["granted"] is True
    address = (await ok(await caller.get("/profiles/kh%2F2")))["addresses"][0]
    assert address["valid"] is False
    assert address["reason"]
    listed = await ok(await caller.get("/profiles", params={"limit": 2}))
    assert len(listed["items"]) == 2
    rest = await ok(await caller.get("/profiles", params={"limit": 2, "after": listed["next"]}))
    assert {person["ext_id"] for person in listed["items"] + rest["items"]} == {"kh-1", "kh/2", "kh-3"}
    assert rest["next"] is None


async def test_a_channel_is_connected_without_its_secrets_ever_coming_back(caller: httpx.AsyncClient) -> None:
    settings = {"host": "mail.example", "username": "u", "password": "hush", "webhook_secret": "hush too"}
    body = {"kind": "email", "name": "mail", "settings": settings}
    answer = await caller.post("/channels", json=body)
    made = await ok(answer)
    listed = await caller.get("/channels")
    assert (await ok(listed))["items"] == [made]
    assert "hush" not in answer.text + listed.text
    wrong = await caller.post("/channels", json={**body, "settings": {"host": "mail.example", "prot": 25}})
    assert wrong.status_code == 422
    assert "prot" in wrong.json()["detail"]


async def test_a_redis_that_is_away_is_asked_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    queues = lanes.connect(f"redis://127.0.0.1:{port}/0")
    ringer = Ringer(queues)
    bell = Bell(PLATFORM, Lane.REALTIME, (1,))
    for _ in range(3):
        await ringer.ring(bell)
    await queues.aclose()
    assert len([record for record in caplog.records if record.name == "engine.lanes"]) == 1
