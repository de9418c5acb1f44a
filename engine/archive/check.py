"""Checking an export against itself and the ledger: every hash, leaf and head; the first mismatch is named.

This needs no database. If there is one, its ledger has to contain the same batches.
"""

import gzip
import json
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.archive.line import Line
from engine.archive.manifest import DECISIONS, DELIVERIES, FILES, LEDGER, Manifest, read_manifest
from engine.audit.batch import WIDTH
from engine.backup.manifest import describe_file
from rules import merkle

# The longest line is a ledger's: 8,192 records with 64 digits each.
_LONGEST = 16 * 1024 * 1024
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was checked up to the first finding; the export is whole if there is none.

    `erased` records are of people who were erased before the export: their leaf is known, but their text is gone.
    `people` are the ids of all other people, in order.
    """

    manifest: Manifest
    decisions: int
    deliveries: int
    erased: int
    people: Sequence[int]
    finding: str | None = None


class Broken(Exception):
    """What does not match, in one sentence."""


@dataclass(slots=True)
class _Leaves:
    """Leaves by the ids of their records, 40 bytes each; `taken` are those that a line was already compared with."""

    ids: "array[int]" = field(default_factory=lambda: array("q"))
    leaves: bytearray = field(default_factory=bytearray)
    taken: bytearray = field(default_factory=bytearray)

    def add(self, ids: list[int], leaves: list[bytes]) -> None:
        if ids != sorted(set(ids)) or (self.ids and ids and ids[0] <= self.ids[-1]):
            raise ValueError("the records of a batch are out of order")
        self.ids.extend(ids)
        self.leaves += b"".join(leaves)
        self.taken.extend(bytes(len(ids)))

    def take(self, record_id: int) -> bytes | None:
        """Give a record's leaf, once; None if there is none, or it was taken before."""
        place = bisect_left(self.ids, record_id)
        if place == len(self.ids) or self.ids[place] != record_id or self.taken[place]:
            return None
        self.taken[place] = 1
        return bytes(self.leaves[place * WIDTH : (place + 1) * WIDTH])


def check(directory: Path, *, public_key: str) -> Checked:
    """Read every file of an export; raises InvalidInput if there is none, or it is not signed with this key."""
    manifest = read_manifest(directory, public_key=public_key)
    counts = {DECISIONS: 0, DELIVERIES: 0}
    people: set[int] = set()
    finding, erased = None, 0
    try:
        _hashes(directory, manifest)
        leaves = _chain(directory, manifest)
        for name, kind in ((DECISIONS, "decision"), (DELIVERIES, "delivery")):
            for line in lines(directory / name):
                _held(line, kind, manifest, leaves)
                counts[name] += 1
                if line.values["erased"]:
                    erased += 1
                else:
                    people.add(line.values["profile_id"])
        finding = _counted(manifest, counts, erased)
    except Broken as broken:
        finding = str(broken)
    return Checked(manifest, counts[DECISIONS], counts[DELIVERIES], erased, array("q", sorted(people)), finding)


def lines(path: Path) -> Iterator[Line]:
    """Read a file of records line by line; raises Broken."""
    for number, text in texts(path):
        with _at(path.name, number):
            line = Line.read(text)
        yield line


def _hashes(directory: Path, manifest: Manifest) -> None:
    for name in FILES:
        with _at(name):
            described = describe_file(directory / name)
            wanted = manifest.files[name]
            if any(described[what] != wanted[what] for what in described):
                raise Broken(f"{name} is not what was written: its hash or size differs.")


def _chain(directory: Path, manifest: Manifest) -> _Leaves:
    """Follow the ledger from the manifest's first head to its last; give the leaves in the file."""
    found, previous, number, after_id = _Leaves(), bytes.fromhex(manifest.previous), None, None
    for place, text in texts(directory / LEDGER):
        with _at(LEDGER, place):
            batch = json.loads(text)
            root = bytes.fromhex(batch["root"])
            head = merkle.head(
                previous,
                root,
                number=batch["batch_no"],
                after_id=batch["after_id"],
                last_id=batch["last_id"],
                count=batch["count"],
            )
            if head.hex() != batch["head"] or number not in {None, batch["batch_no"] - 1}:
                raise Broken(f"Batch {batch['batch_no']} does not follow the one before it.")
            if after_id not in {None, batch["after_id"]}:
                raise Broken(f"Batch {batch['batch_no']} begins elsewhere than its predecessor ends.")
            if "leaves" in batch:
                _grow(found, batch, root)
            previous, number, after_id = head, batch["batch_no"], batch["last_id"]
    if (number or 0, previous.hex()) != (manifest.batch_no, manifest.head):
        raise Broken(f"{LEDGER} does not lead to the manifest's head, of batch {manifest.batch_no}.")
    return found


def _grow(found: _Leaves, batch: Mapping[str, Any], root: bytes) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in batch["leaves"]]
    if merkle.root(leaves) != root or not len(leaves) == len(batch["record_ids"]) == batch["count"]:
        raise Broken(f"The root of batch {batch['batch_no']} is not that of its leaves.")
    found.add(batch["record_ids"], leaves)


def _held(line: Line, kind: str, manifest: Manifest, leaves: _Leaves) -> None:
    record_id = line.values.get(f"{kind}_id")
    with _at(f"the {kind} {record_id}"):
        if line.values["tenant_id"] != manifest.tenant_id:
            raise Broken(f"The {kind} {record_id} is of another tenant.")
        leaf = leaves.take(line.values[f"{kind}_id"])
        if leaf is None:
            raise Broken(f"The {kind} {record_id} is not in the ledger, or is there twice.")
        if leaf.hex() != line.values["leaf"]:
            raise Broken(f"The {kind} {record_id} is not what was sealed.")
        if (name := line.strays(kind)) is not None:
            raise Broken(f"The {kind} {record_id} is not what was sealed: {name} differs.")


def _counted(manifest: Manifest, counts: Mapping[str, int], erased: int) -> str | None:
    wanted = (manifest.decisions, manifest.deliveries, manifest.erased)
    if (counts[DECISIONS], counts[DELIVERIES], erased) == wanted:
        return None
    return f"The manifest counts {wanted[0]:,} decisions and {wanted[1]:,} deliveries, {wanted[2]:,} of them erased."


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Read a file line by line, each with its number from 1 and its end; raises Broken."""
    with _at(path.name), gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        number = 0
        while text := file.readline(_LONGEST):
            number += 1
            if not text.endswith("\n"):
                raise Broken(f"{path.name}, line {number}: it does not end, or is too long.")
            yield number, text


@contextmanager
def _at(what: str, number: int | None = None) -> Iterator[None]:
    """Turn an unreadable file into a finding."""
    try:
        yield
    except _UNREADABLE as error:
        place = what if number is None else f"{what}, line {number}"
        raise Broken(f"{place} cannot be read: {error}.") from error
