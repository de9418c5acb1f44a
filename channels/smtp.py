"""Delivering mail over a bounded pool of SMTP connections, step by step, so that it is known how far each one got.

Before the content is sent, a lost reply does no harm; only while the reply to the content is awaited may the message
have left. No other module imports aiosmtplib or knows its errors.
"""

import asyncio
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass

import aiosmtplib

from channels import egress
from channels.contract import MayHaveLeft, NeverLeft, Secret
from channels.egress import MAIL_PORTS, Egress, Inside
from channels.http import REMEDY_RETRY, REMEDY_UNCERTAIN

OK, START_INPUT, CLOSING = 250, 354, 421
# Postfix, Exim and Exchange drop idle clients after 5 minutes; a connection is closed well before that.
IDLE_S = 60.0
# Of a courtesy: a worker that ends has some seconds for all of its relays.
QUIT_S = 1.0
REMEDY_TLS = "Correct the TLS settings of the channel or the certificate of the mail server; nothing was sent."


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """Where and how to connect; `tls` is implicit, starttls, starttls_if_offered or none; times are in seconds."""

    host: str
    port: int
    tls: str = "starttls"
    username: str | None = None
    password: Secret | None = None
    verify_certificates: bool = True
    ca_file: str | None = None
    timeout_s: float = 30.0
    connections: int = 32
    messages_per_connection: int = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply that ended a delivery; `stage` is the command it answers, `content` for the message itself."""

    stage: str
    code: int
    text: str


@dataclass(slots=True)
class _Connection:
    client: aiosmtplib.SMTP
    sent: int = 0
    idle_since: float = 0.0


class SmtpPool:
    """Connections to one relay, opened when needed and reused."""

    def __init__(self, settings: SmtpSettings, *, egress: Egress) -> None:
        self._settings = settings
        self._egress = egress
        self._slots = asyncio.Semaphore(settings.connections)
        self._idle: deque[_Connection] = deque()
        self._hostname: str | None = None
        self._tls: ssl.SSLContext | None = None
        self._is_closed = False

    async def deliver(self, *, sender: str, recipient: str, content: bytes) -> Reply:
        """Send one message; raises NeverLeft or MayHaveLeft if a reply is missing.

        A connection that the server closed while it was idle is replaced once, because nothing had left.
        """
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise _never_left("pool_timeout") from error
        try:
            connection = self._take()
            if connection is not None:
                try:
                    return await self._transact(connection, sender=sender, recipient=recipient, content=content)
                except NeverLeft as error:
                    if error.cause != "cut":
                        raise
            opened = await self._open()
            if isinstance(opened, Reply):
                return opened
            return await self._transact(opened, sender=sender, recipient=recipient, content=content)
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Say QUIT on all idle connections at once, within a second; those in use close when they are done."""
        self._is_closed = True
        idle, self._idle = self._idle, deque()
        await asyncio.gather(*(_quit(connection.client) for connection in idle))

    def _take(self) -> _Connection | None:
        """Take the connection that was used last, so that in quiet times the others age and are closed."""
        fresh_after = time.monotonic() - IDLE_S
        while self._idle and (self._idle[0].idle_since < fresh_after or not self._idle[0].client.is_connected):
            self._idle.popleft().client.close()
        while self._idle:
            connection = self._idle.pop()
            if connection.client.is_connected:
                return connection
            connection.client.close()
        return None

    async def _open(self) -> _Connection | Reply:
        settings = self._settings
        self._hostname = self._hostname or await asyncio.to_thread(socket.getfqdn)
        try:
            async with asyncio.timeout(settings.timeout_s):
                wire = await self._connect()
        except Inside as error:
            raise egress.refused() from error
        except (TimeoutError, OSError) as error:
            raise _connect_failure(error) from error
        try:
            tls_context = self._tls_context()
        except OSError as error:  # The file that the channel's settings name.
            wire.close()
            raise _connect_failure(ssl.SSLError()) from error
        client = aiosmtplib.SMTP(
            # For checking the certificate; the connection is already open.
            hostname=settings.host,
            sock=wire,
            username=settings.username,
            password=settings.password.reveal() if settings.password else None,
            local_hostname=self._hostname,
            timeout=settings.timeout_s,
            use_tls=settings.tls == "implicit",
            start_tls={"starttls": True, "starttls_if_offered": None}.get(settings.tls, False),
            tls_context=tls_context,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            return _greeting_reply(error)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            raise _connect_failure(error) from error
        return _Connection(client)

    async def _connect(self) -> socket.socket:
        """Connect to the first of the relay's checked addresses that answers."""
        loop = asyncio.get_running_loop()
        failed: OSError = ConnectionRefusedError()
        for address in await self._egress.addresses(self._settings.host, self._settings.port, MAIL_PORTS):
            wire = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            wire.setblocking(False)
            try:
                await loop.sock_connect(wire, (address, self._settings.port))
            except OSError as error:
                wire.close()
                failed = error
            except BaseException:
                wire.close()
                raise
            else:
                return wire
        raise failed

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._settings.tls == "none":
            return None
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._settings.ca_file)
            if not self._settings.verify_certificates:
                self._tls.check_hostname = False
                self._tls.verify_mode = ssl.CERT_NONE
        return self._tls

    async def _transact(self, connection: _Connection, *, sender: str, recipient: str, content: bytes) -> Reply:
        client = connection.client
        is_reusable = False
        try:
            reply = await _envelope(client, sender=sender, recipient=recipient)
            if reply is None:
                reply = await _content(client, content, timeout_s=self._settings.timeout_s)
            elif reply.code != CLOSING:
                await _reset(client)
            connection.sent += 1
            is_reusable = reply.code != CLOSING and connection.sent < self._settings.messages_per_connection
            return reply
        finally:
            if is_reusable and client.is_connected and not self._is_closed:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            else:
                client.close()


async def _quit(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit(timeout=QUIT_S)
    except (aiosmtplib.SMTPException, OSError):
        pass
    finally:
        client.close()


async def _envelope(client: aiosmtplib.SMTP, *, sender: str, recipient: str) -> Reply | None:
    """Name sender and recipient; give None if the server now waits for the content, otherwise its refusal."""
    commands = (
        ("mail", b"MAIL", f"FROM:<{sender}>".encode("ascii"), OK),
        ("rcpt", b"RCPT", f"TO:<{recipient}>".encode("ascii"), OK),
        ("data", b"DATA", b"", START_INPUT),
    )
    for stage, command, argument, expected in commands:
        try:
            reply = await client.execute_command(*filter(None, (command, argument)))
        except aiosmtplib.SMTPTimeoutError as error:
            raise _never_left("timeout") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _never_left("cut") from error
        if reply.code != expected:
            return Reply(stage, reply.code, reply.message)
    return None


async def _content(client: aiosmtplib.SMTP, content: bytes, *, timeout_s: float) -> Reply:
    """Send the message and wait for the reply that counts; `content` starts with a header, so with no dot."""
    protocol = client.protocol
    if protocol is None:
        raise _never_left("cut")
    try:
        protocol.write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    except aiosmtplib.SMTPServerDisconnected as error:
        raise _never_left("cut") from error
    try:
        reply = await protocol.read_response(timeout=timeout_s)
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        word = "timeout" if isinstance(error, TimeoutError) else "cut"
        raise MayHaveLeft(
            f"The mail server did not say whether it took the message ({word}).", remedy=REMEDY_UNCERTAIN, cause=word
        ) from error
    return Reply("content", reply.code, reply.message)


async def _reset(client: aiosmtplib.SMTP) -> None:
    """Forget the refused envelope; a connection that fails to is not reused."""
    try:
        await client.execute_command(b"RSET")
    except (aiosmtplib.SMTPException, OSError):
        client.close()


def _greeting_reply(error: aiosmtplib.SMTPResponseException) -> Reply:
    is_auth = isinstance(error, aiosmtplib.SMTPAuthenticationError)
    is_hello = isinstance(error, aiosmtplib.SMTPHeloError)
    return Reply("auth" if is_auth else "helo" if is_hello else "connect", error.code, error.message)


def _connect_failure(error: Exception) -> NeverLeft:
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError) or "STARTTLS" in str(error):
        return NeverLeft("No safe connection to the mail server (tls).", remedy=REMEDY_TLS, cause="tls")
    if isinstance(error, TimeoutError):
        return _never_left("connect_timeout")
    if isinstance(error, OSError):
        return _never_left("refused")
    return _never_left("login" if isinstance(error, aiosmtplib.SMTPException) else "bad_setting")


def _never_left(cause: str) -> NeverLeft:
    return NeverLeft(f"No message left for the mail server ({cause}).", remedy=REMEDY_RETRY, cause=cause)
