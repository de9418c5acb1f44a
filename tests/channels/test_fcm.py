"""App push: what FCM is asked, what its answers mean, and that Google's own library takes our emulator for FCM."""

import asyncio
import json
import time
from typing import Any

import pytest
from firebase_admin import credentials, delete_app, initialize_app, messaging

from channels.contract import Adapter, Receipt, ReceiptClass, ReceiptStatus, Unsupported
from rules.errors import Misconfigured
from rules.words import Channel
from tests.channels.samples import adapter, message
from tests.channels.samples.fcm import FCM, SERVICE_ACCOUNT
from tests.channels.sandbox_process import SandboxProcess

PUSH = Channel.APP_PUSH


def body(**more: object) -> dict[str, Any]:
    return dict(json.loads(adapter(PUSH).build(message(PUSH, **more)).body)["message"])


async def sent(sandbox: SandboxProcess, *, now: float | None = None, times: int = 1) -> Receipt:
    """Send as many as asked at once; give the last receipt."""
    speaker: Adapter = FCM.adapter(now=time.time() if now is None else now, http_port=sandbox.http_port)
    requests = [speaker.build(FCM.message(number)) for number in range(times)]
    answers = await asyncio.gather(*map(speaker.send, requests))
    await speaker.aclose()
    return speaker.parse(answers[-1])


async def planned(sandbox: SandboxProcess, **fault: object) -> Receipt:
    await sandbox.ask("faults", {"channel": PUSH, **fault})
    return await sent(sandbox)


def test_a_push_carries_its_delivery_where_a_tap_leads_and_its_picture() -> None:
    found = body(data={"link": "https://leo.example/a", "image": "https://leo.example/a.png", "extra": {"sku": "7"}})
    assert found["notification"]["image"] == "https://leo.example/a.png"
    assert found["data"] == {"leo_delivery": message(PUSH).event_id, "link": "https://leo.example/a", "sku": "7"}
    assert found["webpush"] == {"fcm_options": {"link": "https://leo.example/a"}}
    assert found["android"] == {"priority": "high"}


def test_a_limited_life_and_a_key_that_replaces_are_passed_on() -> None:
    found = body(data={"ttl_s": 3600, "collapse_key": "cart", "priority": "normal"})
    assert found["android"] == {"priority": "normal", "ttl": "3600s", "collapse_key": "cart"}


def test_a_device_is_named_by_its_token_or_by_its_installation() -> None:
    assert body(address="a:b")["token"] == "a:b"
    request = adapter(PUSH, recipient="fid").build(message(PUSH, address="fid1"))
    assert json.loads(request.body)["message"]["fid"] == "fid1"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"link": "javascript:alert(1)"}, "no https address"),
        ({"extra": {"google.c": "1"}}, "keeps the name 'google.c'"),
        ({"extra": {"a": 1}}, "no object of texts"),
        ({"ttl_s": 2_419_201}, "ttl_s of the push is wrong"),
        ({"priority": "urgent"}, "priority of the push is wrong"),
    ],
)
def test_what_fcm_would_refuse_is_refused_before_it_is_asked(data: dict[str, object], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        body(data=data)


def test_a_push_that_is_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(Unsupported, match=r"octets of 4096") as caught:
        body(text="ư" * 2_048)
    assert caught.value.klass is ReceiptClass.TOO_LARGE


@pytest.mark.parametrize("key", ["", "no JSON", {"project_id": "p"}, {**SERVICE_ACCOUNT, "private_key": "garbage"}])
def test_a_key_file_that_is_none_is_refused_when_the_channel_is_connected(key: object) -> None:
    with pytest.raises(Misconfigured, match="service_account"):
        adapter(PUSH, service_account=key)


def test_a_key_file_may_be_given_as_its_text() -> None:
    assert adapter(PUSH, service_account=json.dumps(SERVICE_ACCOUNT)).channel is PUSH


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (404, "UNREGISTERED", (ReceiptStatus.REJECTED, ReceiptClass.INVALID_ADDRESS)),
        (403, "SENDER_ID_MISMATCH", (ReceiptStatus.REJECTED, ReceiptClass.INVALID_ADDRESS)),
        (401, "THIRD_PARTY_AUTH_ERROR", (ReceiptStatus.RETRY, ReceiptClass.PERMISSION_DENIED)),
        (500, "INTERNAL", (ReceiptStatus.RETRY, ReceiptClass.PROVIDER_DOWN)),
        (503, "UNAVAILABLE", (ReceiptStatus.RETRY, ReceiptClass.PROVIDER_DOWN)),
        (504, "gateway", (ReceiptStatus.UNCERTAIN, ReceiptClass.PROVIDER_DOWN)),
        (400, "INVALID_ARGUMENT", (ReceiptStatus.REJECTED, ReceiptClass.BAD_REQUEST)),
    ],
)
async def test_what_fcm_answers_is_understood(
    status: int, text: str, expected: tuple[ReceiptStatus, ReceiptClass], sandbox: SandboxProcess
) -> None:
    receipt = await planned(sandbox, status=status, text=text)
    assert (receipt.status, receipt.klass) == expected
    assert not await sandbox.messages()


async def test_a_quota_is_waited_for_as_long_as_fcm_says_else_a_minute(sandbox: SandboxProcess) -> None:
    assert (await planned(sandbox, status=429, retry_after=7)).retry_after == 7
    assert (await planned(sandbox, status=429)).retry_after == 60


async def test_a_token_that_no_device_has_is_an_invalid_address(sandbox: SandboxProcess) -> None:
    speaker = FCM.adapter(now=time.time(), http_port=sandbox.http_port)
    receipt = speaker.parse(await speaker.send(speaker.build(FCM.message(address="no|token"))))
    await speaker.aclose()
    assert (receipt.status, receipt.klass) == (ReceiptStatus.REJECTED, ReceiptClass.INVALID_ADDRESS)


async def test_a_bearer_token_that_was_revoked_is_fetched_anew_once_and_the_message_goes(
    sandbox: SandboxProcess,
) -> None:
    receipt = await planned(sandbox, status=401)
    assert receipt.status is ReceiptStatus.ACCEPTED
    assert len(await sandbox.messages()) == 1


async def test_a_bearer_token_that_is_refused_again_holds_the_message(sandbox: SandboxProcess) -> None:
    receipt = await planned(sandbox, status=401, times=2)
    assert (receipt.status, receipt.klass) == (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)


async def test_a_key_that_google_refuses_costs_no_message_and_says_so(sandbox: SandboxProcess) -> None:
    receipt = await planned(sandbox, stage="token", status=400)
    assert (receipt.status, receipt.klass) == (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)
    assert receipt.code == "400 invalid_grant"
    assert "account not found" in receipt.detail


async def test_a_clock_that_is_wrong_is_told_in_googles_words(sandbox: SandboxProcess) -> None:
    receipt = await sent(sandbox, now=time.time() - 7_200)
    assert receipt.klass is ReceiptClass.TOKEN_EXPIRED
    assert "Check your iat and exp values" in receipt.detail


async def test_a_token_endpoint_that_dies_leaves_nothing_uncertain(sandbox: SandboxProcess) -> None:
    receipt = await planned(sandbox, stage="token", mode="cut")
    assert (receipt.status, receipt.code) == (ReceiptStatus.RETRY, "cut")


async def test_many_messages_share_one_token(sandbox: SandboxProcess) -> None:
    await sandbox.ask("faults", {"channel": PUSH, "stage": "token", "status": 400, "times": 1})
    assert (await sent(sandbox)).klass is ReceiptClass.TOKEN_EXPIRED
    # One exchange succeeds; a second would meet this failure.
    speaker = FCM.adapter(now=time.time(), http_port=sandbox.http_port)
    first = speaker.parse(await speaker.send(speaker.build(FCM.message("first"))))
    await sandbox.ask("faults", {"channel": PUSH, "stage": "token", "status": 400, "times": None})
    answers = await asyncio.gather(*(speaker.send(speaker.build(FCM.message(seed))) for seed in range(16)))
    await speaker.aclose()
    assert {speaker.parse(answer).status for answer in (*answers,)} == {first.status} == {ReceiptStatus.ACCEPTED}


async def test_googles_own_library_takes_the_sandbox_for_fcm(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await sandbox.ask("google/service-account")
    # The library has no setting for the address.
    place = f"{sandbox.base_url}/v1/projects/{{0}}/messages:send"
    monkeypatch.setattr(messaging._MessagingService, "FCM_URL", place)
    app = initialize_app(credentials.Certificate(key), name="sandbox")
    push = messaging.Message(
        fid="fGx1APA91bHun4MxP5egoK",
        notification=messaging.Notification(title="Tin", body="Xin chào"),
        data={"leo_delivery": "d" * 64},
    )
    try:
        name = await asyncio.to_thread(messaging.send, push, app=app)
        await sandbox.ask("faults", {"channel": PUSH, "status": 404})
        with pytest.raises(messaging.UnregisteredError, match="Requested entity was not found"):
            await asyncio.to_thread(messaging.send, push, app=app)
        await sandbox.ask("faults", {"channel": PUSH, "status": 403})
        with pytest.raises(messaging.SenderIdMismatchError):
            await asyncio.to_thread(messaging.send, push, app=app)
    finally:
        await asyncio.to_thread(delete_app, app)
    assert name.startswith("projects/leo-sandbox/messages/")
    (arrived,) = await sandbox.messages()
    assert (arrived["subject"], arrived["text"]) == ("Tin", "Xin chào")


async def test_a_key_that_was_forged_gets_no_token(sandbox: SandboxProcess) -> None:
    issued = await sandbox.ask("google/service-account")
    forged = {**issued, "private_key": SERVICE_ACCOUNT["private_key"]}
    speaker = FCM.adapter(now=time.time(), http_port=sandbox.http_port, service_account=forged)
    receipt = speaker.parse(await speaker.send(speaker.build(FCM.message())))
    await speaker.aclose()
    assert (receipt.klass, receipt.detail) == (ReceiptClass.TOKEN_EXPIRED, "Invalid JWT Signature.")
