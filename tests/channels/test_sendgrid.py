"""E-mail through SendGrid: what it is asked, what its answers and its events mean, and its own library."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest
import sendgrid
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from python_http_client import UnauthorizedError
from python_http_client.exceptions import BadRequestsError
from sendgrid.helpers.mail import CustomArg, Mail

from channels.contract import Receipt, ReceiptClass, ReceiptStatus, SignatureInvalid, Unsupported
from rules.errors import Misconfigured
from rules.words import OutcomeType
from tests.channels.samples import NOW, event_id
from tests.channels.samples.sendgrid import API_KEY, SENDGRID
from tests.channels.sandbox_process import SandboxProcess


def body(**more: object) -> dict[str, Any]:
    return dict(json.loads(SENDGRID.adapter().build(SENDGRID.message(**more)).body))


async def planned(sandbox: SandboxProcess, **fault: object) -> Receipt:
    await sandbox.ask("faults", {"channel": "email", **fault})
    speaker = SENDGRID.adapter(now=time.time(), http_port=sandbox.http_port)
    answer = await speaker.send(speaker.build(SENDGRID.message()))
    await speaker.aclose()
    return speaker.parse(answer)


def test_a_mail_carries_its_delivery_names_both_bodies_and_one_click_unsubscribe() -> None:
    found = body(data={"recipient_name": "Ánh", "reply_to": "Hỏi <hoi@leo.example>"})
    (personalization,) = found["personalizations"]
    assert personalization["to"] == [{"email": "anh.nguyen@example.com", "name": "Ánh"}]
    assert personalization["custom_args"] == {"leo_event_id": SENDGRID.message().event_id}
    assert found["from"] == {"email": "no-reply@leo.example", "name": "Cửa hàng Ánh Dương"}
    assert found["reply_to"] == {"email": "hoi@leo.example", "name": "Hỏi"}
    assert [one["type"] for one in found["content"]] == ["text/plain", "text/html"]
    assert found["headers"]["List-Unsubscribe"] == "<https://leo.example/u/t0ken>"
    assert found["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_what_no_mail_can_be_is_refused_as_over_smtp() -> None:
    with pytest.raises(Unsupported, match="no e-mail address") as caught:
        body(address="a b@example.com")
    assert caught.value.klass is ReceiptClass.INVALID_ADDRESS
    with pytest.raises(Unsupported, match="no subject"):
        body(subject=" ")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, (ReceiptStatus.REJECTED, ReceiptClass.BAD_REQUEST)),
        (401, (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)),
        (403, (ReceiptStatus.RETRY, ReceiptClass.PERMISSION_DENIED)),
        (413, (ReceiptStatus.REJECTED, ReceiptClass.TOO_LARGE)),
        (429, (ReceiptStatus.RETRY, ReceiptClass.RATE_LIMITED)),
        (503, (ReceiptStatus.RETRY, ReceiptClass.PROVIDER_DOWN)),
        (504, (ReceiptStatus.UNCERTAIN, ReceiptClass.PROVIDER_DOWN)),
    ],
)
async def test_what_sendgrid_answers_is_understood(
    status: int, expected: tuple[ReceiptStatus, ReceiptClass], sandbox: SandboxProcess
) -> None:
    receipt = await planned(sandbox, status=status)
    assert (receipt.status, receipt.klass) == expected
    assert not await sandbox.messages()


async def test_an_address_that_sendgrid_refuses_is_invalid(sandbox: SandboxProcess) -> None:
    speaker = SENDGRID.adapter(http_port=sandbox.http_port)
    request = speaker.build(SENDGRID.message())
    broken = type(request)(
        event_id=request.event_id,
        target=request.target,
        body=request.body.replace(b"anh.nguyen@example.com", b"nobody"),
        headers=request.headers,
    )
    receipt = speaker.parse(await speaker.send(broken))
    await speaker.aclose()
    assert (receipt.status, receipt.klass) == (ReceiptStatus.REJECTED, ReceiptClass.INVALID_ADDRESS)


async def test_a_rate_limit_lasts_until_its_window_ends(sandbox: SandboxProcess) -> None:
    reset = int(time.time()) + 30
    await sandbox.ask("faults", {"channel": "email", "status": 429, "headers": {"X-RateLimit-Reset": str(reset)}})
    speaker = SENDGRID.adapter(now=reset - 30, http_port=sandbox.http_port)
    receipt = speaker.parse(await speaker.send(speaker.build(SENDGRID.message())))
    await speaker.aclose()
    assert receipt.retry_after == 30


KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def signed(events: object, *, at: int = int(NOW)) -> tuple[dict[str, str], bytes]:
    content = json.dumps(events).encode()
    made = KEY.sign(str(at).encode() + content, ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(made).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": str(at),
    }
    return headers, content


def test_sendgrids_signed_events_become_outcomes_of_the_delivery() -> None:
    speaker = SENDGRID.adapter(webhook_public_key=PUBLIC)
    event = {
        "event": "open",
        "sg_event_id": "e1",
        "email": "a@b.vn",
        "timestamp": int(NOW),
        "leo_event_id": event_id(1),
    }
    headers, content = signed([event])
    speaker.verify(headers, content)
    (told,) = speaker.parse_webhook(headers, content)
    assert (told.type, told.delivery_ref, told.provider_id) == (OutcomeType.READ, event_id(1), "e1")
    with pytest.raises(SignatureInvalid):
        speaker.verify(headers, content + b" ")


def test_events_that_sendgrid_signed_are_believed_with_its_key_alone() -> None:
    with pytest.raises(SignatureInvalid, match="no verification key"):
        SENDGRID.adapter().verify(*signed([]))
    with pytest.raises(Misconfigured, match="verification key of SendGrid"):
        SENDGRID.adapter(webhook_public_key="garbage")


async def test_sendgrids_own_library_takes_the_sandbox_for_sendgrid(sandbox: SandboxProcess) -> None:
    client = sendgrid.SendGridAPIClient(API_KEY, host=sandbox.base_url)
    mail = Mail("shop@leo.example", "anh@example.com", "Tin", plain_text_content="Xin chào")
    mail.custom_arg = CustomArg("leo_event_id", event_id("library"))
    answer = await asyncio.to_thread(client.send, mail)
    assert answer.status_code == 202
    assert answer.headers["X-Message-Id"]
    (arrived,) = await sandbox.messages()
    assert (arrived["event_id"], arrived["subject"], arrived["text"]) == (event_id("library"), "Tin", "Xin chào")
    await sandbox.ask("faults", {"channel": "email", "status": 401})
    with pytest.raises(UnauthorizedError) as refused:
        await asyncio.to_thread(client.send, mail)
    assert "authorization grant is invalid" in refused.value.to_dict["errors"][0]["message"]
    with pytest.raises(BadRequestsError):
        await asyncio.to_thread(client.send, Mail("shop@leo.example", "anh@example.com", "", plain_text_content="x"))
