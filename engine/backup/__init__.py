"""Backups: everything in PostgreSQL at one instant, restored in such a way that nothing is sent twice.

Graphs are not in a backup, because they are drawn from the tables. Keys are not either, because whoever had both could
read the credentials.
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
