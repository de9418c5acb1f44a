"""Templates, policies, channels and campaigns, and the runs that campaigns start."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import campaigns, credentials, profiles, segments
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.settings import Settings
from graph.mirror import compare
from rules.errors import Conflict, InvalidInput, NotFound
from rules.words import CampaignStatus, Lane, RunKind, TemplateStatus
from tests.conftest import Tenant
from tests.engine.world import simple_world

MAIL = {"key": "hi", "channel": "email", "subject": "Chào", "body_text": "Chào {{ profile.name }}"}


async def _template(conn: Transaction, tenant: Tenant, *, approved: bool = True, **fields: Any) -> campaigns.Template:
    saved = await campaigns.save_template(conn, tenant_id=tenant.tenant_id, **{**MAIL, **fields})
    if approved:
        return await campaigns.approve_template(conn, tenant_id=tenant.tenant_id, template_id=saved.template_id)
    return saved


async def _campaign(conn: Transaction, tenant: Tenant, *, people: int = 0, **fields: Any) -> campaigns.Campaign:
    documents = [{"ext_id": f"kh-{number}"} for number in range(people)]
    await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=documents)
    everyone = await segments.save_segment(
        conn, tenant_id=tenant.tenant_id, key="all", name="Everyone", rule={"all": []}
    )
    template = await _template(conn, tenant)
    given = {
        "key": "c",
        "name": "C",
        "segment_id": everyone.segment_id,
        "template_ids": [template.template_id],
        **fields,
    }
    return await campaigns.save_campaign(conn, tenant_id=tenant.tenant_id, **given)


async def test_a_text_that_differs_is_the_next_version_and_the_same_is_the_same(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        first = await _template(conn, tenant, approved=False)
        same = await _template(conn, tenant, approved=False)
        second = await _template(conn, tenant, approved=False, body_text="Xin chào")
        other_channel = await _template(conn, tenant, approved=False, channel="telegram", subject=None)
    assert (first.version, first.status, first.is_new) == (1, TemplateStatus.DRAFT, True)
    assert (same.template_id, same.is_new) == (first.template_id, False)
    assert (second.version, second.is_new) == (2, True)
    assert other_channel.version == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"body_text": "{{ customer.name }}"}, "customer.name"),
        ({"body_text": "{% if %}"}, "Liquid"),
        ({"body_text": None}, "body"),
        ({"subject": None}, "subject"),
        ({"channel": "pigeon"}, "pigeon"),
    ],
)
async def test_a_template_that_cannot_work_is_refused(
    db: Database, tenant: Tenant, fields: dict[str, Any], told: str
) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        with pytest.raises(InvalidInput, match=told):
            await _template(conn, tenant, **fields)
        assert await campaigns.list_templates(conn, tenant_id=tenant.tenant_id) == []


async def test_approving_twice_is_approving_once_and_a_retired_template_stays_retired(
    db: Database, tenant: Tenant
) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        first = await _template(conn, tenant)
        again = await campaigns.approve_template(conn, tenant_id=tenant.tenant_id, template_id=first.template_id)
        assert again == first
        await conn.execute("UPDATE message_template SET status = 'retired'")
        with pytest.raises(Conflict, match="retired"):
            await campaigns.approve_template(conn, tenant_id=tenant.tenant_id, template_id=first.template_id)
        with pytest.raises(NotFound):
            await campaigns.save_campaign(
                conn, tenant_id=tenant.tenant_id, key="c", name="C", template_ids=[first.template_id]
            )


async def test_a_policy_is_versioned_and_read_before_it_is_kept(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:

        async def save(document: dict[str, Any]) -> campaigns.Policy:
            return await campaigns.save_policy(conn, tenant_id=tenant.tenant_id, document=document)

        first = await save({"caps": []})
        assert await save({"caps": []}) == first
        assert (await save({"caps": [], "control_share": 0.1})).version == 2
        with pytest.raises(InvalidInput, match="caps"):
            await save({"caps": [{"limit": -1, "days": 1}]})


async def test_an_activation_makes_batches_of_at_most_500_in_the_bulk_lane(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        campaign = await _campaign(conn, tenant, people=1_201)
        done = await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
        assert done.run is not None
        assert done.snapshot is not None
        rows = await (
            await conn.execute("SELECT batch_id, lane, cardinality(profile_ids) AS n FROM run_batch ORDER BY batch_id")
        ).fetchall()
        people = await (
            await conn.execute("SELECT count(DISTINCT id) AS n FROM run_batch, unnest(profile_ids) AS id")
        ).fetchone()
        assert sum(one.total for one in await compare(conn)) == 0
    assert done.campaign.status is CampaignStatus.ACTIVE
    assert (done.run.kind, done.run.lane, done.run.people) == (RunKind.SNAPSHOT, Lane.BULK, 1_201)
    assert sorted(row["n"] for row in rows) == [201, 500, 500]
    assert tuple(row["batch_id"] for row in rows) == done.run.batch_ids
    assert people == {"n": 1_201}
    assert done.snapshot.member_count == 1_201


async def test_a_run_of_nobody_is_finished_as_it_starts(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        campaign = await _campaign(conn, tenant)
        await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
        row = await (await conn.execute("SELECT status, finished_at IS NOT NULL AS ended FROM campaign_run")).fetchone()
        assert row == {"status": "finished", "ended": True}
        again = await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
    assert again.run is not None


async def test_a_second_activation_waits_for_the_first_run(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        campaign = await _campaign(conn, tenant, people=1)
        await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
        with pytest.raises(Conflict, match="not finished"):
            await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        ({"segment_id": None}, InvalidInput, "nobody"),
        ({"template_ids": []}, InvalidInput, "approved"),
        ({"ends_at": datetime.now(UTC) - timedelta(days=1)}, Conflict, "ended"),
    ],
)
async def test_a_campaign_that_could_do_nothing_is_not_activated(
    db: Database, tenant: Tenant, fields: dict[str, Any], error: type[Exception], told: str
) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        campaign = await _campaign(conn, tenant, people=1, **fields)
        with pytest.raises(error, match=told):
            await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
        still = await campaigns.get_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
    assert still.status is CampaignStatus.DRAFT


async def test_an_active_campaign_is_not_changed_and_a_paused_one_is(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        campaign = await _campaign(conn, tenant, people=1)
        campaign_id = campaign.campaign_id
        await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)
        with pytest.raises(Conflict, match="active"):
            await _campaign(conn, tenant, name="Another name")
        await campaigns.pause_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)
        changed = await _campaign(conn, tenant, name="Another name", priority=3)
        assert (changed.campaign_id, changed.name, changed.priority) == (campaign_id, "Another name", 3)
        resumed, batches = await campaigns.resume_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)
        assert resumed.status is CampaignStatus.ACTIVE
        assert [lane for lane, _ in batches] == [Lane.BULK]
        cancelled = await campaigns.cancel_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)
        assert cancelled.status is CampaignStatus.ENDED
        rows = await (
            await conn.execute(
                "SELECT r.status AS run, b.status AS batch FROM campaign_run r JOIN run_batch b USING (run_id)"
            )
        ).fetchall()
        assert rows == [{"run": "cancelled", "batch": "cancelled"}]
        with pytest.raises(Conflict):
            await campaigns.resume_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)


async def test_templates_keep_their_order_and_those_left_out_leave(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        ids = [(await _template(conn, tenant, key=key)).template_id for key in "abc"]

        async def saved(*template_ids: int) -> tuple[int, ...]:
            made = await campaigns.save_campaign(
                conn, tenant_id=tenant.tenant_id, key="c", name="C", template_ids=template_ids
            )
            return made.template_ids

        assert await saved(ids[2], ids[0], ids[1]) == (ids[2], ids[0], ids[1])
        assert await saved(ids[0], ids[2]) == (ids[0], ids[2])


async def test_a_run_can_be_started_for_named_people_and_wants_an_active_campaign(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        campaign = await _campaign(conn, tenant)
        people = await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=[{"ext_id": "kh-1"}])
        wanted: dict[str, Any] = {
            "tenant_id": tenant.tenant_id,
            "campaign_id": campaign.campaign_id,
            "kind": RunKind.REQUEST,
            "lane": Lane.REALTIME,
            "profile_ids": list(people.ids.values()),
        }
        with pytest.raises(Conflict, match="draft"):
            await campaigns.start_run(conn, **wanted)
        await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
        run = await campaigns.start_run(conn, **wanted)
        assert (run.people, len(run.batch_ids)) == (1, 1)
        with pytest.raises(NotFound, match="profile 1"):
            await campaigns.start_run(conn, **{**wanted, "profile_ids": [1]})
        with pytest.raises(NotFound, match="campaign 1"):
            await campaigns.start_run(conn, **{**wanted, "campaign_id": 1})


async def test_a_channel_keeps_its_secrets_sealed_and_its_webhook_when_it_is_connected_again(
    db: Database, tenant: Tenant, settings: Settings
) -> None:
    assert settings.credential_key is not None
    vault = Vault(settings.credential_key.get_secret_value())
    mail = {"host": "mail.example", "username": "u", "password": "hush", "webhook_secret": "hook"}
    async with db.transaction(tenant.tenant_id) as conn:

        async def connect(**changed: Any) -> campaigns.Channel:
            given = {"kind": "email", "name": "mail", "settings": mail, **changed}
            return await campaigns.connect_channel(conn, vault, tenant_id=tenant.tenant_id, **given)

        first = await connect()
        again = await connect(settings={**mail, "password": "hush 2"})
        assert again == first
        opened = await credentials.load(conn, vault, tenant_id=tenant.tenant_id, channel_id=first.channel_id)
        assert opened == {"password": "hush 2", "webhook_secret": "hook"}
        row = await (
            await conn.execute(
                "SELECT c::text || k::text AS stored FROM channel c JOIN channel_credential k USING (channel_id)"
            )
        ).fetchone()
        assert row is not None
        assert "hush" not in row["stored"]
        with pytest.raises(Conflict, match="another kind"):
            await connect(kind="telegram", settings={"token": "1:abc"})
        for wrong in ({"host": "mail.example", "prot": 25}, {"username": "u"}):
            with pytest.raises(InvalidInput):
                await connect(settings=wrong)
        with pytest.raises(InvalidInput, match="pigeon"):
            await connect(kind="pigeon")
        assert await campaigns.list_channels(conn, tenant_id=tenant.tenant_id) == [first]


async def test_a_run_says_who_decided(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=4, control_share=0.0)
    await world.rows(
        "INSERT INTO suppression (tenant_id, address, reason) VALUES (leo_tenant(), 'kh-2@people.example', 'bounced')"
    )
    run_id, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id)
    async with db.transaction(tenant.tenant_id) as conn:
        (run,) = await campaigns.list_runs(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)
        with pytest.raises(NotFound):
            await campaigns.list_runs(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id + 1)
    assert (run.run_id, run.decisions, run.arbiters, run.forecast) == (run_id, 4, {"score": 3, "nobody": 1}, None)


async def test_keys_are_one_key_however_they_were_typed(db: Database, tenant: Tenant) -> None:
    typed, stored = (unicodedata.normalize(form, "chào-huế") for form in ("NFD", "NFC"))
    async with db.transaction(tenant.tenant_id) as conn:
        rule: dict[str, Any] = {"all": []}
        first, second = [
            await segments.save_segment(conn, tenant_id=tenant.tenant_id, key=key, name=key, rule=rule)
            for key in (typed, stored)
        ]
        assert (first.key, first.name, first.segment_id) == (stored, stored, second.segment_id)
        # A rule's texts are composed when it is read: only a key that is composed can be found by it.
        await segments.save_segment(
            conn, tenant_id=tenant.tenant_id, key="other", name="Other", rule={"segment": typed}
        )
        assert (await segments.segment_by_key(conn, tenant_id=tenant.tenant_id, key=typed)).key == stored
        assert (await _template(conn, tenant, approved=False, key=typed)).key == stored
        assert (await _template(conn, tenant, approved=False, key=stored)).version == 1
        made = await _campaign(conn, tenant, key=typed, name=typed, purpose=typed)
        assert (made.key, made.name, made.purpose) == (stored, stored, stored)
        assert await campaigns.id_of_campaign(conn, tenant_id=tenant.tenant_id, key=typed) == made.campaign_id
