"""Channels over the API: connected, paused with a reason that is shown, resumed."""

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.services import Services
from engine.dispatch.adapters import Adapters
from tests.api.conftest import Callers
from tests.api.story import ok
from tests.conftest import Tenant

MAIL = {"host": "127.0.0.1", "port": 9, "sender": "LEO <leo@shop.example>"}


async def _connect(caller: httpx.AsyncClient, name: str = "mail", **more: Any) -> dict[str, Any]:
    settings = {**MAIL, **more.pop("settings", {})}
    document = {"kind": "email", "name": name, "settings": settings, **more}
    made: dict[str, Any] = await ok(await caller.post("/channels", json=document))
    return made


async def test_a_channel_is_paused_with_a_reason_and_resumed(caller: httpx.AsyncClient) -> None:
    channel = await _connect(caller, failover=2, settings={"limits": {"per_second": 5}})
    assert (channel["status"], channel["reason"], channel["failover"]) == ("connected", None, 2)
    where = f"/channels/{channel['channel_id']}"
    paused = await ok(await caller.post(f"{where}/pause", json={"reason": "The contract ends."}))
    assert (paused["status"], paused["reason"]) == ("paused", "paused: The contract ends.")
    (listed,) = (await ok(await caller.get("/channels")))["items"]
    assert listed == paused
    assert await ok(await caller.post(f"{where}/resume", json={})) == channel
    await caller.post(f"{where}/pause", json={"reason": "again"})
    assert (await _connect(caller, failover=2))["status"] == "connected", "new settings are a new beginning"


async def test_a_channel_that_is_not_there_is_not_found(caller: httpx.AsyncClient) -> None:
    for step, document in (("pause", {"reason": "x"}), ("resume", {})):
        assert (await caller.post(f"/channels/1/{step}", json=document)).status_code == 404


@pytest.mark.parametrize("limits", [{"per_minute": 1}, {"per_second": 0}, {"burst": "many"}, 30])
async def test_limits_that_cannot_be_read_are_refused(caller: httpx.AsyncClient, limits: Any) -> None:
    document = {"kind": "email", "name": "mail", "settings": {**MAIL, "limits": limits}}
    refused = await caller.post("/channels", json=document)
    assert refused.status_code == 422
    assert "per_second" in refused.json()["remedy"]


INSIDE = [
    ("email", {**MAIL, "host": "10.0.0.5", "port": 25}),
    ("email", {**MAIL, "host": "localhost", "port": 25}),
    ("email", {**MAIL, "host": "smtp.example", "port": 6379}),
    ("email", {**MAIL, "host": "smtp.example", "ca_file": "/etc/passwd"}),
    ("telegram", {"token": "1:a", "base_url": "http://169.254.169.254"}),
    ("zalo_oa", {"access_token": "t", "business_url": "http://[::ffff:127.0.0.1]:5432"}),
]


@pytest.mark.parametrize(("kind", "given"), INSIDE, ids=str)
async def test_a_channel_that_leads_inside_is_not_connected(
    services: Services, callers: Callers, tenant: Tenant, kind: str, given: dict[str, Any]
) -> None:
    strict = services.settings.model_copy(update={"allowed_hosts": None})
    async with aclosing(Adapters.of(strict)) as adapters:
        caller = await callers.of(tenant, services=replace(services, adapters=adapters))
        refused = await caller.post("/channels", json={"kind": kind, "name": "inside", "settings": given})
    assert refused.status_code == 422, refused.text
    assert (await ok(await caller.get("/channels")))["items"] == []
