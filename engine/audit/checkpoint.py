"""Checkpoints: the signed newest head of a tenant's ledger, to be kept out of reach of the database's administrators.

Ed25519 with a key derived from the installation's credential key (HKDF), so that there is no further secret to keep;
whoever is to check signatures is given the public key once.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine.db import Transaction
from engine.keys import split_keys
from engine.queries import queries
from rules.errors import InvalidInput, NotFound
from rules.identity import canonical

_SQL = queries("ledger")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The ledger of a tenant at an instant."""

    tenant_id: UUID
    batch_no: int
    head: bytes
    at: datetime

    def statement(self) -> dict[str, Any]:
        """Give the statement that is signed, as canonical JSON."""
        return {
            "ledger": "leo 1",
            "tenant_id": str(self.tenant_id),
            "batch_no": self.batch_no,
            "head": self.head.hex(),
            "at": self.at.isoformat(),
        }


class Signer:
    """Signs checkpoints; `public_key` is 64 hex digits.

    Of several credential keys the oldest is used, because a new one must not change the key that an auditor compares
    with.
    """

    def __init__(self, credential_key: str) -> None:
        seed = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"leo audit checkpoint 1").derive(
            base64.urlsafe_b64decode(split_keys(credential_key)[-1])
        )
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public_key = raw.hex()

    def sign(self, taken: Checkpoint) -> dict[str, Any]:
        """Give the document to keep: the statement, its signature and the public key."""
        return self.sign_statement(taken.statement())

    def sign_statement(self, statement: Mapping[str, Any]) -> dict[str, Any]:
        """Give a statement with its signature and the public key; the statement itself has to say what it is about."""
        signature = self._key.sign(canonical(statement)).hex()
        return {**statement, "signature": signature, "public_key": self.public_key}


async def checkpoint(conn: Transaction, *, tenant_id: UUID) -> Checkpoint:
    """Give the newest head; raises NotFound if nothing is sealed yet."""
    last = await (await conn.execute(_SQL["last_batch"], binary=True)).fetchone()
    if last is None:
        raise NotFound("Nothing of this tenant is sealed yet.", remedy="Run: leo audit seal")
    return Checkpoint(tenant_id, last["batch_no"], last["head"], datetime.now(UTC).replace(microsecond=0))


def read_checkpoint(document: Any, *, public_key: str) -> Checkpoint:
    """Read a kept checkpoint; raises InvalidInput if it is not one, or not signed with this key."""
    if not isinstance(document, Mapping):
        raise _no_checkpoint("it is no JSON object")
    try:
        taken = Checkpoint(
            tenant_id=UUID(str(document["tenant_id"])),
            batch_no=int(document["batch_no"]),
            head=bytes.fromhex(str(document["head"])),
            at=datetime.fromisoformat(str(document["at"])),
        )
        is_signed = is_signed_by(taken.statement(), str(document["signature"]), public_key=public_key)
    except (KeyError, ValueError) as error:
        raise _no_checkpoint(f"{error} is missing or malformed") from error
    if not is_signed:
        raise _no_checkpoint("its signature is not of this key")
    return taken


def is_signed_by(statement: Mapping[str, Any], signature: str, *, public_key: str) -> bool:
    """Check a statement's signature; raises ValueError if signature or key is not hex."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    try:
        key.verify(bytes.fromhex(signature), canonical(statement))
    except InvalidSignature:
        return False
    return True


def keep_checkpoint(path: Path, line: str) -> None:
    """Append a line to a file of checkpoints, whole or not at all; raises InvalidInput if it cannot be written.

    A full disk takes only the first half of a line; left there, it would spoil the next line too.
    """
    try:
        with path.open("ab", buffering=0) as file:
            end = file.tell()
            text = f"{line}\n".encode()
            try:
                _write_all(file, text)
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.", remedy="Name another file.") from error


def _write_all(file: FileIO, text: bytes) -> None:
    done = 0
    while done < len(text):
        done += file.write(text[done:]) or 0
    os.fsync(file.fileno())


def load_checkpoint(text: str, *, public_key: str) -> Checkpoint:
    """Read the last line of a file of checkpoints, one JSON object a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise _no_checkpoint("the file is empty")
    try:
        document = json.loads(lines[-1])
    except ValueError as error:
        raise _no_checkpoint("its last line is no JSON") from error
    return read_checkpoint(document, public_key=public_key)


def _no_checkpoint(why: str) -> InvalidInput:
    return InvalidInput(f"That is no checkpoint of this ledger: {why}.", remedy="Give a file of: leo audit checkpoint")
