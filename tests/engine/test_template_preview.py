"""A template is tried on a real person before it is approved: everything that stands against it is said at once."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from engine import campaigns
from engine.campaigns import Preview
from engine.db import Database
from engine.dispatch.adapters import Adapters
from engine.settings import Settings
from rules.errors import Conflict, InvalidInput, NotFound, Unavailable
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.conftest import Types
from tests.engine.world import World

NOW = datetime(2026, 5, 1, 20, tzinfo=UTC)
OFFER: dict[str, Any] = {
    "key": "uu-dai",
    "channel": "email",
    "subject": "{{ profile.name | given_name }} ơi",
    "body_text": "Ở {{ profile.city }}, hạng {{ profile.tier }}: {{ event.attributes.price | dong }} "
    "tới {{ 'now' | date }}",
    "translations": {"en": {"subject": "Hi {{ profile.name }}", "body_text": "In {{ profile.city }}"}},
}


class Desk:
    """A marketer's: saves a template and tries it on `kh-1`, Person 1 of Hà Nội."""

    def __init__(self, world: World, settings: Settings, links: Adapters) -> None:
        self.world = world
        self.settings = settings
        self._links = links.links

    async def save(self, **parts: Any) -> int:
        async with self.world.db.transaction(self.world.tenant.tenant_id) as conn:
            saved = await campaigns.save_template(conn, tenant_id=self.world.tenant.tenant_id, **{**OFFER, **parts})
        return saved.template_id

    async def sees(self, template_id: int, ext_id: str = "kh-1", **more: Any) -> Preview:
        async with self.world.db.transaction(self.world.tenant.tenant_id) as conn:
            return await campaigns.preview_template(
                conn,
                self._links,
                tenant_id=self.world.tenant.tenant_id,
                template_id=template_id,
                ext_id=ext_id,
                now=NOW,
                **more,
            )


@pytest.fixture
async def desk(db: Database, tenant: Tenant, settings: Settings) -> AsyncIterator[Desk]:
    world = World(db, tenant)
    await world.people(1)
    adapters = Adapters.of(settings)
    yield Desk(world, settings, adapters)
    await adapters.aclose()


async def test_everything_that_is_missing_is_named_at_once_and_shown_in_its_place(desk: Desk) -> None:
    template_id = await desk.save(body_text="{{ profile.tier }}, {{ campaign.name }}: {{ event.attributes.price }}")
    seen = await desk.sees(template_id)
    assert not seen.could_leave
    assert seen.missing == ("profile.tier", "campaign.name", "event.attributes.price")
    assert seen.written is not None
    assert str(seen.written.text).startswith("⟦profile.tier⟧, ⟦campaign.name⟧: ⟦event.attributes.price⟧")


async def test_a_preview_is_written_as_the_message_would_be(desk: Desk) -> None:
    template_id = await desk.save()
    event = {"type": "cart", "attributes": {"price": 199000}}
    await desk.world.rows('UPDATE cdp_profiles SET attributes = attributes || \'{"tier": "vàng"}\'')
    seen = await desk.sees(template_id, event=event)
    assert seen.written is not None
    assert (seen.could_leave, seen.missing, seen.problems) == (True, (), ())
    assert seen.written.subject == "[QC] 1 ơi"
    first = str(seen.written.text).splitlines()[0]
    assert first == "Ở Hà Nội, hạng vàng: 199.000\N{NO-BREAK SPACE}₫ tới 02/05/2026"
    assert (seen.written.label, seen.written.refusal, seen.address) == ("[QC]", True, "kh-1@people.example")
    assert [(one.part, one.most) for one in seen.measures] == [("subject", 998)]

    english = await desk.sees(template_id, locale="en-US")
    assert english.written is not None
    assert (english.written.locale, english.written.subject) == ("en", "[QC] Hi Person 1")


async def test_the_newest_event_that_the_campaign_waits_for_is_read(desk: Desk) -> None:
    template_id = await desk.save(body_text="{{ event.attributes.n }}{{ campaign.name }}")
    campaign_id = await desk.world.campaign(templates=[template_id])
    await desk.world.rows("UPDATE campaign SET trigger_type = 'cart' WHERE campaign_id = %(id)s", id=campaign_id)
    for number, kind in enumerate(["cart", "cart", "visit"]):
        await desk.world.rows(
            """
            INSERT INTO marketing_event (tenant_id, type, profile_id, attributes, occurred_at)
            SELECT leo_tenant(), %(kind)s, profile_id, %(a)s, now() + %(n)s * interval '1 second' FROM cdp_profiles
            """,
            kind=kind,
            a=Jsonb({"n": number}),
            n=number,
        )
    seen = await desk.sees(template_id, campaign="tet")
    assert seen.written is not None
    assert str(seen.written.text).startswith("1tet")


async def test_what_is_owed_under_the_campaigns_policy_gets_no_label(desk: Desk) -> None:
    template_id = await desk.save(body_text="Đơn hàng")
    owed = {"purposes": {"order": "contract"}}
    campaign_id = await desk.world.campaign(templates=[template_id], policy=owed)
    await desk.world.rows("UPDATE campaign SET purpose = 'order' WHERE campaign_id = %(id)s", id=campaign_id)
    seen = await desk.sees(template_id, campaign="tet")
    assert seen.written is not None
    assert (seen.is_advertising, seen.written.subject, seen.written.label) == (False, "1 ơi", None)
    assert (await desk.sees(template_id)).is_advertising


async def test_what_the_channel_would_refuse_is_a_problem(desk: Desk) -> None:
    parts: dict[str, Any] = {"channel": "telegram", "subject": None, "translations": {}}
    template_id = await desk.save(**parts, body_text="{{ profile.bio }}")
    await desk.world.rows("UPDATE cdp_profiles SET attributes = jsonb_build_object('bio', repeat('x', 100000))")
    seen = await desk.sees(template_id)
    assert not seen.could_leave
    (problem,) = seen.problems
    assert problem.say().en == "Its message has 100,000 characters of 4,096."
    assert problem.say().vi == "Trong tin này, nội dung tin có 100.000 ký tự, tối đa là 4.096."
    wrong = await desk.save(**parts, body_text="{{ profile.bio | dong }}")
    refused = await desk.sees(wrong)
    assert refused.written is None
    said = refused.problems[0].say()
    assert "cannot be filled: an amount is needed, such as 199000." in said.en
    assert said.vi.endswith(": cần một số, ví dụ 199000.")


async def test_nobody_is_previewed_who_is_not_there(desk: Desk) -> None:
    template_id = await desk.save()
    with pytest.raises(NotFound, match="no profile 'kh-2'"):
        await desk.sees(template_id, "kh-2")
    with pytest.raises(NotFound, match="no campaign 'xuan'"):
        await desk.sees(template_id, campaign="xuan")
    with pytest.raises(NotFound, match="no such template"):
        await desk.sees(1)


@pytest.mark.parametrize(
    ("channel", "address", "body"),
    [
        ("email", "me@shop.example", "Chào {{ profile.name }}"),
        ("telegram", "84901234567", "Chào {{ profile.name }}"),
        ("zalo_oa", "2512523625412515", "Chào {{ profile.name }}"),
        ("facebook", "6001234567890123", "Chào {{ profile.name }}"),
        ("zalo_template", "+84912345678", "Chào {{ profile.name }}"),
        ("app_push", "fcm-token-of-a-phone", "Chào {{ profile.name }}"),
    ],
)
async def test_a_trial_arrives_in_the_sandbox_and_nothing_is_logged(
    desk: Desk, sandbox: SandboxProcess, channel: str, address: str, body: str
) -> None:
    subject = "Chào" if channel in {"email", "app_push"} else None
    data = {"template_id": "203972", "template_data": {"name": body}} if channel == "zalo_template" else {}
    template_id = await desk.save(channel=channel, subject=subject, body_text=body, data=data, translations={})
    ports = {"sandbox_smtp_port": sandbox.smtp_port, "sandbox_http_port": int(sandbox.base_url.rpartition(":")[2])}
    await sandbox.reset()
    told = await campaigns.send_trial(desk.settings.model_copy(update=ports), await desk.sees(template_id), address)
    assert told.status == "accepted", told
    (received,) = await sandbox.messages()
    assert "Chào Person 1" in json.dumps(received, ensure_ascii=False)
    assert await desk.world.deliveries() == []


async def test_a_trial_says_why_it_does_not_leave(desk: Desk) -> None:
    missing = await desk.sees(await desk.save())
    with pytest.raises(Conflict, match=r"needs profile\.tier, which is missing"):
        await campaigns.send_trial(desk.settings, missing, "me@shop.example")
    good = await desk.sees(await desk.save(body_text="Chào"))
    nowhere = desk.settings.model_copy(update={"sandbox_http_port": 0})
    with pytest.raises(Unavailable, match="where the sandbox is"):
        await campaigns.send_trial(nowhere, good, "me@shop.example")
    there = desk.settings.model_copy(update={"sandbox_http_port": 9, "sandbox_smtp_port": 9})
    with pytest.raises(InvalidInput, match="no e-mail address"):
        await campaigns.send_trial(there, good, "nobody")


async def test_the_command_line_shows_previews_and_approves(desk: Desk, types: Types) -> None:
    template_id = str(await desk.save())
    said = await types("templates", "preview", template_id, "--profile", "kh-1", ends_with=1)
    assert "missing: profile.tier" in said
    assert "missing: event.attributes.price" in said
    english = json.loads(
        await types("templates", "preview", template_id, "--profile", "kh-1", "--locale", "en", "--json")
    )
    assert (english["could_leave"], english["written"]["locale"]) == (True, "en")
    shown = await types("templates", "preview", template_id, "--profile", "kh-1", "--locale", "en")
    assert "added for the law: [QC], how to refuse" in shown
    assert "subject: [QC] Hi Person 1" in shown
    linked = str(await desk.save(key="linked", body_text="Ngừng: {{ unsubscribe_url }}"))
    said = await types("templates", "preview", linked, "--profile", "kh-1")
    assert re.search(r"http://127\.0\.0\.1:[1-9]\d*/unsubscribe/", said), said
    assert json.loads(await types("templates", "show", template_id))["status"] == "draft"
    assert "is approved by cli " in await types("templates", "approve", template_id)
    listed, _ = json.loads(await types("templates", "list", "--json"))
    assert (listed["status"], listed["approved_at"] is None) == ("approved", False)
    assert "vi, en" in await types("templates", "list")
