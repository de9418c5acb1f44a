"""Channels as an operator sees them: sandbox or live, the token's end, paused and why; and Zalo by consent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from api.services import Services
from engine.db import Transaction
from engine.tenants import Scope
from engine.tokens import store
from rules.faults import Fault
from tests.api.console.conftest import PHONE, Desk, Desks, served
from tests.api.console.pictures import keep
from tests.api.console.shop import Shop
from tests.api.story import ok
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant

APP = {"app_id": "1234567890", "app_secret": "zalo-secret-of-the-app"}
WORDS: dict[str, dict[str, str]] = {
    "vi-VN": {
        "all": "Quản lý kênh", "live": "chạy thật", "sandbox": "chạy thử", "pause": "Tạm dừng", "resume": "Tiếp tục",
        "paused": "tạm dừng", "until": "mã truy cập tới", "begin": "Bắt đầu", "go": "Sang Zalo", "needed": "bắt buộc",
        "connected": "đã được kết nối", "not_here": "không bắt đầu trong thẻ này", "not_open": "không còn mở",
        "refused": "không cấp mã truy cập", "code": "Zalo không nhận mã uỷ quyền",
    },
    "en-GB": {
        "all": "Manage channels", "live": "live", "sandbox": "sandbox", "pause": "Pause", "resume": "Resume",
        "paused": "paused", "until": "token until", "begin": "Begin", "go": "Go to Zalo", "needed": "needed",
        "connected": "is connected", "not_here": "not begun in this tab", "not_open": "is not open",
        "refused": "Zalo refuses the authorization code", "code": "authorization code: -",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
async def url(built: Any, services: Services) -> AsyncIterator[str]:
    """Where the API listens; it knows so itself, for that is where Zalo sends people back to."""
    del built
    async with served(services, knows_itself=True) as address:
        yield address


@pytest.fixture
async def zalo(sandbox: SandboxProcess) -> SandboxProcess:
    await sandbox.ask("social/apps", {**APP, "kind": "zalo"})
    return sandbox


async def _lead_to(page: Page, zalo: SandboxProcess) -> None:
    """Have the consent asked of the sandbox instead of Zalo: what the browser sends names the sandbox's address."""
    urls = {"base_url": zalo.base_url, "oauth_url": zalo.base_url}

    async def with_urls(route: Any) -> None:
        body = route.request.post_data_json
        await route.continue_(post_data={**body, "settings": urls})

    await page.route("**/channels/zalo/consents", with_urls)


async def _begin(desk: Desk, words: dict[str, str], name: str = "zalo") -> None:
    page = desk.page
    await page.fill("#channel-name", name)
    await page.fill("#app_id", APP["app_id"])
    await page.fill("#app_secret", APP["app_secret"])
    await page.get_by_role("button", name=words["begin"], exact=True).click()
    await expect(page.locator("#zalo-next")).to_be_visible()


@pytest.mark.parametrize("language", WORDS)
async def test_each_channel_says_how_it_stands_and_is_paused_and_resumed(
    desks: Desks, shop: Shop, services: Services, tenant: Tenant, language: str
) -> None:
    words = WORDS[language]
    zalo = await ok(await shop.caller.post("/channels", json={"kind": "zalo_oa", "name": "zalo"}))
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute(
            "INSERT INTO channel_token (tenant_id, channel_id, ends_at) VALUES (leo_tenant(), %s, %s)",
            (zalo["channel_id"], datetime.now(UTC) + timedelta(days=40)),
        )
    desk = await desks.of(language=language, place="operations")
    page = desk.page
    await page.get_by_role("link", name=words["all"]).click()
    mail, tried = (page.locator(f"[data-channel={name}]") for name in ("mail", "zalo"))
    await expect(mail).to_contain_text(words["live"])
    await expect(tried).to_contain_text(words["sandbox"])
    await expect(tried).to_contain_text(words["until"])
    await mail.get_by_role("button", name=words["pause"]).click()
    await page.fill("#note", "Hợp đồng hết hạn <b>")
    await page.locator("dialog").get_by_role("button", name=words["pause"]).click()
    await expect(mail).to_contain_text("Hợp đồng hết hạn <b>")
    await expect(mail.locator(".badge", has_text=words["paused"])).to_be_visible()
    assert await desk.faults() == []
    await keep(page, f"channels-{language[:2]}", whole=True)
    await mail.get_by_role("button", name=words["resume"]).click()
    await page.locator("dialog").get_by_role("button", name=words["resume"]).click()
    await expect(mail.get_by_role("button", name=words["pause"])).to_be_visible()
    (found,) = [one for one in (await ok(await shop.caller.get("/channels")))["items"] if one["name"] == "mail"]
    assert (found["status"], found["reason"]) == ("connected", None)


@pytest.mark.parametrize(
    ("language", "why", "warned"),
    [
        ("vi-VN", "Zalo không nhận mã gia hạn. Hãy uỷ quyền lại", "Mã truy cập của Trang hết hạn lúc 2026-12-24 09:00"),
        ("en-GB", "Zalo refuses the refresh token", "The Page's token ends on 2026-12-24 09:00"),
    ],
)
async def test_what_is_stored_of_a_channel_is_said_in_the_page_s_language(
    desks: Desks, shop: Shop, services: Services, tenant: Tenant, language: str, why: str, warned: str
) -> None:
    ended = Fault("token.zalo_refuses", "token", {"what": Fault("token.refresh"), "said": "-14014 expired"})
    ends = Fault("token.facebook_ends", "token", {"at": "2026-12-24 09:00"})
    for kind, name, fault in (("zalo_oa", "zalo", ended), ("facebook", "page", ends)):
        made = await ok(await shop.caller.post("/channels", json={"kind": kind, "name": name}))
        async with services.db.transaction(tenant.tenant_id) as conn:
            await put_off_token(conn, made["channel_id"], fault)
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE channel SET status = 'paused' WHERE name = 'zalo'")
        await conn.execute(
            "UPDATE channel_gate SET reason = 'grant_ended: Zalo refuses.' FROM channel c "
            "WHERE c.channel_id = channel_gate.channel_id AND c.name = 'zalo'"
        )
    desk = await desks.of(language=language, place="channels")
    page = desk.page
    await expect(page.locator("[data-channel=zalo]")).to_contain_text(why)
    await expect(page.locator("[data-channel=page]")).to_contain_text(warned)
    assert await desk.faults() == []
    await keep(page, f"channels-why-{language[:2]}", whole=True)


async def put_off_token(conn: Transaction, channel_id: int, fault: Fault) -> None:
    """Keep what a keeper found of a channel's token, as a worker does."""
    now = datetime.now(UTC)
    await conn.execute(
        "INSERT INTO channel_token (tenant_id, channel_id, ends_at) VALUES (leo_tenant(), %s, %s)",
        (channel_id, now + timedelta(days=3)),
    )
    await conn.execute(
        "INSERT INTO channel_gate (tenant_id, channel_id) VALUES (leo_tenant(), %s) ON CONFLICT DO NOTHING",
        (channel_id,),
    )
    await store.put_off(conn, channel_id=channel_id, due_at=now, warning=fault.say().en, fault=fault)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("language", WORDS)
async def test_zalo_is_connected_by_consent(desks: Desks, zalo: SandboxProcess, language: str) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, place="channels")
    page = desk.page
    await _lead_to(page, zalo)
    await page.get_by_role("button", name=words["begin"], exact=True).click()
    await expect(page.locator("#app_id-fault")).to_contain_text(words["needed"])
    await _begin(desk, words)
    await expect(page.locator("#zalo-next")).to_contain_text(f"{desk.url}/oauth/zalo")
    assert await page.input_value("#app_secret") == ""
    assert await desk.faults() == []
    await keep(page, f"zalo-{language[:2]}", whole=True)
    await page.get_by_role("link", name=words["go"]).click()
    await expect(page.locator("#zalo-back")).to_contain_text(words["connected"])
    await expect(page.locator("[data-channel=zalo]")).to_contain_text(words["live"])
    # Neither the address nor the tab holds what came back.
    assert page.url == f"{desk.url}/#/channels"
    assert await page.evaluate("Object.keys(sessionStorage)") == ["leo.key"]
    assert await desk.faults() == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("language", WORDS)
async def test_what_this_tab_did_not_begin_is_not_finished(desks: Desks, zalo: SandboxProcess, language: str) -> None:
    """Somebody is sent a link to consent that another began: their account goes to nobody."""
    words = WORDS[language]
    attacker = await desks.of(language=language, place="channels")
    await _lead_to(attacker.page, zalo)
    await _begin(attacker, words)
    link = await attacker.page.get_by_role("link", name=words["go"]).get_attribute("href")
    victim = await desks.of(language=language, place="channels")
    asked: list[str] = []
    victim.page.on("request", lambda request: asked.append(request.url))
    await victim.page.goto(link or "")
    await expect(victim.page.locator("#zalo-back")).to_contain_text(words["not_here"])
    assert not [one for one in asked if one.endswith("/consents/finish")]
    assert victim.page.url == f"{victim.url}/#/channels"
    assert await victim.page.locator("[data-channel=zalo]").count() == 0
    assert await victim.faults() == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("language", WORDS)
async def test_a_consent_that_cannot_be_finished_says_so_in_the_page_s_language(
    desks: Desks, zalo: SandboxProcess, language: str
) -> None:
    words = WORDS[language]
    desk = await desks.of(language=language, place="channels")
    page = desk.page
    await _lead_to(page, zalo)
    await _begin(desk, words)
    state = await page.evaluate("sessionStorage.getItem('leo.consent')")
    await page.goto(f"{desk.url}/oauth/zalo?code=made-up&state={state}")
    await expect(page.locator("#zalo-back")).to_contain_text(words["refused"])
    await expect(page.locator("#zalo-back")).to_contain_text(words["code"])
    await page.evaluate("(state) => sessionStorage.setItem('leo.consent', state)", state)
    await page.goto(f"{desk.url}/oauth/zalo?code=made-up&state={state}")
    await expect(page.locator("#zalo-back")).to_contain_text(words["not_open"])


@pytest.mark.usefixtures("shop")
async def test_who_may_only_look_is_offered_nothing_and_it_fits_a_phone(desks: Desks) -> None:
    desk = await desks.of(language="vi-VN", scopes=(Scope.READ,), place="channels", viewport=PHONE, color_scheme="dark")
    page = desk.page
    await expect(page.locator("[data-channel=mail]")).to_be_visible()
    assert await page.locator("main button, main form").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []
    await keep(page, "channels-phone")
