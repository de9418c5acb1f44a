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


def main(arguments: list[str]) -> int:
    """Give 0 where the proof holds, 1 where it does not."""
    proof = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    try:
        found = heads(proof)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        sys.stderr.write(f"The proof does not hold: {error}.\n")
        return 1
    sys.stdout.write(f"{proof['content']}\n")
    newest = max(found)
    sys.stdout.write(f"batch {newest} has the head {found[newest]}\n")
    if len(arguments) == 1:
        return 0
    taken = json.loads(Path(arguments[1]).read_text(encoding="utf-8").splitlines()[-1])
    if found.get(taken["batch_no"]) != taken["head"]:
        sys.stderr.write("The checkpoint is not among the heads that the proof leads through.\n")
        return 1
    sys.stdout.write(f"and the checkpoint of {taken['at']} holds it\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
