"""The API on a host whose clock is wrong: what it decides, sends and notes goes by the database's time."""

from datetime import timedelta

import httpx
import pytest

from api.app import app_with
from api.services import Services
from engine import clock
from engine.settings import Settings
from engine.unsubscribe import Request
from rules.words import Channel
from tests.api.serving import key_of
from tests.api.story import campaign, connect_mail, ok
from tests.conftest import Tenant
from tests.engine.wall import Wall


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)], ids=["an hour ahead", "an hour behind"])
async def test_a_host_whose_clock_is_wrong_sends_and_withdraws_by_the_databases_time(
    services: Services, settings: Settings, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    made_key = await key_of(services, tenant)
    clock.forget()
    monkeypatch.setattr(Wall, "ahead", ahead)
    for module in ("engine.clock", "engine.activate", "api.routes.unsubscribe"):
        monkeypatch.setattr(f"{module}.datetime", Wall, raising=False)
    async with (
        Services.open(settings) as here,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app_with(here)), base_url="http://api.example", headers=made_key
        ) as caller,
    ):
        made = await campaign(caller)
        await connect_mail(here, tenant)
        await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
        body = {"campaign_id": made["campaign_id"], "profile": "kh-1"}
        sent = await ok(await caller.post("/activate/profile", json=body))
        assert sent["attempts"] == 1
        profile_id = (await ok(await caller.get("/profiles/kh-1")))["profile_id"]
        link = here.links.sign(Request(tenant.tenant_id, profile_id, Channel.EMAIL, sent["delivery_id"]))
        assert (await caller.post(f"/unsubscribe/{link}", data={"List-Unsubscribe": "One-Click"})).is_success
        async with here.db.transaction(tenant.tenant_id) as conn:
            rows = await (
                await conn.execute(
                    "SELECT decided_at AS at FROM decision UNION ALL SELECT queued_at FROM delivery_log "
                    "UNION ALL SELECT at FROM consent WHERE NOT granted"
                )
            ).fetchall()
            now = await (await conn.execute("SELECT clock_timestamp() AS at")).fetchone()
    assert now is not None
    assert len(rows) == 3
    assert all(abs(now["at"] - row["at"]) < timedelta(seconds=30) for row in rows)
