"""What an export contains, in `manifest.json`: hashes of its files, counts, its place in the ledger; signed.

The signature protects what no leaf of the ledger covers: statuses, attempts, answers.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.audit.checkpoint import Signer, is_signed_by
from engine.processes import track
from rules.errors import InvalidInput

FORMAT = "leo archive 1"
NAME = "manifest.json"
DECISIONS = "decisions.jsonl.gz"
DELIVERIES = "deliveries.jsonl.gz"
LEDGER = "ledger.jsonl.gz"
FILES = (DECISIONS, DELIVERIES, LEDGER)
_SIGNED_WITH = frozenset({"signature", "public_key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was decided from `since` until before `until`, as ISO 8601; `files` are sha256, bytes and lines by name.

    `erased` are the records of people who were erased before. `previous` is the head before the first batch in the
    files, `head` (of `batch_no`) the newest when this was written, both in hex.
    """

    tenant_id: str
    tenant: str
    since: str | None
    until: str
    exported_at: str
    decisions: int
    deliveries: int
    erased: int
    files: Mapping[str, Mapping[str, Any]]
    previous: str
    batch_no: int
    head: str

    def write(self, directory: Path, signer: Signer) -> None:
        """Write it, readable by its owner alone."""
        document = signer.sign_statement({"format": FORMAT, **asdict(self)})
        track.write_private(directory / NAME, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def read_manifest(directory: Path, *, public_key: str) -> Manifest:
    """Read an export's manifest; raises InvalidInput if there is none, or it is not signed with this key."""
    try:
        document = json.loads((directory / NAME).read_text(encoding="utf-8"))
        statement = {name: value for name, value in document.items() if name not in _SIGNED_WITH}
        is_signed = is_signed_by(statement, document["signature"], public_key=public_key)
        written = statement.pop("format")
        manifest = Manifest(**statement) if written == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{directory} holds no whole export: {NAME} cannot be read.",
            remedy="Name a directory of: leo archive export DIR",
        ) from error
    if not is_signed:
        raise InvalidInput(
            f"{directory / NAME} is not signed with this key, or was changed since.",
            remedy="Give the key of who exported it with --public-key; leo archive export prints it.",
        )
    if manifest is None:
        raise InvalidInput(f"{directory} was made by another release.", remedy="Check it with that release.")
    return manifest
