"""Mails that come back: what became of ours is read from what only its receiver can know, and any mail is survived."""

import contextlib
import json
import time
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.callbacks import mail
from channels.contract import Incoming
from channels.registry import create
from rules.errors import InvalidInput, Misconfigured
from rules.words import Channel, OutcomeType
from tests.channels.samples import NOW, event_id
from tests.channels.samples import message as sample_message

OURS = event_id("ours")
SETTINGS = {"host": "127.0.0.1", "sender": "Shop <shop@shop.example>"}
RETURNED = f"""Content-Type: message/rfc822

From: Shop <shop@shop.example>
To: khach@x.example
Subject: =?utf-8?B?xq91IMSRw6Np?=
Message-ID: <{OURS}@shop.example>
X-LEO-Delivery: {OURS}

Ưu đãi
"""
HEADERS = RETURNED.replace("message/rfc822", "text/rfc822-headers").rpartition("\n\n")[0] + "\n"


def report(
    *, action: str = "failed", status: str = "5.1.1", code: str = "550", back: str = RETURNED, to: str = ""
) -> bytes:
    return f"""Return-Path: <>
From: MAILER-DAEMON@relay.example
To: {to or "bounces@shop.example"}
Date: Tue, 17 Nov 2026 08:00:00 +0700
Message-ID: <20261123@relay.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8

Không gửi được.
--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
Arrival-Date: Tue, 17 Nov 2026 08:00:00 +0700

Final-Recipient: rfc822; khach@x.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {code} {status} <khach@x.example>: user unknown

--b1
{back}
--b1--
""".replace("\n", "\r\n").encode()


def read(body: bytes) -> list[tuple[OutcomeType | None, str | None, bool]]:
    return [(one.type, one.delivery_ref, one.soft) for one in mail.read(body, now=NOW)]


@pytest.mark.parametrize("back", [RETURNED, HEADERS])
def test_a_bounce_is_about_the_mail_that_came_back(back: str) -> None:
    (one,) = mail.read(report(back=back), now=NOW)
    assert (one.type, one.delivery_ref, one.soft, one.address) == (OutcomeType.BOUNCED, OURS, False, None)
    assert one.at.isoformat() == "2026-11-17T01:00:00+00:00"
    assert one.raw["recipient"] == "khach@x.example"
    assert one.raw["diagnostic"].startswith("smtp; 550 5.1.1")


@pytest.mark.parametrize(
    ("status", "code", "soft"),
    [
        ("5.1.1", "550", False),
        ("5.2.1", "550", False),
        ("5.1.10", "550", False),
        ("5.2.2", "552", True),
        ("5.7.1", "550", True),
        ("5.3.4", "552", True),
        ("4.4.7", "451", True),
    ],
)
def test_only_a_bad_address_closes_the_address(status: str, code: str, *, soft: bool) -> None:
    assert read(report(status=status, code=code)) == [(OutcomeType.BOUNCED, OURS, soft)]


def test_a_delay_is_no_outcome_and_a_confirmation_is_one() -> None:
    assert read(report(action="delayed", status="4.4.1", code="451")) == []
    assert read(report(action="delivered", status="2.0.0", code="250")) == [(OutcomeType.DELIVERED, OURS, False)]


def test_without_anything_of_ours_it_is_about_nobody() -> None:
    """An address alone proves nothing: anybody can write such a mail."""
    strange = RETURNED.replace(OURS, "spam")
    assert read(report(back=strange)) == [(OutcomeType.BOUNCED, None, False)]


def test_the_return_path_tells_where_nothing_came_back() -> None:
    speaker = create(Channel.EMAIL, {**SETTINGS, "bounces": "bounces@mail.shop.example"})
    request = speaker.build(sample_message(Channel.EMAIL, event_id=OURS))
    assert request.sender is not None
    local, _, domain = request.sender.partition("@")
    assert (local.partition("+")[0], domain) == ("bounces", "mail.shop.example")
    assert len(local) <= 64
    assert read(report(back="Content-Type: text/plain\n\nnothing", to=f"<{request.sender}>")) == [
        (OutcomeType.BOUNCED, OURS, False)
    ]


@pytest.mark.parametrize("bounces", ["no mailbox", "a-very-long-local-part@shop.example", "a+b@shop.example"])
def test_a_return_path_that_cannot_carry_the_delivery_is_refused(bounces: str) -> None:
    with pytest.raises(Misconfigured, match="bounces"):
        create(Channel.EMAIL, {**SETTINGS, "bounces": bounces})


def test_a_complaint_is_one() -> None:
    arf = f"""To: fbl@shop.example
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1

--b1
{RETURNED}
--b1--
"""
    assert read(arf.encode()) == [(OutcomeType.COMPLAINED, OURS, False)]
    assert read(arf.replace("abuse", "not-spam").encode()) == []


def reply(**headers: str) -> bytes:
    made = EmailMessage()
    for name, value in {
        "From": "khach@x.example",
        "Subject": "Re: Ưu đãi",
        "Message-ID": "<r1@x.example>",
        **headers,
    }.items():
        made[name] = value
    made.set_content("Còn hàng không?")
    return made.as_bytes()


def test_a_reply_is_about_the_mail_it_answers_and_an_automatic_one_is_none() -> None:
    answered = {"In-Reply-To": f"<{OURS}@shop.example>"}
    assert read(reply(**answered)) == [(OutcomeType.REPLIED, OURS, False)]
    assert read(reply(References=f"<a@b.example> <{OURS}@shop.example>")) == [(OutcomeType.REPLIED, OURS, False)]
    assert read(reply()) == []
    assert read(reply(**answered, **{"Auto-Submitted": "auto-replied"})) == []
    assert read(reply(**answered, Precedence="auto_reply")) == []


def test_the_channel_reads_a_mail_where_a_mail_is_posted() -> None:
    speaker = create(Channel.EMAIL, SETTINGS, clock=lambda: NOW)
    (one,) = speaker.parse_webhook({"Content-Type": "message/rfc822"}, report())
    assert one.type is OutcomeType.BOUNCED
    with pytest.raises(InvalidInput):
        speaker.parse_webhook({"Content-Type": "application/json"}, report())


def sound(incoming: list[Incoming] | Any) -> None:
    for one in incoming:
        assert 0 < len(one.provider_id) <= 255
        assert one.at.timestamp() <= NOW + 86_400
        assert "\\u0000" not in json.dumps(one.raw)
        json.dumps(one.raw, ensure_ascii=False).encode()


@given(st.binary(max_size=2_000), st.integers(0, 900), st.integers(0, 900))
def test_any_mail_is_read_or_refused(noise: bytes, start: int, length: int) -> None:
    whole = report()
    for body in (noise, whole[:start] + noise + whole[start + length :]):
        with contextlib.suppress(InvalidInput):
            sound(mail.read(body, now=NOW))


def test_a_hostile_mail_takes_no_time() -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3_000))
    many = (
        b'Content-Type: multipart/report; boundary="b"\r\n\r\n'
        + b"--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n\r\n" * 10_000
    )
    long_header = b"To: " + b"x" * 1_000_000 + b"\r\n\r\n"
    started = time.process_time()
    for body in (nested, many, long_header, b"\x00" * 1_000_000, b"\r\n" * 500_000):
        with contextlib.suppress(InvalidInput):
            sound(mail.read(body, now=NOW))
    assert time.process_time() - started < 10
