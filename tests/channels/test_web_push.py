"""Web push: only known services are called, only the browser can read, each answer is understood."""

import asyncio
import json
import time
from typing import Any

import pytest
import pywebpush
from hypothesis import given
from hypothesis import strategies as st

from channels import jwt
from channels.contract import Adapter, Receipt, ReceiptClass, ReceiptStatus, Response, Unsupported
from channels.sandbox.web_push import keys
from channels.subscription import SERVICES, read
from channels.web_push import WebPushAdapter
from rules.errors import Misconfigured
from rules.words import Channel
from tests.channels.samples.web_push import ENDPOINT, PUSHALERT, SUBSCRIPTION, VAPID, VAPID_KEY
from tests.channels.sandbox_process import SandboxProcess

PUSH = Channel.WEB_PUSH


def subscription(**more: Any) -> str:
    return json.dumps({"endpoint": ENDPOINT, "keys": keys(), **more})


def payload(**more: object) -> dict[str, Any]:
    return dict(json.loads(VAPID.adapter().build(VAPID.message(**more)).body))


async def sent(sandbox: SandboxProcess, *, now: float | None = None, **more: object) -> Receipt:
    speaker: Adapter = VAPID.adapter(now=time.time() if now is None else now, http_port=sandbox.http_port, **more)
    answer = await speaker.send(speaker.build(VAPID.message()))
    await speaker.aclose()
    return speaker.parse(answer)


async def planned(sandbox: SandboxProcess, **fault: object) -> Receipt:
    await sandbox.ask("faults", {"channel": PUSH, **fault})
    return await sent(sandbox)


def test_the_worker_of_the_site_gets_the_words_and_the_delivery() -> None:
    found = payload(subject="Tin", text="Xin chào", data={"link": "https://leo.example/a", "icon": "/i.png"})
    assert found == {
        "id": VAPID.message().event_id,
        "title": "Tin",
        "body": "Xin chào",
        "url": "https://leo.example/a",
        "icon": "/i.png",
    }


def test_a_topic_of_any_words_is_one_that_a_service_takes() -> None:
    request = VAPID.adapter().build(VAPID.message(data={"topic": "giỏ hàng của bạn", "ttl_s": 60, "urgency": "high"}))
    assert len(request.headers["Topic"]) == 32
    assert (request.headers["TTL"], request.headers["Urgency"]) == ("60", "high")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://updates.push.services.mozilla.com/a",
        "https://updates.push.services.mozilla.com:8443/a",
        "https://user@updates.push.services.mozilla.com/a",
        "https://127.0.0.1/a",
        "https://169.254.169.254/latest",
        "https://evil.example/updates.push.services.mozilla.com",
        "https://notify.windows.com.evil.example/a",
        "https://updates.push.services.mozilla.com/a b",
        "https://[::1]/a",
        "https://[",
        "",
        None,
        7,
    ],
)
def test_an_address_cannot_make_a_worker_call_another_server(endpoint: object) -> None:
    with pytest.raises(Unsupported, match="no push subscription") as caught:
        payload(address=subscription(endpoint=endpoint))
    assert caught.value.klass is ReceiptClass.INVALID_ADDRESS


def test_a_service_below_a_known_one_and_one_that_the_tenant_named_are_called() -> None:
    below = subscription(endpoint="https://wns2-par02p.notify.windows.com/w/?token=abc")
    assert payload(address=below)["body"]
    own = VAPID.adapter(more_services="push.leo.example")
    assert own.build(VAPID.message(address=subscription(endpoint="https://push.leo.example/1"))).body


@pytest.mark.parametrize(
    "broken", [{}, {"p256dh": "", "auth": ""}, {**keys(), "auth": "AAAA"}, {**keys(), "p256dh": "AAAA"}, "keys", None]
)
def test_keys_that_no_browser_made_are_refused(broken: object) -> None:
    with pytest.raises(Unsupported, match="its keys"):
        payload(address=subscription(keys=broken))


@given(st.text())
def test_any_other_address_is_refused_with_a_reason(address: str) -> None:
    with pytest.raises(Unsupported) as caught:
        payload(address=address)
    assert caught.value.klass is ReceiptClass.INVALID_ADDRESS


def test_a_message_just_within_the_limit_passes_and_one_octet_more_does_not() -> None:
    room = 3993 - len(VAPID.adapter().build(VAPID.message(text="x", subject=None)).body) + 1
    assert payload(text="x" * room, subject=None)
    with pytest.raises(Unsupported, match="3994 octets of 3993") as caught:
        payload(text="x" * (room + 1), subject=None)
    assert caught.value.klass is ReceiptClass.TOO_LARGE


async def test_a_message_of_the_largest_size_is_taken(sandbox: SandboxProcess) -> None:
    speaker = VAPID.adapter(now=time.time(), http_port=sandbox.http_port)
    room = 3993 - len(speaker.build(VAPID.message(text="x")).body) + 1
    receipt = speaker.parse(await speaker.send(speaker.build(VAPID.message(text="x" * room))))
    await speaker.aclose()
    assert receipt.status is ReceiptStatus.ACCEPTED
    (arrived,) = await sandbox.messages()
    assert arrived["text"] == "x" * room


def test_each_body_is_encrypted_anew_and_read_by_the_browser_alone() -> None:
    there = read(SUBSCRIPTION, services=SERVICES)
    first, again = there.encrypt(b"Xin"), there.encrypt(b"Xin")
    assert first != again
    assert len(first) == len(again) == 3 + 103


def test_the_public_key_is_what_a_site_subscribes_with() -> None:
    speaker = VAPID.adapter()
    assert isinstance(speaker, WebPushAdapter)
    assert len(jwt.from_base64url(speaker.public_key)) == 65


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, (ReceiptStatus.REJECTED, ReceiptClass.INVALID_ADDRESS)),
        (410, (ReceiptStatus.REJECTED, ReceiptClass.INVALID_ADDRESS)),
        (401, (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)),
        (403, (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)),
        (400, (ReceiptStatus.REJECTED, ReceiptClass.BAD_REQUEST)),
        (413, (ReceiptStatus.REJECTED, ReceiptClass.TOO_LARGE)),
        (503, (ReceiptStatus.RETRY, ReceiptClass.PROVIDER_DOWN)),
        (504, (ReceiptStatus.UNCERTAIN, ReceiptClass.PROVIDER_DOWN)),
    ],
)
async def test_what_a_push_service_answers_is_understood(
    status: int, expected: tuple[ReceiptStatus, ReceiptClass], sandbox: SandboxProcess
) -> None:
    receipt = await planned(sandbox, status=status)
    assert (receipt.status, receipt.klass) == expected
    assert not await sandbox.messages()


async def test_a_rate_limit_is_waited_for_as_long_as_the_service_says_else_a_minute(sandbox: SandboxProcess) -> None:
    assert (await planned(sandbox, status=429, retry_after=9)).retry_after == 9
    assert (await planned(sandbox, status=429)).retry_after == 60


async def test_a_token_that_is_out_of_its_time_is_refused_and_said(sandbox: SandboxProcess) -> None:
    receipt = await sent(sandbox, now=time.time() - 200_000)
    assert (receipt.status, receipt.klass) == (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)


async def test_what_was_encrypted_for_a_real_browser_is_shown_to_nobody(sandbox: SandboxProcess) -> None:
    real = {"p256dh": jwt.public_point(jwt.p256_key(VAPID_KEY)), "auth": jwt.base64url(b"a" * 16)}
    speaker = VAPID.adapter(now=time.time(), http_port=sandbox.http_port)
    await speaker.send(speaker.build(VAPID.message(address=subscription(keys=real))))
    await speaker.aclose()
    (arrived,) = await sandbox.messages()
    assert "octets that only the person's browser can read" in arrived["text"]


async def test_a_stand_in_lets_a_sandbox_show_what_a_real_browser_would_get(sandbox: SandboxProcess) -> None:
    real = {"p256dh": jwt.public_point(jwt.p256_key(VAPID_KEY)), "auth": jwt.base64url(b"a" * 16)}
    stand_in = json.dumps({"endpoint": "https://sandbox.invalid/", "keys": keys()})
    speaker = VAPID.adapter(now=time.time(), http_port=sandbox.http_port, stand_in=stand_in)
    await speaker.send(speaker.build(VAPID.message(address=subscription(keys=real))))
    await speaker.aclose()
    (arrived,) = await sandbox.messages()
    assert "Nguyễn Thị Ánh" in arrived["text"]


@pytest.mark.parametrize(
    "wrong", [{"vapid_private_key": "x"}, {"subject": "web@leo.example"}, {"stand_in": "{}"}, {"urgency": "now"}]
)
def test_a_setting_that_is_wrong_is_refused_when_the_channel_is_connected(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        VAPID.adapter(**wrong)


async def test_the_library_of_the_web_push_authors_takes_the_sandbox_for_a_push_service(
    sandbox: SandboxProcess,
) -> None:
    browser = await sandbox.ask("web-push/subscription")

    def push() -> int:
        answer = pywebpush.webpush(
            browser, "Xin chào", vapid_private_key=VAPID_KEY, vapid_claims={"sub": "mailto:web@leo.example"}, ttl=60
        )
        assert not isinstance(answer, str)
        return int(answer.status_code)

    assert await asyncio.to_thread(push) == 201
    await sandbox.ask("faults", {"channel": PUSH, "status": 410})
    with pytest.raises(pywebpush.WebPushException, match="410 Gone"):
        await asyncio.to_thread(push)
    (arrived,) = await sandbox.messages()
    assert arrived["text"] == "Xin chào"


def test_pushalert_gets_title_message_address_and_subscriber() -> None:
    request = PUSHALERT.adapter().build(PUSHALERT.message(subject="Tin", text="a b"))
    assert request.body == b"title=Tin&message=a+b&url=https%3A%2F%2Fleo.example%2Ftin&subscriber=S3a9f0c1"


@pytest.mark.parametrize(("subject", "text"), [("x" * 65, "a"), ("a", "x" * 193)])
def test_pushalerts_limits_are_kept_before_it_is_asked(subject: str, text: str) -> None:
    with pytest.raises(Unsupported, match="characters of") as caught:
        PUSHALERT.adapter().build(PUSHALERT.message(subject=subject, text=text))
    assert caught.value.klass is ReceiptClass.TOO_LARGE


def test_pushalert_without_a_title_is_refused_with_what_to_do() -> None:
    with pytest.raises(Unsupported, match="needs a title and a link"):
        PUSHALERT.adapter().build(PUSHALERT.message(subject=None))
    assert PUSHALERT.adapter(title="Hoa Sen").build(PUSHALERT.message(subject=None)).body


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"success": False, "msg": "no"}, (ReceiptStatus.REJECTED, ReceiptClass.BAD_REQUEST)),
        (200, "<html>maintenance</html>", (ReceiptStatus.UNCERTAIN, ReceiptClass.UNKNOWN)),
        (401, {"success": False, "msg": "Invalid API Key"}, (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)),
        (503, "busy", (ReceiptStatus.RETRY, ReceiptClass.PROVIDER_DOWN)),
    ],
)
def test_pushalert_says_no_with_200_as_well(
    status: int, body: Any, expected: tuple[ReceiptStatus, ReceiptClass]
) -> None:
    receipt = PUSHALERT.adapter().parse(Response(status=status, body=body))
    assert (receipt.status, receipt.klass) == expected
