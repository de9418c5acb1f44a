"""Campaigns: what they are made of keeps its versions; starting, pausing and ending reach all that hangs on them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from engine import campaigns, credentials
from engine.campaigns import Activated, Campaign, Policy, Run, Template
from engine.campaigns.figures import Figures, campaign_figures
from engine.credentials import Vault
from engine.db import Database
from engine.profiles import upsert_profiles
from engine.segments import save_segment
from rules.errors import Conflict, InvalidInput, LeoError, NotFound
from rules.words import CampaignStatus, Lane, RunKind, TemplateStatus
from tests.conftest import Tenant
from tests.engine import journeys

NOW = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
MAIL = {"host": "127.0.0.1", "port": 2525, "tls": "none", "sender": "shop@shop.example"}
QUIET = {"quiet_hours": {"start": "22:00", "end": "07:00"}}


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault(Fernet.generate_key().decode())


async def people(db: Database, tenant: Tenant, count: int) -> list[int]:
    documents = [{"ext_id": f"kh-{number:05d}"} for number in range(count)]
    async with db.transaction(tenant.tenant_id) as connection:
        done = await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=documents)
    return sorted(done.ids.values())


async def template(
    db: Database, tenant: Tenant, body: str = "Chào {{ profile.name }}", *, approve: bool = True
) -> Template:
    async with db.transaction(tenant.tenant_id) as connection:
        made = await campaigns.save_template(
            connection, tenant_id=tenant.tenant_id, key="hello", channel="telegram", body_text=body
        )
        if not approve:
            return made
        return await campaigns.approve_template(connection, tenant_id=tenant.tenant_id, template_id=made.template_id)


async def everyone(db: Database, tenant: Tenant) -> int:
    async with db.transaction(tenant.tenant_id) as connection:
        segment = await save_segment(
            connection, tenant_id=tenant.tenant_id, key="all", name="Everyone", rule={"all": []}
        )
    return segment.segment_id


async def saved(db: Database, tenant: Tenant, **how: Any) -> Campaign:
    async with db.transaction(tenant.tenant_id) as connection:
        given = {"key": "welcome", "name": "Chào bạn", **how}
        return await campaigns.save_campaign(connection, tenant_id=tenant.tenant_id, **given)


async def complete(db: Database, tenant: Tenant, **how: Any) -> Campaign:
    """A campaign for everyone, with an approved template."""
    made = await template(db, tenant)
    segment_id = await everyone(db, tenant)
    return await saved(db, tenant, segment_id=segment_id, template_ids=[made.template_id], **how)


async def activated(db: Database, tenant: Tenant, campaign: Campaign) -> Activated:
    async with db.transaction(tenant.tenant_id) as connection:
        return await campaigns.activate_campaign(
            connection, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id
        )


async def started(db: Database, tenant: Tenant, campaign_id: int, **how: Any) -> Run:
    async with db.transaction(tenant.tenant_id) as connection:
        given = {"kind": RunKind.REQUEST, "lane": Lane.REALTIME, **how}
        return await campaigns.start_run(connection, tenant_id=tenant.tenant_id, campaign_id=campaign_id, **given)


async def states(db: Database, tenant: Tenant) -> dict[str, list[str]]:
    """By time: each session takes its ids in blocks of 64, so that those of two sessions are not in order."""
    async with db.transaction(tenant.tenant_id) as connection:
        row = await connection.execute(
            "SELECT ARRAY(SELECT status FROM campaign_run ORDER BY created_at, run_id) AS runs, "
            "ARRAY(SELECT status FROM run_batch ORDER BY created_at, batch_id) AS batches, "
            "ARRAY(SELECT status FROM delivery_log ORDER BY queued_at, delivery_id) AS deliveries"
        )
        return await row.fetchone() or {}


# Channels -------------------------------------------------------------------------------------------------------------


async def test_credentials_are_sealed_and_the_rest_is_stored_as_it_is(
    db: Database, tenant: Tenant, vault: Vault
) -> None:
    settings = {**MAIL, "username": "shop", "password": "s3cret-word", "webhook_secret": "s1gned"}
    async with db.transaction(tenant.tenant_id) as connection:
        channel = await campaigns.connect_channel(
            connection, vault, tenant_id=tenant.tenant_id, kind="email", name="Mail", settings=settings
        )
        row = await (await connection.execute("SELECT settings FROM channel")).fetchone()
        sealed = await (
            await connection.execute("SELECT convert_from(ciphertext, 'UTF8') AS text FROM channel_credential")
        ).fetchall()
        opened = await credentials.load(connection, vault, tenant_id=tenant.tenant_id, channel_id=channel.channel_id)
        assert await campaigns.list_channels(connection, tenant_id=tenant.tenant_id) == [channel]
    assert row == {"settings": {**MAIL, "username": "shop"}}
    assert opened == {"password": "s3cret-word", "webhook_secret": "s1gned"}
    assert len(sealed) == 2
    assert not any(secret in one["text"] for one in sealed for secret in opened.values())


async def test_connecting_again_replaces_settings_and_keeps_the_webhooks_address(
    db: Database, tenant: Tenant, vault: Vault
) -> None:
    connected = []
    for settings in ({**MAIL, "username": "a", "password": "old"}, MAIL):
        async with db.transaction(tenant.tenant_id) as connection:
            connected.append(
                await campaigns.connect_channel(
                    connection, vault, tenant_id=tenant.tenant_id, kind="email", name="Mail", settings=settings
                )
            )
            held = await credentials.load(
                connection, vault, tenant_id=tenant.tenant_id, channel_id=connected[0].channel_id
            )
    assert connected[0] == connected[1]
    assert held == {}
    with pytest.raises(Conflict, match="'Mail'"):
        async with db.transaction(tenant.tenant_id) as connection:
            await campaigns.connect_channel(
                connection, vault, tenant_id=tenant.tenant_id, kind="telegram", name="Mail", settings={"token": "1:a"}
            )


@pytest.mark.parametrize(
    ("kind", "wanted", "said"),
    [
        ("fax", {}, "fax"),
        ("email", {}, "host"),
        ("email", {**MAIL, "port": 0}, "port"),
        ("email", {**MAIL, "hots": "x"}, "hots"),
        ("telegram", {}, "token"),
        ("zalo_oa", {"token": "x"}, "zalo_oa"),
    ],
)
async def test_settings_that_do_not_fit_connect_nothing(
    db: Database, tenant: Tenant, vault: Vault, kind: str, wanted: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        async with db.transaction(tenant.tenant_id) as connection:
            await campaigns.connect_channel(
                connection, vault, tenant_id=tenant.tenant_id, kind=kind, name="x", settings=wanted
            )
    async with db.transaction(tenant.tenant_id) as connection:
        assert await campaigns.list_channels(connection, tenant_id=tenant.tenant_id) == []


# Templates and policies -----------------------------------------------------------------------------------------------


async def test_the_same_words_are_the_same_version_and_others_the_next_draft(db: Database, tenant: Tenant) -> None:
    first = await template(db, tenant, "Chào {{ profile.name }}")
    same = await template(db, tenant, "Chào {{ profile.name }}", approve=False)
    other = await template(db, tenant, "Xin chào {{ profile.name }}", approve=False)
    assert (first.version, same.version, other.version) == (1, 1, 2)
    assert (same.template_id, same.is_new, other.is_new) == (first.template_id, False, True)
    assert (same.status, other.status) == (TemplateStatus.APPROVED, TemplateStatus.DRAFT)


async def test_approving_twice_is_approving_once_and_a_retired_template_stays_retired(
    db: Database, tenant: Tenant
) -> None:
    made = await template(db, tenant)
    assert (await template(db, tenant)).template_id == made.template_id
    with pytest.raises(Conflict, match="retired"):
        async with db.transaction(tenant.tenant_id) as connection:
            await connection.execute("UPDATE message_template SET status = 'retired'")
            await campaigns.approve_template(connection, tenant_id=tenant.tenant_id, template_id=made.template_id)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"channel": "fax", "body_text": "x"}, "fax"),
        ({"channel": "email", "body_text": "x"}, "subject"),
        ({"channel": "email", "body_text": "x", "subject": "  "}, "subject"),
        ({"channel": "telegram"}, "no body"),
        ({"channel": "telegram", "body_text": "{{ profil.name }}"}, "profil.name"),
        ({"channel": "telegram", "body_text": "{{ profile.name"}, "Liquid"),
        ({"channel": "telegram", "body_text": "{{ profile.name | shout }}"}, "shout"),
    ],
)
async def test_a_template_that_cannot_work_is_not_kept(
    db: Database, tenant: Tenant, how: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        async with db.transaction(tenant.tenant_id) as connection:
            await campaigns.save_template(connection, tenant_id=tenant.tenant_id, key="hello", **how)
    async with db.transaction(tenant.tenant_id) as connection:
        assert await campaigns.list_templates(connection, tenant_id=tenant.tenant_id) == []


async def policy(db: Database, tenant: Tenant, document: Mapping[str, Any], key: str = "default") -> Policy:
    async with db.transaction(tenant.tenant_id) as connection:
        return await campaigns.save_policy(connection, tenant_id=tenant.tenant_id, document=document, key=key)


async def test_a_policy_keeps_its_versions(db: Database, tenant: Tenant) -> None:
    first, same = await policy(db, tenant, QUIET), await policy(db, tenant, dict(QUIET))
    other, beside = await policy(db, tenant, {"caps": []}), await policy(db, tenant, QUIET, key="night")
    assert first == same
    assert (first.version, other.version, beside.version) == (1, 2, 1)


async def test_a_policy_that_cannot_be_read_names_its_field(db: Database, tenant: Tenant) -> None:
    with pytest.raises(InvalidInput, match="quiet_hours"):
        await policy(db, tenant, {"quiet_hours": {"start": "25:00", "end": "07:00"}})


# Campaigns ------------------------------------------------------------------------------------------------------------


async def test_a_campaign_is_made_and_changed_by_its_key(db: Database, tenant: Tenant) -> None:
    one, two = await template(db, tenant, "1"), await template(db, tenant, "2")
    made = await saved(db, tenant, template_ids=[one.template_id, two.template_id])
    ends_at = NOW + timedelta(days=9)
    changed = await saved(
        db, tenant, name="Khác", template_ids=[two.template_id, one.template_id], starts_at=NOW, ends_at=ends_at
    )
    assert changed.campaign_id == made.campaign_id
    assert made.template_ids == (one.template_id, two.template_id)
    assert changed.template_ids == (two.template_id, one.template_id)
    assert (changed.name, changed.starts_at, changed.ends_at) == ("Khác", NOW, ends_at)
    assert (await saved(db, tenant)).template_ids == ()
    async with db.transaction(tenant.tenant_id) as connection:
        assert [one.key for one in await campaigns.list_campaigns(connection, tenant_id=tenant.tenant_id)] == [
            "welcome"
        ]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"segment_id": 1}, NotFound),
        ({"policy_id": 1}, NotFound),
        ({"template_ids": [1]}, NotFound),
        ({"starts_at": NOW, "ends_at": NOW}, InvalidInput),
        ({"control_share": 1.5}, InvalidInput),
    ],
)
async def test_a_campaign_of_what_is_not_there_is_refused(
    db: Database, tenant: Tenant, how: dict[str, Any], error: type[LeoError]
) -> None:
    with pytest.raises(error):
        await saved(db, tenant, **how)


async def test_a_campaign_does_not_reach_for_anothers_records(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    segment_id, theirs = await everyone(db, other_tenant), await template(db, other_tenant)
    for how in ({"segment_id": segment_id}, {"template_ids": [theirs.template_id]}):
        with pytest.raises(NotFound):
            await saved(db, tenant, **how)


# Runs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1_203])
async def test_activating_freezes_the_segment_and_parts_it_into_batches(
    db: Database, tenant: Tenant, count: int
) -> None:
    ids = await people(db, tenant, count)
    done = await activated(db, tenant, await complete(db, tenant))
    assert done.campaign.status is CampaignStatus.ACTIVE
    assert done.snapshot is not None
    assert done.run is not None
    assert (done.snapshot.member_count, done.run.people) == (count, count)
    assert (done.run.kind, done.run.lane) == (RunKind.SNAPSHOT, Lane.BULK)
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await (
            await connection.execute("SELECT batch_id, lane, status, profile_ids FROM run_batch ORDER BY batch_id")
        ).fetchall()
    assert tuple(row["batch_id"] for row in rows) == done.run.batch_ids
    assert [profile_id for row in rows for profile_id in row["profile_ids"]] == ids
    assert [len(row["profile_ids"]) for row in rows] == [500] * (count // 500) + [count % 500] * (count % 500 > 0)
    assert {(row["lane"], row["status"]) for row in rows} == {("bulk", "pending")}


async def test_a_run_for_nobody_is_finished_as_it_starts(db: Database, tenant: Tenant) -> None:
    done = await activated(db, tenant, await complete(db, tenant))
    assert done.run is not None
    assert (done.run.people, done.run.batch_ids) == (0, ())
    assert (await states(db, tenant))["runs"] == ["finished"]


async def test_a_campaign_that_waits_for_events_has_no_run_yet(db: Database, tenant: Tenant) -> None:
    made = await template(db, tenant)
    campaign = await saved(db, tenant, trigger_type="cart_abandoned", template_ids=[made.template_id])
    done = await activated(db, tenant, campaign)
    assert (done.campaign.status, done.snapshot, done.run) == (CampaignStatus.ACTIVE, None, None)


async def test_a_campaign_for_nobody_or_with_nothing_approved_is_not_activated(db: Database, tenant: Tenant) -> None:
    draft = await template(db, tenant, approve=False)
    segment_id = await everyone(db, tenant)
    with pytest.raises(InvalidInput, match="nobody to decide for"):
        await activated(db, tenant, await saved(db, tenant, template_ids=[draft.template_id]))
    with pytest.raises(InvalidInput, match="no approved template"):
        await activated(db, tenant, await saved(db, tenant, segment_id=segment_id, template_ids=[draft.template_id]))
    with pytest.raises(InvalidInput, match="no approved template"):
        await activated(db, tenant, await saved(db, tenant, segment_id=segment_id))


async def test_a_segment_is_not_activated_again_while_its_run_is_unfinished(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, 3)
    campaign = await complete(db, tenant)
    await activated(db, tenant, campaign)
    with pytest.raises(Conflict, match="not finished"):
        await activated(db, tenant, campaign)


async def test_a_campaign_whose_time_is_over_is_not_activated(db: Database, tenant: Tenant) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    with pytest.raises(Conflict, match="has ended"):
        await activated(db, tenant, await complete(db, tenant, starts_at=past, ends_at=past + timedelta(days=1)))


async def test_an_active_campaign_is_not_changed_and_a_paused_one_is(db: Database, tenant: Tenant) -> None:
    campaign = await complete(db, tenant)
    await activated(db, tenant, campaign)
    with pytest.raises(Conflict, match="active"):
        await saved(db, tenant, name="Khác")
    async with db.transaction(tenant.tenant_id) as connection:
        await campaigns.pause_campaign(connection, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
    assert (await saved(db, tenant, name="Khác")).name == "Khác"


async def test_a_run_for_listed_people_names_each_once(db: Database, tenant: Tenant) -> None:
    ids = await people(db, tenant, 3)
    campaign = await complete(db, tenant, trigger_type="x")
    await activated(db, tenant, campaign)
    run = await started(db, tenant, campaign.campaign_id, profile_ids=[ids[2], ids[0], ids[2]])
    assert (run.kind, run.lane, run.people, len(run.batch_ids)) == (RunKind.REQUEST, Lane.REALTIME, 2, 1)
    with pytest.raises(NotFound, match="profile 1"):
        await started(db, tenant, campaign.campaign_id, profile_ids=[ids[0], 1])
    with pytest.raises(NotFound, match="campaign 1"):
        await started(db, tenant, 1, profile_ids=ids)


async def test_a_run_needs_an_active_campaign(db: Database, tenant: Tenant) -> None:
    ids = await people(db, tenant, 1)
    campaign = await complete(db, tenant)
    with pytest.raises(Conflict, match="draft"):
        await started(db, tenant, campaign.campaign_id, profile_ids=ids)
    assert await states(db, tenant) == {"runs": [], "batches": [], "deliveries": []}


async def test_a_pause_holds_and_a_resume_goes_on_where_it_stopped(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, 501)
    campaign = await complete(db, tenant)
    done = await activated(db, tenant, campaign)
    where: dict[str, Any] = {"tenant_id": tenant.tenant_id, "campaign_id": campaign.campaign_id}
    async with db.transaction(tenant.tenant_id) as connection:
        assert (await campaigns.pause_campaign(connection, **where)).status is CampaignStatus.PAUSED
    assert await states(db, tenant) == {"runs": ["paused"], "batches": ["pending"] * 2, "deliveries": []}
    async with db.transaction(tenant.tenant_id) as connection:
        resumed, batches = await campaigns.resume_campaign(connection, **where)
    assert done.run is not None
    assert resumed.status is CampaignStatus.ACTIVE
    assert batches == [(Lane.BULK, batch_id) for batch_id in done.run.batch_ids]
    assert (await states(db, tenant))["runs"] == ["running"]


async def test_ending_cancels_what_is_not_out_yet_and_nothing_else(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await journeys.base(connection)
        profile_id = await journeys.person(connection, "kh-1")
        for status in ("queued", "sending", "sent", "uncertain"):
            await journeys.journey(connection, ground, profile_id, status=status)
        await connection.execute("UPDATE campaign_run SET status = 'finished'")
    await started(db, tenant, ground["campaign_id"], profile_ids=[profile_id])
    async with db.transaction(tenant.tenant_id) as connection:
        ended = await campaigns.cancel_campaign(
            connection, tenant_id=tenant.tenant_id, campaign_id=ground["campaign_id"]
        )
    assert ended.status is CampaignStatus.ENDED
    assert await states(db, tenant) == {
        "runs": ["finished"] * 4 + ["cancelled"],
        "batches": ["cancelled"],
        "deliveries": ["cancelled", "sending", "sent", "uncertain"],
    }


@pytest.mark.parametrize("change", ["pause_campaign", "resume_campaign", "cancel_campaign", "activate_campaign"])
async def test_what_has_ended_stays_ended(db: Database, tenant: Tenant, change: str) -> None:
    campaign = await complete(db, tenant)
    where: dict[str, Any] = {"tenant_id": tenant.tenant_id, "campaign_id": campaign.campaign_id}
    async with db.transaction(tenant.tenant_id) as connection:
        await campaigns.cancel_campaign(connection, **where)
    with pytest.raises(Conflict, match="ended"):
        async with db.transaction(tenant.tenant_id) as connection:
            await getattr(campaigns, change)(connection, **where)


async def test_ending_a_campaign_leaves_another_campaigns_work_alone(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, 2)
    first = await complete(db, tenant)
    second = await complete(db, tenant, key="second")
    for campaign in (first, second):
        await activated(db, tenant, campaign)
    async with db.transaction(tenant.tenant_id) as connection:
        await campaigns.cancel_campaign(connection, tenant_id=tenant.tenant_id, campaign_id=first.campaign_id)
    after = await states(db, tenant)
    assert (after["runs"], after["batches"]) == (["cancelled", "pending"], ["cancelled", "pending"])


async def test_a_campaign_is_nobodys_but_its_tenants(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    campaign = await complete(db, tenant)
    for claimed in (tenant, other_tenant):
        where: dict[str, Any] = {"tenant_id": claimed.tenant_id, "campaign_id": campaign.campaign_id}
        for look in (campaigns.get_campaign, campaigns.activate_campaign, campaigns.cancel_campaign):
            with pytest.raises(NotFound):
                async with db.transaction(other_tenant.tenant_id) as connection:
                    await look(connection, **where)


# Figures --------------------------------------------------------------------------------------------------------------


async def test_a_campaign_tells_what_it_came_to(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await journeys.base(connection)
        profile_id = await journeys.person(connection, "kh-1")
        await journeys.journey(connection, ground, profile_id, outcomes=("delivered", "clicked"))
        await journeys.journey(connection, ground, profile_id, outcomes=("delivered",))
        await journeys.journey(connection, ground, profile_id, status="queued")
        for action in ("wait", "do_nothing"):
            await journeys.journey(connection, ground, profile_id, action=action, reason="quiet_hours", status=None)
        await journeys.journey(connection, ground, profile_id, action="do_nothing", reason="consent", status=None)
    other = await saved(db, tenant, key="other")
    async with db.transaction(tenant.tenant_id) as connection:
        found = await campaign_figures(connection, tenant_id=tenant.tenant_id, campaign_id=ground["campaign_id"])
        nothing = await campaign_figures(connection, tenant_id=tenant.tenant_id, campaign_id=other.campaign_id)
    assert found == Figures(
        decided=6,
        sends=3,
        held={"quiet_hours": 2, "consent": 1},
        deliveries={"sent": 2, "queued": 1},
        outcomes={"delivered": 2, "clicked": 1},
    )
    assert nothing == Figures(0, 0, {}, {}, {})
    with pytest.raises(NotFound):
        async with db.transaction(tenant.tenant_id) as connection:
            await campaign_figures(connection, tenant_id=tenant.tenant_id, campaign_id=1)
