"""The mail relay of the sandbox: a real SMTP server that records each mail before it answers 250."""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from channels.sandbox.callback import Sent
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.record import Record

log = logging.getLogger(__name__)

HANG_S = 600.0
DATA_LIMIT = 33_554_432
END_OF_DATA = b"\r\n.\r\n"
PLAIN_PATH = re.compile(r"<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+)>\s*(.*)", re.ASCII)


class SandboxSMTP(SMTP):
    """aiosmtpd's protocol with its two hot paths replaced.

    Measured with mails of 4.6 kB over 32 connections: 0.89 ms of processor time per mail before, 0.48 ms after.
    """

    # The reader's limit: aiosmtpd reads DATA line by line under 1,001 bytes, and pauses the socket meanwhile.
    line_length_limit = DATA_LIMIT

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read a plain `<mailbox>` by one expression; anything else goes through the full RFC 5322 parser."""
        found = PLAIN_PATH.fullmatch(arg)
        if found is None:
            address, rest = super()._getaddr(arg)
            return address, rest
        return found.group(1), found.group(2)

    async def smtp_DATA(  # noqa: N802 - aiosmtpd's name
        self, arg: str | None
    ) -> None:
        """Read the whole message at once instead of line by line."""
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos or arg:
            await super().smtp_DATA(arg or "")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        try:
            data = await self._reader.readuntil(END_OF_DATA)
        except asyncio.LimitOverrunError:
            await self.push("552 5.3.4 Error: Too much mail data")
            self._writer.close()
            return
        envelope.content = data[: -len(END_OF_DATA) + 2].replace(b"\r\n..", b"\r\n.")
        status = await self._call_handler_hook("DATA")
        self.envelope = self._create_envelope()
        await self.push(status)


class MailHandler:
    """What the relay does with each mailbox and message."""

    def __init__(self, record: Record, faults: Faults, *, on_message: Callable[[Sent], None]) -> None:
        self._record = record
        self._faults = faults
        self._on_message = on_message

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Refuse if a failure says so; everybody else exists."""
        fault = self._faults.take("email", address=address, stage="rcpt")
        if fault is not None:
            return await _fail(server, fault)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Record for each recipient, then answer."""
        address = envelope.rcpt_tos[0]
        fault = self._faults.take("email", address=address)
        if fault is not None and not fault.keep:
            return await _fail(server, fault)
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        mail = message_from_bytes(content)
        event_id = _header(mail, "X-LEO-Delivery")
        number = 0
        for rcpt in envelope.rcpt_tos:
            number = self._record.add(
                event_id=event_id,
                channel="email",
                address=rcpt,
                subject=_header(mail, "Subject"),
                text=_text(mail),
                html=partial(_html, mail),
            )
        if event_id is not None:
            self._on_message(Sent(event_id, "email", address, session.auth_data))
        return f"250 2.0.0 OK: queued as {number}" if fault is None else await _fail(server, fault)

    async def handle_exception(self, error: Exception) -> str:
        """Say in one line what went wrong in a session, such as a handshake that the client gave up."""
        log.warning("A mail session failed: %s: %s", type(error).__name__, error.__cause__ or error)
        return "451 4.3.0 the session failed"


def protocol_factory(
    handler: MailHandler, *, login: tuple[str, str] | None, tls: ssl.SSLContext | None
) -> Callable[[], SMTP]:
    """Make the protocol of each connection; AUTH is always offered and never required, as on loopback relays."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=login is None or given == login, handled=False, auth_data=given and given[0])

    def make() -> SMTP:
        return SandboxSMTP(
            handler,
            hostname="sandbox.localhost",
            ident="LEO Activation sandbox",
            data_size_limit=DATA_LIMIT,
            enable_SMTPUTF8=True,
            tls_context=tls,
            auth_require_tls=False,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )

    return make


async def _fail(server: SMTP, fault: PlannedFault) -> str:
    """Answer with the planned code, or leave the client without an answer."""
    if fault.mode == "reply":
        return f"{fault.status} {fault.text or '4.3.0 planned failure'}"
    if fault.mode == "hang":
        await asyncio.sleep(HANG_S)
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()
    return "421 4.4.2 connection dropped"


def _header(mail: Mail, name: str) -> str | None:
    value = mail.get(name)
    if value is None:
        return None
    value = str(value)
    return str(make_header(decode_header(value))) if "=?" in value else value


def _html(mail: Mail) -> str | None:
    part = next((part for part in mail.walk() if part.get_content_type() == "text/html"), None)
    payload = None if part is None else part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else None


def _text(mail: Mail) -> str:
    """Read the first text part; HTML if there is no other."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    plain = next((part for part in parts if part.get_content_type() == "text/plain"), parts[0] if parts else mail)
    payload = plain.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return payload.decode("utf-8", "replace").replace("\r\n", "\n")
