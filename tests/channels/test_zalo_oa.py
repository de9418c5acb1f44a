"""A consultation message of Zalo is written right, its answers are understood, its events believed when signed."""

import asyncio
import json
import time
from typing import Any

import pytest
import zalo_sdk
import zalo_sdk.oa
from hypothesis import given
from hypothesis import strategies as st

from channels import facts
from channels.contract import Receipt, ReceiptClass, ReceiptStatus, Response, SignatureInvalid, Unsupported
from channels.waits import WAITS, seconds_until
from rules.errors import Misconfigured
from rules.words import Channel, OutcomeType
from tests.channels.samples import NOW, adapter, message
from tests.channels.samples.zalo_oa import ACCESS_TOKEN, USER_ID
from tests.channels.sandbox_process import SandboxProcess

ZALO = Channel.ZALO_OA
FACTS = facts.load("zalo_oa")
MOST = FACTS.limit("text_characters")
# The example of docs.zaloplatforms.com, computed by hand with sha256sum.
SIGNED = b'{"app_id":"1234567890","event_name":"user_send_text","timestamp":"1700000000000"}'
MAC = "acec9a97faf48961437053ecbfbfe0e357a5730e80a6ea0075989474138023a7"


def body(**more: object) -> dict[str, object]:
    return dict(json.loads(adapter(ZALO).build(message(ZALO, **more)).body))


def answered(code: int, text: str = "", *, now: float = NOW) -> Receipt:
    return adapter(ZALO, now=now).parse(Response(status=200, body={"error": code, "message": text}))


def test_a_message_is_text_to_one_user() -> None:
    assert body(text="Chào Ánh", subject="Tin mới") == {
        "recipient": {"user_id": USER_ID},
        "message": {"text": "Tin mới\n\nChào Ánh"},
    }


def test_a_picture_goes_with_it_and_an_answer_quotes() -> None:
    sent = body(text="Chào", data={"image_url": "https://example.test/a.jpg", "quote_message_id": "9"})["message"]
    payload = {"template_type": "media", "elements": [{"media_type": "image", "url": "https://example.test/a.jpg"}]}
    assert sent == {
        "text": "Chào",
        "quote_message_id": "9",
        "attachment": {"type": "template", "payload": payload},
    }
    with pytest.raises(Unsupported, match="one picture"):
        body(data={"image_url": "https://example.test/a.jpg", "attachment_id": "1"})
    with pytest.raises(Unsupported, match="no https address"):
        body(data={"image_url": "javascript:alert(1)"})


@pytest.mark.parametrize(
    "address", ["", "84901234567", "1" * 15, "1" * 20, "٢٥١٢٥٢٣٦٢٥٤١٢٥١٥", "2512523625412515\n1", "x" * 100_000]
)
def test_what_is_no_users_id_is_refused(address: str) -> None:
    with pytest.raises(Unsupported) as caught:
        body(address=address)
    assert caught.value.receipt.klass is ReceiptClass.INVALID_ADDRESS


def test_the_limit_counts_composed_characters() -> None:
    decomposed = "a\u0306\u0301"  # one letter for a reader, three as it was typed
    assert len(str(body(text=decomposed * MOST)["message"])) > MOST
    with pytest.raises(Unsupported, match=f"{MOST + 1} characters of {MOST}") as caught:
        body(text="ắ" * (MOST + 1))
    assert caught.value.receipt.klass is ReceiptClass.TOO_LARGE


def test_markup_alone_and_control_characters_are_refused() -> None:
    with pytest.raises(Unsupported, match="shows no HTML"):
        body(text=None, html="<b>Chào</b>")
    with pytest.raises(Unsupported, match="control characters"):
        body(text="Chào\x00")


def test_the_token_is_no_part_of_the_request() -> None:
    request = adapter(ZALO).build(message(ZALO))
    assert ACCESS_TOKEN not in repr(request) + request.body.decode()


def test_every_code_of_the_table_is_read_as_it_says() -> None:
    for known in FACTS.answers:
        if known.stages:
            continue
        receipt = answered(known.first)
        assert (receipt.status, receipt.klass, receipt.code) == (known.status, known.klass, str(known.first))
        assert (receipt.retry_after is not None) == bool(known.wait)


def test_an_unknown_code_is_a_refusal_and_an_error_page_is_no_answer() -> None:
    unknown = answered(-9999)
    assert (unknown.status, unknown.klass) == (ReceiptStatus.REJECTED, ReceiptClass.UNKNOWN)
    page = adapter(ZALO).parse(Response(status=502, body="<h1>Bad Gateway</h1>"))
    assert page.status is ReceiptStatus.UNCERTAIN
    assert adapter(ZALO).parse(Response(status=200, body="ok")).status is ReceiptStatus.UNCERTAIN


def test_a_used_up_minute_waits_for_the_next_and_the_night_for_six_in_vietnam() -> None:
    at = 1_795_000_030.0
    assert answered(-32, now=at).retry_after == 60 - at % 60
    night = 1_700_000_000.0 // 86_400 * 86_400 + 17 * 3600  # midnight in Hanoi
    assert answered(-234, now=night).retry_after == 6 * 3600
    assert answered(-211, now=night).retry_after == 24 * 3600


@given(st.sampled_from(WAITS), st.floats(min_value=0, max_value=4e9))
def test_a_wait_is_above_zero_and_at_most_a_day(wait: str, now: float) -> None:
    assert 0 < seconds_until(wait, now) <= 86_400


def test_renewing_a_token_needs_the_application() -> None:
    with pytest.raises(Misconfigured, match="app_id or app_secret"):
        adapter(ZALO, refresh_token="r")
    adapter(ZALO, access_token=None, refresh_token="r", app_id="1", app_secret="s")


async def test_without_a_token_nothing_is_sent(sandbox: SandboxProcess) -> None:
    more = {"access_token": None, "refresh_token": "r", "app_id": "1", "app_secret": "s"}
    speaker = adapter(ZALO, http_port=sandbox.http_port, **more)
    receipt = speaker.parse(await speaker.send(speaker.build(message(ZALO))))
    await speaker.aclose()
    assert (receipt.status, receipt.klass) == (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)
    assert not await sandbox.messages()


async def test_who_was_not_heard_of_for_seven_days_is_not_written_to(sandbox: SandboxProcess) -> None:
    hours = FACTS.kinds["consultation"].window_hours
    assert hours
    speaker = adapter(ZALO, http_port=sandbox.http_port)
    receipts = []
    for hours_ago in (hours - 1, hours + 1, None):
        await sandbox.ask("social/heard", {"channel": ZALO, "address": USER_ID, "hours_ago": hours_ago})
        receipts.append(speaker.parse(await speaker.send(speaker.build(message(ZALO, hours_ago)))))
    await speaker.aclose()
    assert [receipt.klass for receipt in receipts] == ["accepted", "window_closed", "window_closed"]
    assert [receipt.code for receipt in receipts] == ["200", "-230", "-230"]
    assert len(await sandbox.messages()) == 1


async def test_tokens_end_and_the_proof_is_checked(sandbox: SandboxProcess) -> None:
    app = {"app_id": "1234567890", "app_secret": "zalo-secret", "kind": "zalo"}
    pair = await sandbox.ask("social/apps", app)

    async def sent_with(**more: object) -> tuple[str, str]:
        speaker = adapter(ZALO, http_port=sandbox.http_port, **more)
        receipt = speaker.parse(await speaker.send(speaker.build(message(ZALO))))
        await speaker.aclose()
        return receipt.code, receipt.klass

    good = {"access_token": pair["access_token"], "app_id": app["app_id"]}
    assert await sent_with(**good, app_secret=app["app_secret"], proof=True) == ("200", "accepted")
    assert await sent_with(**good, app_secret="another", proof=True) == ("-242", "permission_denied")
    assert await sent_with(access_token="made up") == ("-216", "token_expired")
    await sandbox.ask("social/revoke", {"token": pair["access_token"]})
    assert await sent_with(**good) == ("-220", "token_expired")


async def test_a_used_up_minute_is_waited_out(sandbox: SandboxProcess) -> None:
    await sandbox.ask("faults", {"channel": "zalo_oa", "status": 200, "code": "-32", "text": "limit"})
    speaker = adapter(ZALO, http_port=sandbox.http_port, now=time.time())
    receipt = speaker.parse(await speaker.send(speaker.build(message(ZALO))))
    await speaker.aclose()
    assert (receipt.status, receipt.klass) == (ReceiptStatus.RETRY, ReceiptClass.RATE_LIMITED)
    assert receipt.retry_after is not None
    assert 0 < receipt.retry_after <= 60


def test_an_event_is_believed_under_either_secret() -> None:
    signed_at = 1_700_000_000.0
    for secrets in ({"webhook_secret": "oa-secret"}, {"webhook_secret": "other", "app_secret": "oa-secret"}):
        adapter(ZALO, now=signed_at, app_id="1234567890", **secrets).verify({"X-ZEvent-Signature": MAC}, SIGNED)
    with pytest.raises(SignatureInvalid, match="wrong"):
        adapter(ZALO, now=signed_at, app_id="1234567890").verify({"X-ZEvent-Signature": MAC}, SIGNED)


def test_an_event_of_zalo_is_read() -> None:
    event = {"event_name": "user_seen_message", "message": {"msg_ids": ["a", "b"]}, "sender": {"id": USER_ID}}
    told = adapter(ZALO).parse_webhook({}, json.dumps({"timestamp": "1700000000000", **event}).encode())
    assert [(one.type, one.delivery_ref, one.address) for one in told] == [
        (OutcomeType.READ, "a", USER_ID),
        (OutcomeType.READ, "b", USER_ID),
    ]


async def test_a_kept_library_for_zalo_takes_the_emulator_for_zalo(sandbox: SandboxProcess) -> None:
    app = {"app_id": "1234567890", "app_secret": "zalo-secret", "kind": "zalo"}
    pair = await sandbox.ask("social/apps", app)

    def send(token: str) -> Any:
        client = zalo_sdk.oa.Client(
            app["app_id"], app["app_secret"], access_token=token, endpoint_prefix=sandbox.base_url
        )
        body = zalo_sdk.oa.ZaloMessageBody(text="Chào Ánh")
        return client.send_message(zalo_sdk.oa.ZaloRecipient(user_id=USER_ID), body)

    answer = await asyncio.to_thread(send, pair["access_token"])
    assert answer["data"]["user_id"] == USER_ID
    assert [one["text"] for one in await sandbox.messages()] == ["Chào Ánh"]

    await sandbox.ask("social/heard", {"channel": ZALO, "address": USER_ID, "hours_ago": None})
    for token, code in ((pair["access_token"], -230), ("made up", -216)):
        with pytest.raises(zalo_sdk.ZaloException, match=rf"\({code}\)"):
            await asyncio.to_thread(send, token)
