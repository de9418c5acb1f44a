"""One person now: decided and sent before the answer, or told why not."""

import pytest

from engine.activate import activate_profile
from engine.db import Database
from engine.dispatch import Adapters
from rules.errors import Conflict, InvalidInput, NotFound
from rules.words import Action, DeliveryStatus
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.world import World


@pytest.fixture
async def world(db: Database, tenant: Tenant, sandbox: SandboxProcess) -> World:
    await sandbox.reset()
    made = World(db, tenant)
    await made.connect(host="127.0.0.1", port=sandbox.smtp_port, tls="none", sender="shop@shop.example")
    return made


async def test_one_person_is_written_to_now(world: World, adapters: Adapters, sandbox: SandboxProcess) -> None:
    campaign_id = await world.campaign(templates=[await world.template()])
    (person,) = await world.people(1)
    tenant_id = world.tenant.tenant_id
    done = await activate_profile(world.db, adapters, tenant_id=tenant_id, campaign_id=campaign_id, ext_id="kh-1")
    assert (done.action, done.reason, done.status) == (Action.SEND, "chosen", DeliveryStatus.SENT)
    assert (done.channel, done.template, done.template_version, done.profile_id) == ("email", "offer", 1, person)
    (received,) = await sandbox.messages()
    (delivery,) = await world.deliveries()
    assert received["event_id"] == bytes(delivery["event_id"]).hex()
    assert (delivery["lane"], delivery["delivery_id"]) == ("realtime", done.delivery_id)
    run = await world.rows("SELECT kind, lane, status FROM campaign_run")
    assert run == [{"kind": "request", "lane": "realtime", "status": "finished"}]
    again = await activate_profile(world.db, adapters, tenant_id=tenant_id, campaign_id=campaign_id, profile_id=person)
    assert again.run_id != done.run_id
    assert len(await sandbox.messages()) == 2


async def test_who_may_not_be_written_to_is_told_why(world: World, adapters: Adapters, sandbox: SandboxProcess) -> None:
    policy = {"quiet_hours": None, "caps": [{"limit": 1, "days": 1, "scope": "overall"}]}
    campaign_id = await world.campaign(templates=[await world.template()], policy=policy)
    (person,) = await world.people(1)
    for _ in range(2):
        done = await activate_profile(
            world.db, adapters, tenant_id=world.tenant.tenant_id, campaign_id=campaign_id, profile_id=person
        )
    assert (done.action, done.reason, done.status, done.delivery_id) == (Action.WAIT, "frequency_cap", None, None)
    assert done.wait_until is not None
    assert len(await sandbox.messages()) == 1


async def test_a_message_that_cannot_leave_now_stays_queued(
    world: World, adapters: Adapters, sandbox: SandboxProcess
) -> None:
    campaign_id = await world.campaign(templates=[await world.template()])
    await world.people(1)
    await sandbox.ask("faults", {"channel": "email", "status": 451, "text": "4.3.0 later", "stage": "rcpt"})
    done = await activate_profile(
        world.db, adapters, tenant_id=world.tenant.tenant_id, campaign_id=campaign_id, ext_id="kh-1"
    )
    assert (done.status, done.attempts, done.due_at is not None) == (DeliveryStatus.QUEUED, 1, True)


async def test_what_is_not_there_is_named(world: World, adapters: Adapters) -> None:
    campaign_id = await world.campaign(templates=[await world.template()])
    await world.people(1)
    tenant_id = world.tenant.tenant_id
    with pytest.raises(NotFound, match="no profile nobody"):
        await activate_profile(world.db, adapters, tenant_id=tenant_id, campaign_id=campaign_id, ext_id="nobody")
    with pytest.raises(NotFound, match="no campaign 5"):
        await activate_profile(world.db, adapters, tenant_id=tenant_id, campaign_id=5, ext_id="kh-1")
    with pytest.raises(InvalidInput, match="Name the profile once"):
        await activate_profile(world.db, adapters, tenant_id=tenant_id, campaign_id=campaign_id)
    await world.rows("UPDATE campaign SET status = 'paused'")
    with pytest.raises(Conflict, match="is paused"):
        await activate_profile(world.db, adapters, tenant_id=tenant_id, campaign_id=campaign_id, ext_id="kh-1")
    assert await world.rows("SELECT 1 FROM campaign_run") == []


async def test_whoever_was_merged_is_the_one_they_were_merged_into(
    world: World, adapters: Adapters, sandbox: SandboxProcess
) -> None:
    campaign_id = await world.campaign(templates=[await world.template()])
    stays, merged = await world.people(2)
    await world.rows(
        "UPDATE cdp_profiles SET status = 'merged', merged_into = %(w)s WHERE profile_id = %(l)s", w=stays, l=merged
    )
    done = await activate_profile(
        world.db, adapters, tenant_id=world.tenant.tenant_id, campaign_id=campaign_id, ext_id="kh-2"
    )
    assert (done.profile_id, done.status) == (stays, DeliveryStatus.SENT)
    assert [one["address"] for one in await sandbox.messages()] == ["kh-1@people.example"]
