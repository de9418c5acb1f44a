"""Visitors of a web site: a short-lived token that opens one inbox and nothing else.

A token is tenant (16 bytes), channel (8), the second it expires (8), the address in UTF-8, then 16 bytes of HMAC-SHA256
under a key derived from the channel's visitor_key, so it does not open another channel, tenant or key.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from channels.contract import Secret
from engine import credentials
from engine.credentials import Vault
from engine.db import Transaction
from engine.link_tokens import Signer
from engine.queries import queries
from engine.streams import Place
from rules.errors import Conflict, NotFound, Unauthorized

PATH = "/inbox/"
_SQL = queries("inbox")
_PURPOSE = b"leo visitor token v1"
_TENANT, _CHANNEL, _FIXED = 16, 24, 32
_REMEDY = "Ask the web site for a new one: POST /channels/{id}/visitors."


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of one channel; `key` signs what is posted there, and its visitors' tokens."""

    tenant_id: UUID
    channel_id: int
    key: Secret

    def place(self, address: str) -> Place:
        """Give the place of one of its visitors."""
        return Place(self.tenant_id, self.channel_id, address)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who may open which inbox, and until when."""

    tenant_id: UUID
    channel_id: int
    address: str
    expires_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.tenant_id, self.channel_id, self.address)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A token for a visitor; `path` is where the inbox is."""

    token: str
    path: str
    address: str
    expires_at: datetime


async def enter(conn: Transaction, vault: Vault, *, key: str) -> Inbox:
    """Find an inbox and enter its tenant; needs a transaction without one. Raises NotFound."""
    row = await (await conn.execute(_SQL["enter"], {"key": key})).fetchone()
    if row is None:
        raise NotFound(
            "There is no inbox at this address.", remedy="Take the path that POST /channels/{id}/visitors gives."
        )
    return await _inbox(conn, vault, row["tenant_id"], row["channel_id"])


async def admit(
    conn: Transaction,
    vault: Vault,
    *,
    tenant_id: UUID,
    channel_id: int,
    ext_id: str,
    valid_for: timedelta,
    now: datetime,
) -> Admitted:
    """Give a token for the person with this ext_id.

    Raises NotFound if there is no such channel, or no active person with an address there.
    """
    row = await (await conn.execute(_SQL["visitor"], {"channel_id": channel_id, "ext_id": ext_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no channel {channel_id} of the kind chat.", remedy="GET /channels lists them.")
    if row["address"] is None:
        raise NotFound(
            f"Nobody called {ext_id!r} has an address of the channel chat.",
            remedy="Send the person with one: POST /profiles.",
        )
    inbox = await _inbox(conn, vault, tenant_id, channel_id)
    expires_at = (now + valid_for).replace(microsecond=0)
    visitor = Visitor(tenant_id, channel_id, row["address"], expires_at)
    return Admitted(sign(inbox, visitor), f"{PATH}{row['webhook_key']}", visitor.address, expires_at)


def sign(inbox: Inbox, visitor: Visitor) -> str:
    head = visitor.tenant_id.bytes + visitor.channel_id.to_bytes(8) + int(visitor.expires_at.timestamp()).to_bytes(8)
    return _signer(inbox).sign(head + visitor.address.encode())


def verify(inbox: Inbox, token: str, *, now: datetime) -> Visitor:
    """Read a token; raises Unauthorized if it is not for this inbox, or has expired."""
    body = _signer(inbox).verify(token) if token.isascii() else None
    if body is None or len(body) <= _FIXED:
        raise Unauthorized("The visitor's token is not valid.", remedy=_REMEDY)
    tenant_id, channel_id = UUID(bytes=body[:_TENANT]), int.from_bytes(body[_TENANT:_CHANNEL])
    expires_at = datetime.fromtimestamp(int.from_bytes(body[_CHANNEL:_FIXED]), UTC)
    if (tenant_id, channel_id) != (inbox.tenant_id, inbox.channel_id):
        raise Unauthorized("The visitor's token is for another inbox.", remedy=_REMEDY)
    if expires_at <= now:
        raise Unauthorized("The visitor's token has expired.", remedy=_REMEDY)
    return Visitor(tenant_id, channel_id, body[_FIXED:].decode(), expires_at)


def _signer(inbox: Inbox) -> Signer:
    return Signer(inbox.key.reveal(), _PURPOSE)


async def _inbox(conn: Transaction, vault: Vault, tenant_id: UUID, channel_id: int) -> Inbox:
    secrets = await credentials.load(conn, vault, tenant_id=tenant_id, channel_id=channel_id)
    key = secrets.get("visitor_key")
    if key is None:
        raise Conflict(
            f"The channel {channel_id} goes to the sandbox: it has no visitors.",
            remedy="Connect it with a visitor_key.",
        )
    return Inbox(tenant_id, channel_id, Secret(key))
