"""Tenant escape without a key: what one tenant may sign says nothing to another's webhook, message or inbox."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import httpx
import pytest

from api.services import Services
from channels.contract import Secret
from channels.signature import sign
from engine.campaigns import connect_channel
from tests.api.story import MAI, ok
from tests.conftest import Tenant
from tests.every_table import fill, whole

OURS, THEIRS = "a-webhook-secret-of-the-caller-0123", "a-webhook-secret-of-the-victim-0123"
EVENT = sha256(b"theirs").hexdigest()
ADDRESS = "theirs-1@hidden.example"


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a tenant's callbacks come in, and its inbox on a web site."""

    webhook: str
    inbox: str
    inbox_id: int


async def _doors(services: Services, tenant: Tenant, secret: str) -> Doors:
    async with services.db.transaction(tenant.tenant_id) as conn:
        told = {"host": "127.0.0.1", "port": 9, "sender": "LEO <leo@shop.example>", "webhook_secret": secret}
        mail = await connect_channel(
            conn, services.vault, tenant_id=tenant.tenant_id, kind="email", name="mail", settings=told
        )
        site = await connect_channel(
            conn, services.vault, tenant_id=tenant.tenant_id, kind="chat", name="site", settings={"visitor_key": secret}
        )
    return Doors(f"/webhooks/{mail.webhook_key}", f"/inbox/{site.webhook_key}", site.channel_id)


@pytest.fixture
async def ours(services: Services, tenant: Tenant) -> Doors:
    return await _doors(services, tenant, OURS)


@pytest.fixture
async def theirs(services: Services, other_tenant: Tenant, admin_url: str) -> Doors:
    fill(admin_url, other_tenant)
    return await _doors(services, other_tenant, THEIRS)


def _signed(body: bytes, secret: str) -> dict[str, str]:
    return sign(Secret(secret), timestamp=int(time.time()), body=body) | {"Content-Type": "application/json"}


def _told(**about: str) -> bytes:
    return json.dumps([{"id": "told", "type": "bounced", "at": datetime.now(UTC).isoformat(), **about}]).encode()


async def test_the_victims_own_provider_is_believed(anybody: httpx.AsyncClient, theirs: Doors) -> None:
    """Else the other tests would be refused for another reason."""
    body = _told(event_id=EVENT)
    assert (await ok(await anybody.post(theirs.webhook, content=body, headers=_signed(body, THEIRS))))["new"] == 1


async def test_a_secret_opens_no_webhook_but_its_own_tenants(
    anybody: httpx.AsyncClient, ours: Doors, theirs: Doors, other_tenant: Tenant, admin_url: str
) -> None:
    before = whole(admin_url, other_tenant)
    body = _told(event_id=EVENT)
    assert ours.webhook != theirs.webhook
    assert (await anybody.post(theirs.webhook, content=body, headers=_signed(body, OURS))).status_code == 401
    assert whole(admin_url, other_tenant) == before


@pytest.mark.parametrize(
    "about", [{"event_id": EVENT}, {"event_id": "f" * 64, "address": ADDRESS}, {"event_id": "theirs"}]
)
async def test_a_signed_callback_says_nothing_of_another_tenants_message(
    anybody: httpx.AsyncClient,
    ours: Doors,
    theirs: Doors,
    other_tenant: Tenant,
    admin_url: str,
    about: dict[str, str],
) -> None:
    assert theirs
    before = whole(admin_url, other_tenant)
    body = _told(**about)
    answer = await anybody.post(ours.webhook, content=body, headers=_signed(body, OURS))
    assert (answer.json()["new"], answer.json()["status"]) == (0, "unknown")
    assert whole(admin_url, other_tenant) == before


async def test_an_inbox_takes_no_message_and_no_visitor_of_another_tenant(
    caller: httpx.AsyncClient,
    anybody: httpx.AsyncClient,
    ours: Doors,
    theirs: Doors,
    other_tenant: Tenant,
    admin_url: str,
) -> None:
    person = {**MAI, "addresses": [{"channel": "chat", "value": ADDRESS}]}
    await ok(await caller.post("/profiles", json=person))
    admitted = await ok(await caller.post(f"/channels/{ours.inbox_id}/visitors", json={"ext_id": MAI["ext_id"]}))
    visitor = {"Authorization": f"Bearer {admitted['token']}"}
    before = whole(admin_url, other_tenant)
    message = json.dumps({"event_id": EVENT, "address": ADDRESS, "text": "x"}).encode()
    refused = [
        await anybody.post(f"{theirs.inbox}/messages", content=message, headers=_signed(message, OURS)),
        await anybody.get(f"{theirs.inbox}/stream", headers=visitor),
        await anybody.post(f"{theirs.inbox}/read", json={"up_to": 1}, headers=visitor),
        await anybody.post(f"{theirs.inbox}/reply", json={"id": "1", "text": "x"}, headers=visitor),
    ]
    assert [answer.status_code for answer in refused] == [401] * 4
    # The same address and event in the caller's own inbox is another message.
    await ok(await anybody.post(f"{ours.inbox}/messages", content=message, headers=_signed(message, OURS)))
    await ok(await anybody.post(f"{ours.inbox}/read", json={"up_to": 2**40}, headers=visitor))
    await ok(await anybody.post(f"{ours.inbox}/reply", json={"id": "1", "text": "x"}, headers=visitor))
    assert whole(admin_url, other_tenant) == before
