"""A mail is correct for the programs that read it, and each reply of a relay is understood."""

import asyncio
import email.policy
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import ReceiptClass, ReceiptStatus, Response, Unsupported
from channels.email import EmailAdapter
from channels.markup import as_text
from rules.words import Channel
from tests.channels.samples import HTML, NOW, TEXT, adapter, event_id, message
from tests.channels.sandbox_process import SandboxProcess, start_sandbox

EMAIL = Channel.EMAIL
lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"))


def written(**more: object) -> EmailMessage:
    mail = message_from_bytes(adapter(EMAIL).build(message(EMAIL, **more)).body, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    assert not [part.defects for part in mail.walk() if part.defects]
    return mail


def test_vietnamese_names_and_subjects_are_read_back() -> None:
    mail = written(data={"recipient_name": "Nguyễn Thị Ánh"})
    assert mail["Subject"] == "Ưu đãi mùa thu cho Ánh"
    (sender,) = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Cửa hàng Ánh Dương", "no-reply@leo.example")
    (recipient,) = mail["To"].addresses
    assert (recipient.display_name, recipient.addr_spec) == ("Nguyễn Thị Ánh", "anh.nguyen@example.com")


def test_text_comes_first_and_html_last() -> None:
    mail = written()
    assert mail.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == TEXT.splitlines()
    assert html.get_content().strip() == HTML


def test_a_mail_of_html_alone_gets_a_text_part() -> None:
    mail = written(
        text=None, html="<style>p{}</style><p>Chào Ánh</p><p>Xem <a href='https://leo.example/s'>tại đây</a></p>"
    )
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().splitlines() == ["Chào Ánh", "", "Xem tại đây (https://leo.example/s)"]


def test_the_message_id_is_made_of_the_delivery() -> None:
    mail = written()
    assert mail["Message-ID"] == f"<{event_id('sample')}@leo.example>"
    assert mail["X-LEO-Delivery"] == event_id("sample")
    assert written(sender="Shop <mail@shop.example>")["Message-ID"].endswith("@shop.example>")


def test_a_reader_can_unsubscribe_with_one_click() -> None:
    mail = written(unsubscribe_url="https://leo.example/u/t0ken")
    assert mail["List-Unsubscribe"] == "<https://leo.example/u/t0ken>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert written(unsubscribe_url=None)["List-Unsubscribe"] is None


@given(subject=lines, text=texts, html=texts, name=lines)
def test_whatever_is_written_is_read_back(subject: str, text: str, html: str, name: str) -> None:
    mail = written(subject=subject, text=text, html=html, data={"recipient_name": name})
    assert mail["Subject"].split() == subject.split()
    assert mail["To"].addresses[0].addr_spec == "anh.nguyen@example.com"
    # Python's address parser puts a space between encoded words where RFC 2047 wants none.
    assert "".join(mail["To"].addresses[0].display_name.split()) == "".join(name.split())
    for kind, given_body in (("plain", text), ("html", html)):
        part = mail.get_body((kind,))
        assert part is not None
        assert part.get_content().replace("\r\n", "\n").removesuffix("\n") == given_body.removesuffix("\n")


@given(subject=lines, text=st.text(), html=st.text())
def test_every_line_is_ascii_and_short_enough_for_any_relay(subject: str, text: str, html: str) -> None:
    body = adapter(EMAIL).build(message(EMAIL, subject=subject, text=text, html=html)).body
    assert body.isascii()
    assert max(map(len, body.split(b"\r\n"))) <= 998
    assert b"\n" not in body.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "Ưu đãi\r\nBcc: all@example.com"),
        ("address", "a@example.com\r\nBcc: all@example.com"),
        ("address", "a@example.com, b@example.com"),
        ("address", "<a@example.com> SIZE=1"),
        ("address", "không-phải-địa-chỉ"),
        ("sender", "Shop <a@example.com\r\nX: y>"),
        ("unsubscribe_url", "https://x/\r\nBcc: all@example.com"),
        ("unsubscribe_url", "javascript:alert(1)"),
    ],
)
def test_nothing_a_person_wrote_becomes_a_header(field: str, value: str) -> None:
    with pytest.raises(Unsupported):
        adapter(EMAIL).build(message(EMAIL, **{field: value}))


def test_a_domain_in_vietnamese_is_written_as_in_dns() -> None:
    assert adapter(EMAIL).build(message(EMAIL, address="anh@tênmiền.vn")).target == "anh@xn--tnmin-hsa0954c.vn"


def test_a_mail_without_subject_body_or_sender_is_refused() -> None:
    with pytest.raises(Unsupported, match="no subject"):
        adapter(EMAIL).build(message(EMAIL, subject=" "))
    with pytest.raises(Unsupported, match="neither text nor HTML"):
        adapter(EMAIL).build(message(EMAIL, text=None, html=None))
    with pytest.raises(Unsupported, match="no sender"):
        EmailAdapter({"host": "127.0.0.1"}).build(message(EMAIL))


@pytest.mark.parametrize(
    ("code", "text", "stage", "klass", "status"),
    [
        (250, "2.0.0 OK: queued as 1", "content", "accepted", "accepted"),
        (550, "5.1.1 The email account does not exist", "rcpt", "invalid_address", "rejected"),
        (550, "mailbox unavailable", "rcpt", "invalid_address", "rejected"),
        (550, "5.1.8 Bad sender", "mail", "unknown", "rejected"),
        (550, "5.1.1 in reply to MAIL is about us", "mail", "unknown", "rejected"),
        (550, "5.7.26 This mail is unauthenticated", "content", "permission_denied", "rejected"),
        (550, "rejected for policy reasons", "content", "unknown", "rejected"),
        (452, "4.2.2 Over quota", "rcpt", "provider_down", "retry"),
        (552, "5.2.2 Mailbox full", "rcpt", "blocked", "rejected"),
        (552, "5.3.4 Message too big", "mail", "too_large", "rejected"),
        (552, "Too much mail data", "content", "too_large", "rejected"),
        (421, "4.7.0 [TSS04] temporarily deferred", "content", "rate_limited", "retry"),
        (450, "4.2.1 The user receives mail too quickly", "rcpt", "rate_limited", "retry"),
        (451, "4.7.1 Greylisted", "rcpt", "rate_limited", "retry"),
        (535, "5.7.8 Bad credentials", "auth", "token_expired", "retry"),
        (554, "5.7.1 Your address is on a list", "connect", "permission_denied", "retry"),
        (501, "5.5.4 Syntax", "mail", "bad_request", "rejected"),
        (554, "5.6.0 Bad content", "content", "bad_request", "rejected"),
        (250, "an answer to a command that is not the end", "rcpt", "accepted", "uncertain"),
        (299, "never seen", "content", "unknown", "uncertain"),
    ],
)
def test_each_reply_of_a_relay_means_one_thing(code: int, text: str, stage: str, klass: str, status: str) -> None:
    receipt = adapter(EMAIL).parse(Response(status=code, body=text, ids={"stage": stage}))
    assert (receipt.klass, receipt.status) == (ReceiptClass(klass), ReceiptStatus(status))
    assert receipt.raw["body"] == text


@pytest.mark.parametrize(
    ("fault", "klass", "status"),
    [
        ({"status": 550, "text": "5.1.1 unknown", "stage": "rcpt"}, "invalid_address", "rejected"),
        ({"status": 450, "text": "4.2.1 slow down"}, "rate_limited", "retry"),
        ({"status": 421, "text": "4.7.0 closing"}, "rate_limited", "retry"),
    ],
)
async def test_a_refusal_over_the_wire_harms_only_its_own_message(
    fault: dict[str, object], klass: str, status: str, sandbox: SandboxProcess
) -> None:
    await sandbox.ask("faults", {"channel": "email", "address": "gone@example.com", **fault})
    speaker = adapter(EMAIL, smtp_port=sandbox.smtp_port, connections=1)
    refused = speaker.parse(await speaker.send(speaker.build(message(EMAIL, address="gone@example.com"))))
    taken = speaker.parse(await speaker.send(speaker.build(message(EMAIL, "next"))))
    await speaker.aclose()
    assert (refused.klass, refused.status) == (ReceiptClass(klass), ReceiptStatus(status))
    assert taken.status is ReceiptStatus.ACCEPTED


async def test_a_body_of_dots_survives_the_wire(sandbox: SandboxProcess) -> None:
    speaker = adapter(EMAIL, smtp_port=sandbox.smtp_port)
    text = ".\n..\n.hidden\n\n.\nend."
    await speaker.send(speaker.build(message(EMAIL, text=text, html=None)))
    await speaker.aclose()
    (arrived,) = await sandbox.messages()
    assert arrived["text"].removesuffix("\n") == text


async def test_the_mail_carries_the_time_it_was_sent() -> None:
    heard: list[bytes] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"220 hi", b"250 hi", b"250 ok", b"250 ok", b"354 go"):
            writer.write(answer + b"\r\n")
            heard.append(await reader.readline())
        heard[-1] += await reader.readuntil(b"\r\n.\r\n")
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    speaker = adapter(EMAIL, smtp_port=server.sockets[0].getsockname()[1], now=NOW)
    receipt = speaker.parse(await speaker.send(speaker.build(message(EMAIL))))
    await speaker.aclose()
    server.close()
    mail = message_from_bytes(heard[-1], policy=email.policy.default)
    assert mail["Date"].datetime == datetime.fromtimestamp(NOW, UTC)
    assert heard[1:4] == [b"MAIL FROM:<no-reply@leo.example>\r\n", b"RCPT TO:<anh.nguyen@example.com>\r\n", b"DATA\r\n"]
    assert receipt.status is ReceiptStatus.UNCERTAIN  # this relay went away instead of answering


async def test_idle_connections_to_a_relay_that_says_nothing_are_let_go_at_once() -> None:
    """A worker that ends has some seconds for all of them."""
    everybody = asyncio.Event()
    busy = 0

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy
        for answer in (b"220 hi", b"250 hi", b"250 ok", b"250 ok", b"354 go"):
            writer.write(answer + b"\r\n")
            await reader.readline()
        await reader.readuntil(b"\r\n.\r\n")
        busy += 1
        if busy == 6:
            everybody.set()
        await everybody.wait()
        writer.write(b"250 taken\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    speaker = adapter(EMAIL, smtp_port=server.sockets[0].getsockname()[1])
    requests = [speaker.build(message(EMAIL, str(number))) for number in range(6)]
    answers = await asyncio.gather(*(speaker.send(request) for request in requests))
    assert {speaker.parse(one).status for one in answers} == {ReceiptStatus.ACCEPTED}
    started = asyncio.get_running_loop().time()
    await speaker.aclose()
    assert asyncio.get_running_loop().time() - started < 3
    server.close()


async def test_a_connection_the_relay_closed_meanwhile_is_replaced_without_a_second_mail() -> None:
    first = await start_sandbox()
    speaker = adapter(EMAIL, smtp_port=first.smtp_port)
    assert speaker.parse(await speaker.send(speaker.build(message(EMAIL)))).status is ReceiptStatus.ACCEPTED
    port = first.smtp_port
    first.close()
    gone = speaker.parse(await speaker.send(speaker.build(message(EMAIL))))
    assert gone.status is ReceiptStatus.RETRY
    second = await start_sandbox("--smtp-port", str(port))
    again = speaker.parse(await speaker.send(speaker.build(message(EMAIL))))
    assert again.status is ReceiptStatus.ACCEPTED
    assert len(await second.messages()) == 1
    await speaker.aclose()
    second.close()


@pytest.fixture
async def tls_sandbox(tmp_path: Path) -> AsyncIterator[tuple[SandboxProcess, Path]]:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(  # noqa: ASYNC221, S603 - a tenth of a second, once
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    options = ("--tls-cert", str(certificate), "--tls-key", str(key), "--smtp-login", "leo:right")
    sandbox = await start_sandbox(*options)
    yield sandbox, certificate
    sandbox.close()


async def test_a_relay_is_spoken_to_under_tls_and_logged_in_to(tls_sandbox: tuple[SandboxProcess, Path]) -> None:
    sandbox, certificate = tls_sandbox
    results = {}
    ways: dict[str, dict[str, Any]] = {
        "trusted": {"ca_file": str(certificate), "password": "right"},
        "unverified": {"verify_certificates": False, "password": "right"},
        "untrusted": {"password": "right"},
        "wrong password": {"ca_file": str(certificate), "password": "wrong"},
    }
    for name, more in ways.items():
        speaker = adapter(EMAIL, smtp_port=sandbox.smtp_port, tls="starttls", username="leo", **more)
        receipt = speaker.parse(await speaker.send(speaker.build(message(EMAIL, name))))
        results[name] = (str(receipt.status), str(receipt.klass))
        await speaker.aclose()
    assert results == {
        "trusted": ("accepted", "accepted"),
        "unverified": ("accepted", "accepted"),
        "untrusted": ("retry", "permission_denied"),
        "wrong password": ("retry", "token_expired"),
    }


async def test_required_tls_is_never_given_up(sandbox: SandboxProcess) -> None:
    speaker = adapter(EMAIL, smtp_port=sandbox.smtp_port, tls="starttls")
    receipt = speaker.parse(await speaker.send(speaker.build(message(EMAIL))))
    await speaker.aclose()
    assert (receipt.status, receipt.klass, receipt.code) == (
        ReceiptStatus.RETRY,
        ReceiptClass.PERMISSION_DENIED,
        "tls",
    )
    assert await sandbox.messages() == []
    optional = adapter(EMAIL, smtp_port=sandbox.smtp_port, tls="starttls_if_offered")
    assert optional.parse(await optional.send(optional.build(message(EMAIL)))).status is ReceiptStatus.ACCEPTED
    await optional.aclose()


def test_html_is_read_as_a_person_reads_it() -> None:
    html = "<head><title>x</title></head><h1>A &amp; B</h1><p>một<br>hai</p><script>y()</script><ul><li>ba</li></ul>"
    assert as_text(html) == "A & B\n\nmột\nhai\n\nba"
