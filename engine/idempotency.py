"""Answering a request once: the same key and request get the same answer for a day, and the work is done once.

Claim, work and answer are one transaction. The claim is an advisory lock of that transaction, so that a process that
dies gives it back with its connection; a request that fails leaves nothing, and its key is free again.

Work that has to commit in parts (a message is logged before a provider is called) reserves its key instead, and
completes it at the end; if the process dies in between, the key is free after a minute. What the work has begun is
noted with the key, in the transaction that begins it, and a repeated request continues from there.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.credentials import Vault
from engine.db import Transaction
from engine.queries import queries
from rules.errors import InProgress, InvalidInput

LONGEST_KEY = 255
_SQL = queries("idempotency")


@dataclass(frozen=True, slots=True)
class Once:
    """One request by its key: its tenant, its operation, and a hash of everything that was asked."""

    tenant_id: UUID
    operation: str
    key: str
    request_hash: bytes

    @property
    def lock(self) -> int:
        """The number of the advisory lock: 64 bits of a hash, signed as in PostgreSQL."""
        place = f"{self.tenant_id}\n{self.operation}\n{self.key}".encode()
        return int.from_bytes(hashlib.sha256(place).digest()[:8], signed=True)


@dataclass(frozen=True, slots=True)
class Reserved:
    """A request whose key is held; `run_id` is the run that it has already begun, if any."""

    request: Once
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str


def once(*, tenant_id: UUID, operation: str, key: str, asked: bytes) -> Once:
    """Identify a request; `asked` is all of it that must be the same. Raises InvalidInput for an unusable key."""
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(
            "The Idempotency-Key cannot be used.", remedy=f"Send 1 to {LONGEST_KEY} printable ASCII characters."
        )
    return Once(tenant_id, operation, key, hashlib.sha256(asked).digest())


async def claim(conn: Transaction, request: Once, vault: Vault) -> Answer | None:
    """Claim a request, or give the answer it already has.

    Raises InProgress if another transaction has claimed it, InvalidInput if the key was used for another request.
    """
    row = await (await conn.execute(_SQL["claim"], {**_values(request), "lock": request.lock})).fetchone()
    if row is None or not row["is_mine"]:
        raise _in_progress(request)
    if row["request_hash"] is None:
        return None
    if bytes(row["request_hash"]) != request.request_hash:
        raise InvalidInput(
            f"The Idempotency-Key {request.key!r} was used for another request.",
            remedy="Send a new key with a new request.",
        )
    stored = row["response"]
    if row["response_status"] is None:
        if row["is_left"]:
            return None
        raise _in_progress(request)
    body = stored["body"] if "body" in stored else _open(vault, request, stored["sealed"])
    return Answer(row["response_status"], body)


async def remember(conn: Transaction, request: Once, answer: Answer, vault: Vault, *, is_secret: bool) -> None:
    """Keep the answer for a day, encrypted if it contains a secret. Raises InProgress if another came first."""
    response = {"sealed": _seal(vault, request, answer.body)} if is_secret else {"body": answer.body}
    values = {**_values(request), "status": answer.status, "response": Jsonb(response)}
    if await (await conn.execute(_SQL["remember"], values)).fetchone() is None:
        raise _in_progress(request)


async def reserve(conn: Transaction, request: Once) -> Reserved:
    """Hold the key for a minute beyond this transaction. Raises InProgress if another came first."""
    row = await (await conn.execute(_SQL["reserve"], _values(request))).fetchone()
    if row is None:
        raise _in_progress(request)
    return Reserved(request, row["run_id"])


async def begin(conn: Transaction, reserved: Reserved, *, run_id: int) -> None:
    """Note the run that the transaction begins. Raises InProgress if another holds the key by now."""
    values = {**_values(reserved.request), "run_id": run_id}
    if await (await conn.execute(_SQL["begin"], values)).fetchone() is None:
        raise _in_progress(reserved.request)


async def complete(conn: Transaction, request: Once, answer: Answer) -> None:
    """Keep the answer to a reserved request for a day."""
    values = {**_values(request), "status": answer.status, "response": Jsonb({"body": answer.body})}
    await conn.execute(_SQL["complete"], values)


async def release(conn: Transaction, request: Once) -> None:
    """Free the key of a reserved request that failed; one that has begun a run will be continued."""
    await conn.execute(_SQL["release"], _values(request))


async def forget_expired(conn: Transaction, *, tenant_id: UUID) -> int:
    """Remove answers older than a day; give how many there were."""
    return (await conn.execute(_SQL["forget"], {"tenant_id": tenant_id})).rowcount


def _values(request: Once) -> dict[str, Any]:
    return {
        "tenant_id": request.tenant_id,
        "key": request.key,
        "operation": request.operation,
        "request_hash": request.request_hash,
    }


def _seal(vault: Vault, request: Once, body: str) -> str:
    return vault.seal(body, tenant_id=request.tenant_id, channel_id=0, name=_name(request)).decode()


def _open(vault: Vault, request: Once, sealed: str) -> str:
    return vault.open(sealed.encode(), tenant_id=request.tenant_id, channel_id=0, name=_name(request))


def _name(request: Once) -> str:
    return f"answer {request.operation} {request.key}"


def _in_progress(request: Once) -> InProgress:
    return InProgress(
        f"A request with the Idempotency-Key {request.key!r} is being worked on.", remedy="Try again in a second."
    )
