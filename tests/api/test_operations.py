"""How the work stands over HTTP: what waits, what is stuck and why, and how channels do."""

from typing import Any

import httpx
import pytest

from api.services import Services
from tests.api.story import ok
from tests.conftest import Tenant


async def _change(services: Services, tenant: Tenant, statement: Any) -> None:
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute(statement)


async def _look(caller: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = await ok(await caller.get("/operations"))
    return found


async def test_what_waits_is_counted_in_its_lane(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient, campaign_id: int
) -> None:
    del campaign_id
    lanes = {one["lane"]: one for one in (await _look(caller))["lanes"]}
    assert (lanes["bulk"]["messages_due"], lanes["bulk"]["batches_due"], lanes["realtime"]["messages_due"]) == (1, 0, 0)
    assert (await _look(caller))["stuck"] == []
    assert all(one["messages_due"] == 0 for one in (await _look(stranger))["lanes"])
    assert (await _look(stranger))["channels"] == []


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT 1", "no_worker"),
        ("UPDATE channel SET status = 'paused'", "channel_paused"),
        ("UPDATE campaign SET status = 'paused'", "campaign_paused"),
    ],
)
async def test_what_is_stuck_says_why(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int, statement: str, why: str
) -> None:
    await _change(services, tenant, "UPDATE delivery_log SET due_at = now() - interval '10 minutes'")
    await _change(services, tenant, statement)
    (stuck,) = (await _look(caller))["stuck"]
    assert (stuck["what"], stuck["why"], stuck["count"], stuck["campaign_id"]) == ("message", why, 1, campaign_id)


async def test_a_channel_shows_its_errors_and_when_its_tokens_end_but_never_a_secret(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int
) -> None:
    del campaign_id
    (unused,) = (await _look(caller))["channels"]
    assert (unused["error_share"], unused["tokens"]) == (None, [])
    await _change(
        services, tenant, "UPDATE delivery_log SET status = 'failed', class = 'invalid_address', code = '550'"
    )
    await _change(services, tenant, "UPDATE channel_credential SET expires_at = '2026-12-01T00:00:00Z'")
    answer = await caller.get("/operations")
    (channel,) = answer.json()["channels"]
    assert (channel["error_share"], channel["classes"]) == (1.0, {"invalid_address": 1})
    assert [token["expires_at"] for token in channel["tokens"]] == ["2026-12-01T00:00:00Z"]
    assert "s3cret" not in answer.text
