"""What comes from outside without a key: callbacks of providers and unsubscribe links."""

import json
import time
from datetime import UTC, datetime

import httpx

from api.services import Services
from channels.contract import Secret
from channels.signature import sign
from engine.unsubscribe import PATH, Request
from rules.words import Channel
from tests.api.story import SECRET, ok, queued
from tests.conftest import Tenant


def _callback(event: str, *, kind: str = "delivered", told: str = "told-1") -> bytes:
    at = datetime.now(UTC).isoformat()
    return json.dumps([{"id": told, "type": kind, "at": at, "event_id": event}]).encode()


def _signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return sign(Secret(secret), timestamp=int(time.time()), body=body)


async def test_a_callback_counts_once_and_only_where_its_provider_signed_it(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    path, event, _, _ = await queued(caller, services, tenant)
    body = _callback(event)
    for headers in ({}, _signed(body, "another secret"), _signed(body + b" ")):
        refused = await anybody.post(path, content=body, headers=headers)
        assert refused.status_code == 401
        assert refused.json()["code"] == "signature_invalid"
    assert (await anybody.post("/webhooks/unknown", content=body, headers=_signed(body))).status_code == 404
    told = await ok(await anybody.post(path, content=body, headers=_signed(body)))
    assert told == {"new": 1, "duplicate": 0, "unknown": 0, "status": "read"}
    again = await ok(await anybody.post(path, content=body, headers=_signed(body)))
    assert again == {"new": 0, "duplicate": 1, "unknown": 0, "status": "read"}
    (kept,) = (await ok(await caller.get("/callbacks")))["items"]
    assert (kept["status"], kept["told"], kept["new"]) == ("read", 2, 1)


async def test_a_callback_of_one_tenant_says_nothing_of_another_tenants_message(
    caller: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    anybody: httpx.AsyncClient,
    services: Services,
    tenant: Tenant,
    other_tenant: Tenant,
) -> None:
    _, event, _, _ = await queued(caller, services, tenant)
    path, _, _, _ = await queued(stranger, services, other_tenant)
    body = _callback(event)
    told = await ok(await anybody.post(path, content=body, headers=_signed(body)))
    assert told == {"new": 0, "duplicate": 0, "unknown": 1, "status": "unknown"}
    assert (await ok(await caller.get("/callbacks")))["items"] == []
    (kept,) = (await ok(await stranger.get("/callbacks", params={"status": "unknown"})))["items"]
    assert (await caller.get(f"/callbacks/{kept['callback_id']}")).status_code == 404
    assert (await caller.post(f"/callbacks/{kept['callback_id']}/replay")).status_code == 404


async def test_a_signed_callback_that_nobody_understands_is_kept_and_no_error(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    path, _, _, _ = await queued(caller, services, tenant)
    hostile = [b"not json", b"", b"\x00" * 1_000_000, b"[" * 100_000, b'{"type": 3}', b"[1]", b"\xff\xfe\x00"]
    for body in hostile:
        told = await ok(await anybody.post(path, content=body, headers=_signed(body)))
        assert told == {"new": 0, "duplicate": 0, "unknown": 0, "status": "unreadable"}
    kept = (await ok(await caller.get("/callbacks", params={"status": "unreadable"})))["items"]
    assert len(kept) == len(hostile)
    assert all(one["error"] for one in kept)
    whole = await ok(await caller.get(f"/callbacks/{kept[0]['callback_id']}"))
    assert (whole["body"], set(whole["headers"].values())) == ("not json", {""})
    too_large = b" " * 1_048_577
    assert (await anybody.post(path, content=too_large, headers=_signed(too_large))).status_code == 413
    for query in ({}, {"hub.mode": "subscribe", "hub.verify_token": "x", "hub.challenge": "1"}):
        assert (await anybody.get(path, params=query)).status_code == 404


async def test_what_postgresql_cannot_hold_costs_nothing_but_itself(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    path, event, _, _ = await queued(caller, services, tenant)
    item = {"id": "told\x00-1\ud800", "type": "delivered", "at": "2026-05-01T09:00:00Z", "event_id": event}
    body = json.dumps([{**item, "note": "x" * 100_000, "worth": 1e308}]).replace("1e+308", "1e999").encode()
    told = await ok(await anybody.post(path, content=body, headers=_signed(body)))
    assert (told["new"], told["status"]) == (1, "read")


async def test_a_callback_that_is_faster_than_our_own_log_counts_when_it_is_read_again(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    path, _, delivery_id, _ = await queued(caller, services, tenant)
    item = {"id": "1", "type": "clicked", "at": datetime.now(UTC).isoformat(), "event_id": "<their-own-id@relay>"}
    body = json.dumps([item]).encode()
    told = await ok(await anybody.post(path, content=body, headers=_signed(body)))
    assert told == {"new": 0, "duplicate": 0, "unknown": 1, "status": "unknown"}
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE delivery_log SET provider_id = '<their-own-id@relay>'")
    (kept,) = (await ok(await caller.get("/callbacks")))["items"]
    assert kept["due_at"] is not None
    again = await ok(await caller.post(f"/callbacks/{kept['callback_id']}/replay"))
    assert again == {"new": 1, "duplicate": 0, "unknown": 0, "status": "read"}
    thrice = await ok(await caller.post(f"/callbacks/{kept['callback_id']}/replay"))
    assert thrice == {"new": 0, "duplicate": 1, "unknown": 0, "status": "read"}
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT type, delivery_id FROM outcome")).fetchall()
    assert [(row["type"], row["delivery_id"]) for row in rows] == [("clicked", delivery_id)]


async def test_opening_the_link_changes_nothing_and_one_click_withdraws(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    _, _, delivery_id, profile_id = await queued(caller, services, tenant)
    asked = Request(tenant.tenant_id, profile_id, Channel.EMAIL, delivery_id)
    path = PATH + services.links.sign(asked)

    page = await anybody.get(path)
    assert page.status_code == 200
    assert "Ngừng nhận tin" in page.text
    assert "Unsubscribe" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert all(consent["granted"] for consent in (await ok(await caller.get("/profiles/kh-1")))["consents"])

    for _ in range(2):
        done = await anybody.post(path, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
    consents = (await ok(await caller.get("/profiles/kh-1")))["consents"]
    assert [(consent["channel"], consent["granted"]) for consent in consents] == [(None, True), ("email", False)]

    again = {"channel": "email", "purpose": "marketing", "granted": True, "at": datetime.now(UTC).isoformat()}
    await ok(await caller.post("/profiles", json={"ext_id": "kh-1", "consents": [again]}))
    await anybody.post(path)
    consents = (await ok(await caller.get("/profiles/kh-1")))["consents"]
    assert consents[1]["granted"] is False, "the old link works for who agreed again"
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT type FROM outcome")).fetchall()
    assert [row["type"] for row in rows] == ["unsubscribed"]


async def test_a_link_that_was_changed_is_no_link(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant, other_tenant: Tenant
) -> None:
    _, _, delivery_id, profile_id = await queued(caller, services, tenant)
    token = services.links.sign(Request(tenant.tenant_id, profile_id, Channel.EMAIL, delivery_id))
    stranger = services.links.sign(Request(other_tenant.tenant_id, profile_id, Channel.EMAIL, delivery_id))
    for wrong in (token[:-1], ("B" if token[0] == "A" else "A") + token[1:], "x", "%00", stranger):
        for method in ("GET", "POST") if wrong != stranger else ("POST",):
            assert (await anybody.request(method, PATH + wrong)).status_code == 404
    assert all(consent["granted"] for consent in (await ok(await caller.get("/profiles/kh-1")))["consents"])


async def test_a_mail_that_came_back_fails_its_message_and_closes_the_address(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    path, event, delivery_id, _ = await queued(caller, services, tenant)
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE delivery_log SET status = 'sent', sent_at = now()")
    lines = (
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        *("", "--b", "Content-Type: message/delivery-status"),
        *("", "Reporting-MTA: dns; relay.example", ""),
        *("Final-Recipient: rfc822; mai@khach.example", "Action: failed", "Status: 5.1.1"),
        *("", "--b", "Content-Type: text/rfc822-headers", "", f"Message-ID: <{event}@shop.example>", "", "--b--", ""),
    )
    body = "\r\n".join(lines).encode()
    headers = _signed(body) | {"Content-Type": "message/rfc822"}
    assert (await ok(await anybody.post(path, content=body, headers=headers)))["new"] == 1
    async with services.db.transaction(tenant.tenant_id) as conn:
        (row,) = await (await conn.execute("SELECT delivery_id, status, class FROM delivery_log")).fetchall()
        (closed,) = await (await conn.execute("SELECT address, reason FROM suppression")).fetchall()
    assert row == {"delivery_id": delivery_id, "status": "failed", "class": "invalid_address"}
    assert closed == {"address": "mai@khach.example", "reason": "bounced"}
    (kept,) = (await ok(await caller.get("/callbacks")))["items"]
    again = await ok(await caller.post(f"/callbacks/{kept['callback_id']}/replay"))
    assert again == {"new": 0, "duplicate": 1, "unknown": 0, "status": "read"}
