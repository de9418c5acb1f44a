"""Backups: everything that PostgreSQL holds, taken at one instant and brought back so that nothing is sent twice.

Graphs are not in them: they are drawn from the tables. Keys are not either: who has both could read credentials.
"""

from engine.backup.hold import Held, hold
from engine.backup.make import back_up
from engine.backup.manifest import Kept, Manifest, check_files, read_manifest
from engine.backup.restore import Restored, RestoredTenant, restore

__all__ = [
    "Held",
    "Kept",
    "Manifest",
    "Restored",
    "RestoredTenant",
    "back_up",
    "check_files",
    "hold",
    "read_manifest",
    "restore",
]
