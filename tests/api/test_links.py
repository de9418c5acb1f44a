"""What the links of a mail lead to: the shop, a picture, and a page where people choose what they receive."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx

from api.services import Services
from engine.tracking import Mark
from engine.unsubscribe import PATH, PREFERENCES_PATH, Request
from rules.words import Channel
from tests.api.story import campaign, ok, queued
from tests.conftest import Tenant

PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
TARGET = "https://shop.example/gi%E1%BA%A3m-gi%C3%A1?ref=mail&x=1"


async def outcomes(services: Services, tenant: Tenant) -> list[str]:
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT type FROM outcome ORDER BY type")).fetchall()
    return [row["type"] for row in rows]


async def test_a_click_arrives_and_counts_and_an_open_gives_a_picture(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    _, event, _, _ = await queued(caller, services, tenant)
    marks = services.adapters.marks
    click = f"/clicks/{marks.sign(Mark(tenant.tenant_id, event, TARGET))}"
    opened = f"/opens/{marks.sign(Mark(tenant.tenant_id, event))}"
    assert (await anybody.head(click, headers=PERSON)).status_code == 302
    assert await outcomes(services, tenant) == []
    for _ in range(2):
        led = await anybody.get(click, headers=PERSON)
        assert (led.status_code, led.headers["Location"]) == (302, TARGET)
        assert (led.headers["Cache-Control"], led.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        picture = await anybody.get(opened, headers=PERSON)
        assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/gif")
        assert picture.content.startswith(b"GIF89a")
    assert await outcomes(services, tenant) == ["clicked", "read"]


async def test_nobody_makes_us_lead_somewhere(anybody: httpx.AsyncClient, services: Services, tenant: Tenant) -> None:
    marks = services.adapters.marks
    good = marks.sign(Mark(tenant.tenant_id, "ab" * 32, TARGET))
    opened = marks.sign(Mark(tenant.tenant_id, "ab" * 32))
    other = services.links.sign(Request(tenant.tenant_id, 1, Channel.EMAIL))
    for wrong in (good[:-1], "x" + good[1:], opened, other, "x", "%00", "https://evil.example"):
        assert (await anybody.get(f"/clicks/{wrong}", headers=PERSON)).status_code == 404
    for wrong in (good, other, "x"):
        assert (await anybody.get(f"/opens/{wrong}", headers=PERSON)).status_code == 404
    for target in ("javascript:alert(1)", "https://a.example/\r\nX: y"):
        token = marks.sign(Mark(tenant.tenant_id, "ab" * 32, target))
        assert (await anybody.get(f"/clicks/{token}", headers=PERSON)).status_code == 404


async def test_a_click_arrives_also_where_nothing_is_known_of_its_message(
    anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    token = services.adapters.marks.sign(Mark(tenant.tenant_id, "ab" * 32, TARGET))
    assert (await anybody.get(f"/clicks/{token}", headers=PERSON)).headers["Location"] == TARGET


async def consents(caller: httpx.AsyncClient) -> list[tuple[str | None, str, bool]]:
    found = (await ok(await caller.get("/profiles/kh-1")))["consents"]
    return [(one["channel"], one["purpose"], one["granted"]) for one in found]


def boxes(page: str) -> dict[str, bool]:
    found = re.findall(r'<input type="checkbox" name="wanted" value="([^"]+)"( checked)?>', page)
    return {name: bool(checked) for name, checked in found}


async def test_a_person_chooses_per_channel_and_purpose_without_script(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    _, _, delivery_id, profile_id = await queued(caller, services, tenant)
    path = PREFERENCES_PATH + services.links.sign(Request(tenant.tenant_id, profile_id, Channel.EMAIL, delivery_id))
    page = await anybody.get(path)
    assert page.status_code == 200
    assert boxes(page.text) == {"email:marketing": True}
    assert '<html lang="vi">' in page.text
    assert "Bạn muốn nhận tin gì?" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.text.count("<label>") == page.text.count('type="checkbox"') == 1
    english = await anybody.get(path, params={"lang": "en"})
    assert '<html lang="en">' in english.text
    assert "Offers and news" in english.text
    assert await consents(caller) == [(None, "marketing", True)]

    form: dict[str, Any] = {"shown": "email:marketing"}
    for _ in range(2):
        saved = await anybody.post(path, data=form)
        assert 'role="status"' in saved.text
        assert boxes(saved.text) == {"email:marketing": False}
    assert await consents(caller) == [(None, "marketing", True), ("email", "marketing", False)]
    await anybody.post(path, data=form | {"wanted": "email:marketing"})
    assert await consents(caller) == [(None, "marketing", True), ("email", "marketing", True)]
    await anybody.post(path, data={"stop": "all"})
    assert (await consents(caller))[1] == ("email", "marketing", False)


async def test_who_withdraws_by_the_link_a_second_time_is_looked_at_again(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    """The message has one outcome of it; segments that ask for consent hear of both."""
    _, _, delivery_id, profile_id = await queued(caller, services, tenant)
    path = PATH + services.links.sign(Request(tenant.tenant_id, profile_id, Channel.EMAIL, delivery_id))
    for _ in range(2):
        async with services.db.transaction(tenant.tenant_id) as conn:
            await conn.execute("DELETE FROM recheck")
        assert (await anybody.post(path)).status_code == 200
        async with services.db.transaction(tenant.tenant_id) as conn:
            rows = await (await conn.execute("SELECT profile_id, event_types FROM recheck")).fetchall()
        assert rows == [{"profile_id": profile_id, "event_types": []}]
    assert await outcomes(services, tenant) == ["unsubscribed"]


async def test_who_wants_nothing_more_gets_nothing_more_through_whatever_profile_or_channel(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    _, _, delivery_id, profile_id = await queued(caller, services, tenant)
    link = Request(tenant.tenant_id, profile_id, Channel.EMAIL, delivery_id)
    path = PREFERENCES_PATH + services.links.sign(link)
    await anybody.post(path, data={"shown": "email:marketing"})
    # The profile of the old mail is merged into another since, which agreed later.
    agreed = [{"channel": None, "purpose": "marketing", "granted": True, "at": datetime.now(UTC).isoformat()}]
    zalo = [{"channel": "zalo_oa", "value": "7000000000000001"}]
    await ok(await caller.post("/profiles", json={"ext_id": "kh-new", "consents": agreed, "addresses": zalo}))
    await ok(await caller.post("/profiles/kh-new/merge", json={"losers": ["kh-1"], "reason": "one person"}))
    assert boxes((await anybody.get(path)).text) == {"email:marketing": True, "zalo_oa:marketing": True}
    stopped = await anybody.post(path, data={"stop": "all"})
    assert boxes(stopped.text) == {"email:marketing": False, "zalo_oa:marketing": False}
    # On a channel that comes later as well: the consent was for every one.
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            """
            INSERT INTO profile_address (tenant_id, profile_id, channel, value)
            SELECT tenant_id, profile_id, 'telegram', '77' FROM cdp_profiles WHERE ext_id = 'kh-new'
            """
        )
    assert boxes((await anybody.get(path)).text)["telegram:marketing"] is False


async def test_a_form_changes_nothing_that_it_did_not_show(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    _, _, _, profile_id = await queued(caller, services, tenant)
    path = PREFERENCES_PATH + services.links.sign(Request(tenant.tenant_id, profile_id, Channel.EMAIL))
    for body in (
        b"",
        b"\xff\xfe",
        b"wanted=sms%3Amarketing&shown=sms%3Amarketing",
        b"shown=" * 5_000,
        b"shown=a&" * 900,
    ):
        assert (await anybody.post(path, content=body)).status_code == 200
    assert await consents(caller) == [(None, "marketing", True)]


async def test_a_preference_link_that_was_changed_is_no_link(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, services: Services, tenant: Tenant, other_tenant: Tenant
) -> None:
    await campaign(caller)
    token = services.links.sign(Request(tenant.tenant_id, 1, Channel.EMAIL))
    theirs = services.links.sign(Request(other_tenant.tenant_id, 1, Channel.EMAIL))
    for wrong in (token[:-1], "x", token, theirs):
        for method in ("GET", "POST"):
            assert (await anybody.request(method, PREFERENCES_PATH + wrong)).status_code == 404
