"""A consent that is begun in a browser: a signed state, once, by the key that began it; coming back changes nothing."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.services import Services
from channels.tokens.zalo import challenge_of
from engine import credentials
from engine.consents import LIFE, MOST_BEGUN, State
from engine.tenants import Scope
from tests.api.conftest import Callers
from tests.api.forging import flipped
from tests.api.story import ok
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant

APP = {"app_id": "1234567890", "app_secret": "zalo-secret-of-the-app"}
FINISH = "/channels/zalo/consents/finish"


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[SandboxProcess]:
    process = await start_sandbox()
    await process.ask("social/apps", {**APP, "kind": "zalo"})
    yield process
    process.close()


class Zalo:
    """An operator who begins consents, and Zalo's page that they go to."""

    def __init__(self, sandbox: SandboxProcess, caller: httpx.AsyncClient) -> None:
        self._sandbox = sandbox
        self._caller = caller

    async def begin(self, **more: Any) -> dict[str, Any]:
        urls = {"base_url": self._sandbox.base_url, "oauth_url": self._sandbox.base_url}
        body = {"kind": "zalo_oa", "name": "zalo", **APP, "settings": urls, **more}
        return dict(await ok(await self._caller.post("/channels/zalo/consents", json=body)))

    async def agree(self, begun: dict[str, Any]) -> dict[str, str]:
        """Open the page as an administrator does; gives what comes back."""
        async with httpx.AsyncClient() as browser:
            sent_on = (await browser.get(begun["url"])).headers["location"]
        assert sent_on.startswith(begun["redirect_uri"] + "?")
        told = {name: values[0] for name, values in parse_qs(urlsplit(sent_on).query).items()}
        return {"state": told["state"], "code": told["code"]}


@pytest.fixture
def zalo(sandbox: SandboxProcess, caller: httpx.AsyncClient) -> Zalo:
    return Zalo(sandbox, caller)


async def channels(caller: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await ok(await caller.get("/channels")))["items"])


async def test_a_consent_is_begun_given_and_finished(zalo: Zalo, caller: httpx.AsyncClient) -> None:
    begun = await zalo.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun["url"]).query).items()}
    assert asked == {
        "app_id": APP["app_id"],
        "redirect_uri": begun["redirect_uri"],
        "code_challenge": begun["code_challenge"],
        "state": begun["state"],
    }
    assert begun["redirect_uri"].endswith("/oauth/zalo")
    assert await channels(caller) == []
    made = await ok(await caller.post(FINISH, json=await zalo.agree(begun)))
    assert (made["kind"], made["name"], made["status"], made["sandbox"]) == ("zalo_oa", "zalo", "connected", False)
    (listed,) = await channels(caller)
    assert listed["channel_id"] == made["channel_id"]


async def test_secrets_are_shown_nowhere_and_stand_in_no_row(
    zalo: Zalo, services: Services, tenant: Tenant, caller: httpx.AsyncClient
) -> None:
    begun = await zalo.begin()
    async with services.db.transaction(tenant.tenant_id) as conn:
        (row,) = await (await conn.execute("SELECT t::text AS whole FROM channel_consent t")).fetchall()
    for shown in (str(begun), row["whole"]):
        assert APP["app_secret"] not in shown
    # The challenge says nothing of the verifier, which only the server has.
    assert begun["code_challenge"] != challenge_of(begun["state"])
    await ok(await caller.post(FINISH, json=await zalo.agree(begun)))
    async with services.db.transaction(tenant.tenant_id) as conn:
        assert await (await conn.execute("SELECT FROM channel_consent")).fetchall() == []


async def test_a_channel_that_consents_again_keeps_what_it_knew_besides(
    zalo: Zalo, services: Services, tenant: Tenant, caller: httpx.AsyncClient
) -> None:
    settings = {**APP, "access_token": "a", "refresh_token": "r", "webhook_secret": "oa-key", "timeout_s": 9}
    first = await ok(await caller.post("/channels", json={"kind": "zalo_oa", "name": "zalo", "settings": settings}))
    again = await ok(await caller.post(FINISH, json=await zalo.agree(await zalo.begin())))
    assert again == {**first, "token_ends_at": again["token_ends_at"]}
    async with services.db.transaction(tenant.tenant_id) as conn:
        place = {"tenant_id": tenant.tenant_id, "channel_id": first["channel_id"]}
        secrets = await credentials.load(conn, services.vault, **place)
        (row,) = await (await conn.execute("SELECT settings FROM channel")).fetchall()
    assert (secrets["webhook_secret"], row["settings"]["timeout_s"]) == ("oa-key", 9)
    assert secrets["refresh_token"] != "r"


async def test_what_came_back_is_used_once(zalo: Zalo, caller: httpx.AsyncClient) -> None:
    came = await zalo.agree(await zalo.begin())
    answers = await asyncio.gather(*(caller.post(FINISH, json=came) for _ in range(5)))
    assert Counter(one.status_code for one in answers) == {201: 1, 404: 4}
    again = await caller.post(FINISH, json=came)
    assert (again.status_code, again.json()["errors"][0]["kind"]) == (404, "consent.not_open")


async def test_a_code_that_is_refused_ends_the_consent_too(zalo: Zalo, caller: httpx.AsyncClient) -> None:
    came = await zalo.agree(await zalo.begin())
    refused = await caller.post(FINISH, json={**came, "code": "stolen"})
    assert (refused.status_code, refused.json()["errors"][0]["kind"]) == (409, "consent.refused")
    assert (await caller.post(FINISH, json=came)).status_code == 404
    assert await channels(caller) == []


async def test_a_code_of_another_consent_is_of_no_use(zalo: Zalo, caller: httpx.AsyncClient) -> None:
    """PKCE: the code answers to the verifier of the consent it was given for."""
    mine, other = [await zalo.agree(await zalo.begin(name=name)) for name in ("mine", "other")]
    assert (await caller.post(FINISH, json={"state": mine["state"], "code": other["code"]})).status_code == 409
    assert await channels(caller) == []


async def test_only_the_key_that_began_it_finishes_it(
    zalo: Zalo, callers: Callers, tenant: Tenant, stranger: httpx.AsyncClient, caller: httpx.AsyncClient
) -> None:
    came = await zalo.agree(await zalo.begin())
    colleague = await callers.of(tenant)
    for other in (stranger, colleague):
        assert (await other.post(FINISH, json=came)).status_code == 404
    assert await channels(stranger) == []
    # Who may not use it does not use it up either.
    assert (await caller.post(FINISH, json=came)).status_code == 201


async def test_a_state_that_was_changed_or_made_up_opens_nothing(
    zalo: Zalo, caller: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    begun = await zalo.begin()
    forged = [*flipped(begun["state"]), begun["state"][:-1], begun["state"] + "A", "", "none"]
    for state in forged:
        back = await anybody.get("/oauth/zalo", params={"state": state, "code": "c"}, follow_redirects=False)
        assert (back.status_code, "location" in back.headers) == (404, False)
    for state in forged[::9]:
        answer = await caller.post(FINISH, json={"state": state or "x", "code": "c"})
        assert answer.status_code == 404
    assert (await caller.post(FINISH, json=await zalo.agree(begun))).status_code == 201


async def test_a_consent_ends(zalo: Zalo, services: Services, tenant: Tenant, caller: httpx.AsyncClient) -> None:
    came = await zalo.agree(await zalo.begin())
    async with services.db.transaction(tenant.tenant_id) as conn:
        (row,) = await (await conn.execute("SELECT consent_id, expires_at FROM channel_consent")).fetchall()
        assert timedelta() < row["expires_at"] - datetime.now(UTC) <= LIFE
        await conn.execute("UPDATE channel_consent SET expires_at = now()")
    assert (await caller.post(FINISH, json=came)).status_code == 404
    # Nor does a state that ended lead to the console, whoever signed it.
    past = State(tenant.tenant_id, row["consent_id"], datetime.fromtimestamp(time.time() - 1, UTC))
    old = services.states.sign(past)
    assert (await caller.get("/oauth/zalo", params={"state": old, "code": "c"})).status_code == 404


async def test_coming_back_leads_to_the_console_alone_and_changes_nothing(
    zalo: Zalo, services: Services, tenant: Tenant, anybody: httpx.AsyncClient, caller: httpx.AsyncClient
) -> None:
    begun = await zalo.begin()
    hostile = "//evil.example/\r\nSet-Cookie: a=b#?&state=x"
    for code in ("good", hostile):
        asked = {"state": begun["state"], "code": code, "redirect_uri": "https://evil.example", "next": "//evil"}
        back = await anybody.get("/oauth/zalo", params=asked, follow_redirects=False)
        assert back.status_code == 303
        place = urlsplit(back.headers["location"])
        assert (place.scheme, place.netloc, place.path, place.query) == ("", "", "/", "")
        where, _, query = place.fragment.partition("?")
        assert (where, parse_qs(query)) == ("/channels/zalo", {"state": [begun["state"]], "code": [code]})
        assert "set-cookie" not in back.headers
        assert (back.headers["cache-control"], back.headers["referrer-policy"]) == ("no-store", "no-referrer")
    async with services.db.transaction(tenant.tenant_id) as conn:
        assert len(await (await conn.execute("SELECT FROM channel_consent")).fetchall()) == 1
    assert await channels(caller) == []
    # Refused at Zalo: there is no code, and nothing to go on with.
    assert (await anybody.get("/oauth/zalo", params={"state": begun["state"]})).status_code == 404


async def test_what_is_sent_back_is_bounded(anybody: httpx.AsyncClient) -> None:
    for asked in ({"state": "s" * 201}, {"code": "c" * 2001}):
        assert (await anybody.get("/oauth/zalo", params=asked)).status_code == 422


async def test_it_takes_the_scope_admin_and_no_other(callers: Callers, tenant: Tenant) -> None:
    lesser = await callers.of(tenant, (Scope.READ, Scope.WRITE, Scope.ACTIVATE, Scope.APPROVE))
    body = {"name": "zalo", **APP}
    assert (await lesser.post("/channels/zalo/consents", json=body)).status_code == 403
    assert (await lesser.post(FINISH, json={"state": "s", "code": "c"})).status_code == 403


async def test_open_consents_are_few(zalo: Zalo, services: Services, tenant: Tenant, caller: httpx.AsyncClient) -> None:
    first = await zalo.agree(await zalo.begin())
    for _ in range(MOST_BEGUN):
        await zalo.begin()
    async with services.db.transaction(tenant.tenant_id) as conn:
        assert len(await (await conn.execute("SELECT FROM channel_consent")).fetchall()) == MOST_BEGUN
    assert (await caller.post(FINISH, json=first)).status_code == 404


async def test_a_name_of_another_kind_is_told_before_anybody_goes_to_zalo(caller: httpx.AsyncClient) -> None:
    await ok(await caller.post("/channels", json={"kind": "email", "name": "zalo"}))
    refused = await caller.post("/channels/zalo/consents", json={"kind": "zalo_oa", "name": "zalo", **APP})
    (one,) = refused.json()["errors"]
    assert (refused.status_code, one["kind"], one["field"]) == (409, "channel.other_kind", "body.name")


@pytest.mark.parametrize("inside", ["http://169.254.169.254", "http://10.0.0.5:5432"])
async def test_an_address_inside_is_not_asked_for_tokens(caller: httpx.AsyncClient, inside: str) -> None:
    body = {"name": "zalo", **APP, "settings": {"oauth_url": inside}}
    assert (await caller.post("/channels/zalo/consents", json=body)).status_code == 422
