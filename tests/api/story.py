"""Steps that many tests begin with."""

from datetime import UTC, datetime
from typing import Any

import httpx

from api.services import Services
from engine.campaigns import connect_channel
from engine.decide import decide_batch
from tests.conftest import Tenant

MAI: dict[str, Any] = {
    "ext_id": "kh-1",
    "name": "Trần Thị Mai",
    "attributes": {"city": "Huế", "tier": "vàng"},
    "addresses": [{"channel": "email", "value": "mai@khach.example"}],
    "consents": [{"channel": None, "purpose": "marketing", "granted": True, "at": "2026-01-02T03:04:05+07:00"}],
}
EMAIL = {
    "key": "chao",
    "channel": "email",
    "subject": "Chào {{ profile.name }}",
    "body_text": "Chào {{ profile.name }}. Ngừng nhận: {{ unsubscribe_url }}",
}
RELAY = {"host": "127.0.0.1", "port": 9, "sender": "LEO <leo@shop.example>", "password": "s3cret", "username": "leo"}
ALWAYS_AWAKE: dict[str, Any] = {"quiet_hours": None, "caps": []}
SECRET = "a webhook's secret"


async def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json()


async def campaign(caller: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Send a person, a segment with that person, an approved template and a draft campaign."""
    await ok(await caller.post("/profiles", json=MAI))
    segment = {"key": "hue", "name": "Huế", "rule": {"all": [{"attribute": "city", "is": "Huế"}]}}
    await ok(await caller.post("/segments", json=segment))
    template = await ok(await caller.post("/templates", json=EMAIL))
    await ok(await caller.post(f"/templates/{template['template_id']}/approve"))
    body = {
        "key": "xin-chao",
        "name": "Xin chào",
        "segment": "hue",
        "template_ids": [template["template_id"]],
        "policy": ALWAYS_AWAKE,
        **fields,
    }
    made: dict[str, Any] = await ok(await caller.post("/campaigns", json=body))
    return made


async def connect_mail(services: Services, tenant: Tenant) -> None:
    """Connect a relay at which nothing listens."""
    async with services.db.transaction(tenant.tenant_id) as conn:
        await connect_channel(
            conn, services.vault, tenant_id=tenant.tenant_id, kind="email", name="mail", settings=RELAY
        )


async def decide_all(services: Services, tenant: Tenant) -> None:
    """Decide for everybody whose batch waits."""
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT batch_id FROM run_batch WHERE status = 'pending'")).fetchall()
        for row in rows:
            await decide_batch(conn, tenant_id=tenant.tenant_id, batch_id=row["batch_id"], now=datetime.now(UTC))


async def queued(caller: httpx.AsyncClient, services: Services, tenant: Tenant) -> tuple[str, str, int, int]:
    """Queue one mail; give the webhook's address, the delivery's event id, delivery and profile."""
    settings = {"host": "127.0.0.1", "port": 9, "sender": "LEO <leo@shop.example>", "webhook_secret": SECRET}
    async with services.db.transaction(tenant.tenant_id) as conn:
        channel = await connect_channel(
            conn, services.vault, tenant_id=tenant.tenant_id, kind="email", name="mail", settings=settings
        )
    made = await campaign(caller)
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    await decide_all(services, tenant)
    async with services.db.transaction(tenant.tenant_id) as conn:
        sent = await (
            await conn.execute("SELECT encode(event_id, 'hex') AS event, delivery_id, profile_id FROM delivery_log")
        ).fetchone()
    assert sent is not None
    return f"/webhooks/{channel.webhook_key}", sent["event"], sent["delivery_id"], sent["profile_id"]
