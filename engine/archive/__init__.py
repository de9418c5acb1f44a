"""The archive: old decisions and deliveries leave the live tables and the graph, and can be exported as files.

`archive_old` moves what is old, `export` writes what is archived into files that can be read without our software,
`check` compares such files with the ledger, `erase` takes people out of them.
"""

from engine.archive.check import Checked, check
from engine.archive.compare import Compared, compare
from engine.archive.erase import erase
from engine.archive.export import Period, export
from engine.archive.manifest import Manifest
from engine.archive.move import (
    KEEP_DAYS,
    MOST_DAYS,
    Moved,
    Retention,
    Standing,
    archive_old,
    keep,
    retention,
    standing,
)

__all__ = [
    "KEEP_DAYS",
    "MOST_DAYS",
    "Checked",
    "Compared",
    "Manifest",
    "Moved",
    "Period",
    "Retention",
    "Standing",
    "archive_old",
    "check",
    "compare",
    "erase",
    "export",
    "keep",
    "retention",
    "standing",
]
