"""What a backup contains, in `manifest.json`: hashes of its files, rows of each table, each ledger's signed head.

It is written last, so a directory without it is not a backup.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.processes import track
from rules.errors import InvalidInput

FORMAT = 1
NAME = "manifest.json"
DUMP = "database.dump"
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """A tenant in the backup; `checkpoint` is the signed head of its ledger, None if nothing was sealed."""

    tenant_id: str
    slug: str
    checkpoint: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was backed up, and when; `files` are sha256 and bytes by name, `keys` the names of keys that sealed."""

    taken_at: str
    schema_version: int
    server: str
    files: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, int]
    tenants: tuple[Kept, ...]
    keys: tuple[str, ...]

    def write(self, directory: Path) -> None:
        document = {"format": FORMAT, **asdict(self)}
        track.write_private(directory / NAME, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def read_manifest(directory: Path) -> Manifest:
    """Read a backup's manifest; raises InvalidInput if there is none, or it has another format."""
    try:
        document = json.loads((directory / NAME).read_text(encoding="utf-8"))
        if document.pop("format") != FORMAT:
            raise InvalidInput(f"{directory} was made by another release.", remedy="Restore it with that release.")
        document["tenants"] = tuple(Kept(**one) for one in document["tenants"])
        document["keys"] = tuple(document["keys"])
        return Manifest(**document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{directory} holds no whole backup: {NAME} cannot be read.", remedy="Name a directory of: leo backup DIR"
        ) from error


def describe_file(path: Path) -> dict[str, Any]:
    """Give the hash and size of a file, reading it in parts."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return {"sha256": digest.hexdigest(), "bytes": path.stat().st_size}


def check_files(directory: Path, manifest: Manifest) -> None:
    """Read every file of the backup; raises InvalidInput naming the first that was changed since it was written."""
    for name, described in manifest.files.items():
        try:
            is_same = describe_file(directory / name) == dict(described)
        except OSError as error:
            raise InvalidInput(f"{directory / name} cannot be read.", remedy="Take another copy of it.") from error
        if not is_same:
            raise InvalidInput(
                f"{directory / name} is not what was written: its hash or size differs.",
                remedy="Take another copy of it, or an earlier backup.",
            )
