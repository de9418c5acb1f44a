"""Taking erased people out of an earlier export: their lines keep ids and leaves, all other lines stay.

The ledger contains only the leaves, so it still matches; the manifest is signed anew for the changed files.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from engine.archive.check import Broken, Checked, lines, texts
from engine.archive.files import Files, instead
from engine.archive.manifest import DECISIONS, DELIVERIES, LEDGER
from engine.audit.checkpoint import Signer
from rules.errors import InvalidInput


def erase(directory: Path, checked: Checked, *, people: Collection[int], signer: Signer) -> int:
    """Empty the records of people, by profile_id, in an export that was found whole; gives the number of records.

    Raises InvalidInput if the files cannot be read or written; then they are unchanged.
    """
    gone, emptied = frozenset(people), 0
    with instead(directory) as part:
        files = Files(part)
        try:
            with files.opened() as put:
                for name, kind in ((DECISIONS, "decision"), (DELIVERIES, "delivery")):
                    for line in lines(directory / name):
                        is_theirs = line.values["profile_id"] in gone and not line.values["erased"]
                        put(name, (line.emptied(kind) if is_theirs else line).text())
                        emptied += is_theirs
                for _, text in texts(directory / LEDGER):
                    put(LEDGER, text.rstrip("\n"))
        except Broken as broken:
            raise InvalidInput(f"{directory}: {broken}", remedy="Check it first: leo archive check DIR") from broken
        manifest = checked.manifest
        replace(manifest, erased=manifest.erased + emptied, files=files.described()).write(part, signer)
    return emptied
