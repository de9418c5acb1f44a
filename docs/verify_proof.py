"""Check a proof of LEO Activation's audit ledger with Python's standard library alone.

usage: python verify_proof.py proof.json [checkpoint.json]

It prints the record and the head that its proof leads to; with a checkpoint it ends with 1 where that head is not among
those that the proof leads through. A checkpoint's own signature (Ed25519) is checked by: leo audit verify --checkpoint
"""

import hashlib
import json
import sys
import uuid
from pathlib import Path
from typing import Any


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def heads(proof: dict[str, Any]) -> dict[int, str]:
    """Give the heads by batch number, from the record's own to the newest; raises ValueError where one is wrong."""
    reached = _sha256(b"\x00", proof["content"].encode())
    for step in proof["path"]:
        beside = bytes.fromhex(step["hash"])
        left, right = (beside, reached) if step["side"] == "left" else (reached, beside)
        reached = _sha256(b"\x01", left, right)
    own = proof["batches"][0]
    if reached.hex() != own["root"]:
        raise ValueError("the record does not lead to its batch's root")
    if not own["after_id"] < proof["record_id"] <= own["last_id"]:
        raise ValueError("the record's id is outside its batch")
    head = bytes.fromhex(proof["previous_head"])
    if own["number"] == 1 and head != _sha256(b"leo ledger 1 ", uuid.UUID(proof["tenant_id"]).bytes):
        raise ValueError("the first batch follows another tenant's beginning")
    found = {}
    for batch in proof["batches"]:
        numbers = [batch[name].to_bytes(8, "big") for name in ("number", "after_id", "last_id", "count")]
        head = _sha256(b"\x02", head, bytes.fromhex(batch["root"]), *numbers)
        found[batch["number"]] = head.hex()
    return found


def _read(path: Path) -> Any:
    """Give a document, or the last of a file with one on each line; raises OSError or ValueError."""
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError:
        return json.loads((text.strip().splitlines() or [""])[-1])


def main(arguments: list[str]) -> int:
    """Give 0 where the proof holds, 1 where it does not, 2 where there is nothing to check."""
    if len(arguments) not in {1, 2}:
        sys.stderr.write("usage: python verify_proof.py proof.json [checkpoint.json]\n")
        return 2
    try:
        proof, *kept = [_read(Path(name)) for name in arguments]
    except (OSError, ValueError) as error:
        sys.stderr.write(f"It cannot be read: {error}. Give files of: leo audit proof, leo audit checkpoint.\n")
        return 2
    try:
        found = heads(proof)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        sys.stderr.write(f"The proof does not hold: {error}.\n")
        return 1
    sys.stdout.write(f"{proof['content']}\n")
    newest = max(found)
    sys.stdout.write(f"batch {newest} has the head {found[newest]}\n")
    if not kept:
        return 0
    (taken,) = kept
    if found.get(taken["batch_no"]) != taken["head"]:
        sys.stderr.write("The checkpoint is not among the heads that the proof leads through.\n")
        return 1
    sys.stdout.write(f"and the checkpoint of {taken['at']} holds it\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
