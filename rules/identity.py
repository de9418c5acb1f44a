"""Keys made from what a record is about, so that doing the same thing twice gives one record."""

import hashlib
import json
from typing import Any
from uuid import UUID

from rules.words import Channel


def canonical(document: Any) -> bytes:
    """Write JSON in the one form that all equal documents share; raises TypeError or ValueError if it is not JSON."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def delivery_event_id(
    tenant_id: UUID, run_id: int, profile_id: int, channel: Channel, template_version: int, dedup_key: str
) -> bytes:
    """Give the 32 bytes that identify a delivery in its tenant; written as a JSON list, no two tuples look alike."""
    parts = [str(tenant_id), run_id, profile_id, channel, template_version, dedup_key]
    return hashlib.sha256(canonical(parts)).digest()


def inputs_hash(document: Any, salt: bytes) -> bytes:
    """Give the salted SHA-256 of a decision's inputs."""
    return written_hash(canonical(document), salt)


def written_hash(written: bytes, salt: bytes) -> bytes:
    """Give `inputs_hash` for a document that `canonical` has already written."""
    return hashlib.sha256(salt + written).digest()
