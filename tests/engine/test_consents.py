"""The first consent of a Zalo account: its code becomes a pair, once, for whoever holds the verifier."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from channels.egress import ANYWHERE
from channels.tokens import GrantEnded, zalo
from channels.tokens.zalo import challenge_of, consent_url
from engine import credentials
from engine.cli import run
from engine.consents import connect_zalo
from engine.credentials import Vault
from rules.errors import InvalidInput
from tests.engine.acts import Act
from tests.engine.conftest import Types

APP = {"app_id": "1234567890", "app_secret": "zalo-secret-of-the-app"}
VERIFIER = "v" * 43
BACK = "https://shop.example/zalo?from=zalo"


async def consent(act: Act, *, verifier: str = VERIFIER) -> str:
    """Open the page as the administrator does, and give the code it sends on with."""
    url = consent_url(
        app_id=APP["app_id"], redirect_uri=BACK, code_verifier=verifier, state="7", oauth_url=act.sandbox.base_url
    )
    async with httpx.AsyncClient() as browser:
        sent_on = (await browser.get(url)).headers["location"]
    told = {name: values[0] for name, values in parse_qs(urlsplit(sent_on).query).items()}
    assert sent_on.startswith("https://shop.example/zalo?")
    assert {name: told[name] for name in ("from", "oa_id", "state")} == {"from": "zalo", "oa_id": "1", "state": "7"}
    return told["code"]


async def connect(act: Act, vault: Vault, code: str, *, verifier: str = VERIFIER, **more: Any) -> int:
    urls = {"base_url": act.sandbox.base_url, "oauth_url": act.sandbox.base_url}
    given: dict[str, Any] = {"kind": "zalo_oa", "settings": {**APP, **urls}, **more}
    channel = await connect_zalo(
        act.world.db,
        vault,
        tenant_id=act.world.tenant.tenant_id,
        name="zalo",
        code=code,
        code_verifier=verifier,
        egress=ANYWHERE,
        **given,
    )
    return channel.channel_id


@pytest.fixture
async def registered(act: Act) -> Act:
    await act.sandbox.ask("social/apps", {**APP, "kind": "zalo"})
    return act


async def test_a_consent_becomes_a_channel_with_its_own_pair(registered: Act, vault: Vault) -> None:
    act = registered
    channel_id = await connect(act, vault, await consent(act))
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        stored = await credentials.load(conn, vault, tenant_id=act.world.tenant.tenant_id, channel_id=channel_id)
    issued = {one["value"]: one["state"] for one in (await act.sandbox.ask("social/tokens"))["tokens"]}
    assert {issued[stored[name]] for name in ("access_token", "refresh_token")} == {"live"}
    assert await act.world.one("SELECT status FROM channel") == "connected"


async def test_a_code_is_for_one_use_and_for_whoever_holds_the_verifier(registered: Act, vault: Vault) -> None:
    act = registered
    code = await consent(act)
    with pytest.raises(GrantEnded, match="authorization code"):
        await connect(act, vault, code, verifier="w" * 43)
    await connect(act, vault, code)
    with pytest.raises(GrantEnded, match="authorization code"):
        await connect(act, vault, code)
    with pytest.raises(GrantEnded):
        await connect(act, vault, "made up")


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "email"}, {"settings": {"app_id": "1"}}, {"verifier": "short"}],
    ids=["kind", "secret", "verifier"],
)
async def test_what_does_not_fit_uses_no_code_up(registered: Act, vault: Vault, wrong: dict[str, Any]) -> None:
    act = registered
    code = await consent(act)
    with pytest.raises(InvalidInput):
        await connect(act, vault, code, **wrong)
    await connect(act, vault, code)


async def test_the_command_prints_a_verifier_its_challenge_and_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["channels", "zalo-consent", "--app-id", "12", "--redirect-uri", "https://shop.example/zalo"]
    assert await asyncio.to_thread(run, argv) == 0
    verifier_line, challenge_line, url = capsys.readouterr().out.splitlines()
    verifier, challenge = verifier_line.split()[-1], challenge_line.split()[2]
    assert (len(verifier), challenge_of(verifier)) == (43, challenge)
    asked = parse_qs(urlsplit(url).query)
    assert asked == {"app_id": ["12"], "redirect_uri": ["https://shop.example/zalo"], "code_challenge": [challenge]}


async def test_the_command_connects_a_channel_with_the_code_of_a_consent(
    registered: Act, types: Types, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zalo, "OAUTH_URL", registered.sandbox.base_url)
    code = await consent(registered)
    connect_it = ("channels", "zalo-connect", "zalo", "--app-id", APP["app_id"], "--code")
    known = ("--app-secret", APP["app_secret"], "--verifier", VERIFIER)
    assert "The channel zalo is connected. Give Zalo this webhook: /webhooks/" in await types(*connect_it, code, *known)
    assert "zalo_oa" in await types("channels", "list")
    said = await types(*connect_it, code, *known, ends_with=1)
    assert "refuses the authorization code" in said
    assert APP["app_secret"] not in said
