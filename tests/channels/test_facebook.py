"""A Page's message is written right, goes out in its window alone; Meta's own library takes the emulator for Meta."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from facebook_business.adobjects.page import Page
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from channels import facts
from channels.contract import Receipt, ReceiptClass, ReceiptStatus, Response, Secret, SignatureInvalid, Unsupported
from channels.facebook.messenger import proof
from rules.errors import Misconfigured
from rules.words import Channel, OutcomeType
from tests.channels.samples import adapter, message
from tests.channels.samples.facebook import FACEBOOK_SECRET, PAGE_ID, PAGE_TOKEN, PSID
from tests.channels.sandbox_process import SandboxProcess

FACEBOOK = Channel.FACEBOOK
FACTS = facts.load("facebook")
MOST = FACTS.limit("text_characters")
APP = {"app_id": "1234567890", "app_secret": FACEBOOK_SECRET, "kind": "facebook", "page_id": PAGE_ID}


def form(**more: object) -> dict[str, Any]:
    body = adapter(FACEBOOK).build(message(FACEBOOK, **more)).body.decode()
    fields = {name: values[0] for name, values in parse_qs(body).items()}
    return {name: json.loads(value) if value.startswith("{") else value for name, value in fields.items()}


def answered(code: int, subcode: int | None = None, *, usage: str = "", **more: object) -> Receipt:
    error = {"code": code, "message": "m", **({} if subcode is None else {"error_subcode": subcode}), **more}
    ids = {"x-business-use-case-usage": usage} if usage else {}
    return adapter(FACEBOOK).parse(Response(status=400, body={"error": error}, ids=ids))


async def sent(sandbox: SandboxProcess, *, data: object = None, **more: Any) -> Receipt:
    speaker = adapter(FACEBOOK, http_port=sandbox.http_port, **more)
    content = message(FACEBOOK, data or "text", data=data or {})
    receipt = speaker.parse(await speaker.send(speaker.build(content)))
    await speaker.aclose()
    return receipt


def test_a_message_is_text_to_one_person_in_its_kind() -> None:
    assert form(text="Chào Ánh & Bình", subject="Tin mới") == {
        "recipient": {"id": PSID},
        "message": {"text": "Tin mới\n\nChào Ánh & Bình"},
        "messaging_type": "UPDATE",
    }
    tagged = form(data={"messaging_type": "MESSAGE_TAG"})
    assert (tagged["messaging_type"], tagged["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


def test_a_utility_message_is_a_template_of_metas() -> None:
    template = {"name": "order_update", "language": "vi", "parameters": ["Ánh", 3]}
    assert form(data={"messaging_type": "UTILITY", "template": template})["message"] == {
        "template": {
            "name": "order_update",
            "language": {"code": "vi"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "Ánh"}, {"type": "text", "text": "3"}]}
            ],
        }
    }


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"data": {"messaging_type": "POST_PURCHASE_UPDATE"}}, "no kind that Meta knows"),
        ({"data": {"messaging_type": "UTILITY"}}, "names the template"),
        ({"data": {"template": {"name": "a"}}}, "Only a UTILITY message"),
        ({"text": None, "html": "<b>a</b>"}, "shows no HTML"),
        ({"text": "ắ" * (MOST + 1)}, f"{MOST + 1} characters of {MOST}"),
        ({"address": "x" * 65}, "no page-scoped id"),
        ({"address": "\x00"}, "no page-scoped id"),
    ],
)
def test_what_messenger_cannot_carry_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        form(**more)


def test_settings_that_cannot_work_are_refused() -> None:
    for wrong in ({"page_id": "me"}, {"api_version": "25"}, {"user_token": "u"}):
        with pytest.raises(Misconfigured):
            adapter(FACEBOOK, **wrong)


def test_every_code_of_the_table_is_read_as_it_says() -> None:
    for known in FACTS.answers:
        if "http" in known.stages:
            continue
        receipt = answered(known.first, int(known.enhanced[0]) if known.enhanced else None)
        assert (receipt.status, receipt.klass) == (known.status, known.klass)
        assert (receipt.retry_after is not None) == bool(known.wait)
    assert answered(10, 2018278).code == "10/2018278"


def test_meta_says_how_long_a_limit_lasts_and_what_may_be_tried_again() -> None:
    usage = json.dumps({PAGE_ID: [{"type": "messenger", "estimated_time_to_regain_access": 19}]})
    assert answered(80006, usage=usage).retry_after == 19 * 60
    assert answered(80006, usage="no json").retry_after is not None
    assert answered(98765, is_transient=True).status is ReceiptStatus.RETRY
    assert answered(98765).status is ReceiptStatus.REJECTED


def test_the_proof_is_hex_hmac_of_the_token() -> None:
    # Computed with: printf EAAtoken | openssl dgst -sha256 -hmac app-secret
    expected = "9f9f0867bc3df2d00cecd6aa6fb78e65b64c050401bd6ec5b84d98503d443d34"
    assert proof(Secret("app-secret"), Secret("EAAtoken")) == expected


def test_the_token_is_no_part_of_the_request() -> None:
    request = adapter(FACEBOOK, app_secret=FACEBOOK_SECRET).build(message(FACEBOOK))
    assert PAGE_TOKEN not in repr(request) + request.body.decode()


async def test_each_kind_has_its_window(sandbox: SandboxProcess) -> None:
    template = {"name": "order_update", "parameters": []}
    kinds: list[dict[str, Any]] = [{"messaging_type": name} for name in ("RESPONSE", "UPDATE", "MESSAGE_TAG")]
    kinds.append({"messaging_type": "UTILITY", "template": template})
    arrived = []
    for hours_ago in (1, 25, 169, None):
        await sandbox.ask("social/heard", {"channel": FACEBOOK, "address": PSID, "hours_ago": hours_ago})
        receipts = [await sent(sandbox, data=data) for data in kinds]
        assert {one.klass for one in receipts} <= {"accepted", "window_closed"}
        arrived.append([one.klass == "accepted" for one in receipts])
    assert arrived == [[True] * 4, [False, False, True, True], [False] * 3 + [True], [False] * 3 + [True]]


async def test_tokens_end_and_the_proof_is_checked(sandbox: SandboxProcess) -> None:
    pair = await sandbox.ask("social/apps", APP)
    good = {"access_token": pair["access_token"]}
    assert (await sent(sandbox, **good, app_secret=FACEBOOK_SECRET)).klass is ReceiptClass.ACCEPTED
    assert (await sent(sandbox, **good, app_secret="another")).code == "100"
    made_up = await sent(sandbox, access_token="made up")
    assert (made_up.code, made_up.klass) == ("190", ReceiptClass.TOKEN_EXPIRED)
    # Whoever takes the app away from their account ends the Page's token with their own.
    await sandbox.ask("social/revoke", {"token": pair["user_token"]})
    ended = await sent(sandbox, **good)
    assert (ended.code, ended.status) == ("190/460", ReceiptStatus.RETRY)


def test_callbacks_are_signed_with_the_applications_secret() -> None:
    body = b'{"object":"page","entry":[]}'
    # Computed with: printf '%s' body | openssl dgst -sha256 -hmac app-secret
    signature = {"X-Hub-Signature-256": "sha256=e6e9d7a842a48e17f43a34d6125d0d933e2aab92ee37f0993a4d493b50e3d438"}
    adapter(FACEBOOK, webhook_secret=None, app_secret="app-secret").verify(signature, body)
    with pytest.raises(SignatureInvalid):
        adapter(FACEBOOK).verify(signature, body)
    greeted = {"hub.mode": "subscribe", "hub.verify_token": "let-me-in", "hub.challenge": "77"}
    assert adapter(FACEBOOK, verify_token="let-me-in").greet(greeted) == "77"  # type: ignore[attr-defined]
    entry = {"messaging": [{"sender": {"id": PSID}, "timestamp": 1, "message": {"mid": "m_1", "text": "Còn không?"}}]}
    (told,) = adapter(FACEBOOK).parse_webhook({}, json.dumps({"object": "page", "entry": [entry]}).encode())
    assert (told.type, told.address) == (OutcomeType.REPLIED, PSID)


@contextmanager
def metas_library(sandbox: SandboxProcess, token: str) -> Iterator[FacebookAdsApi]:
    session = FacebookSession(APP["app_id"], APP["app_secret"], token, timeout=10)
    session.GRAPH = sandbox.base_url
    yield FacebookAdsApi(session)
    session.requests.close()


async def test_metas_own_library_takes_the_emulator_for_meta(sandbox: SandboxProcess) -> None:
    pair = await sandbox.ask("social/apps", APP)
    params = {
        "recipient": {"id": PSID},
        "messaging_type": "UPDATE",
        "message": {"text": "Chào Ánh"},
    }

    def send(token: str) -> Any:
        with metas_library(sandbox, token) as api:
            return Page(PAGE_ID, api=api).create_message(params=params)

    def me() -> Any:
        with metas_library(sandbox, pair["access_token"]) as api:
            return Page(PAGE_ID, api=api).api_get(fields=["name"])

    answer = await asyncio.to_thread(send, pair["access_token"])
    assert answer["recipient_id"] == PSID
    assert answer["message_id"].startswith("m_")
    assert [one["text"] for one in await sandbox.messages()] == ["Chào Ánh"]
    assert (await asyncio.to_thread(me))["name"] == "Sandbox Page"

    await sandbox.ask("social/heard", {"channel": FACEBOOK, "address": PSID, "hours_ago": 30})
    with pytest.raises(FacebookRequestError) as outside:
        await asyncio.to_thread(send, pair["access_token"])
    assert (outside.value.api_error_code(), outside.value.api_error_subcode()) == (10, 2018278)
    with pytest.raises(FacebookRequestError) as refused:
        await asyncio.to_thread(send, "made up")
    assert (refused.value.api_error_code(), refused.value.api_error_type()) == (190, "OAuthException")
