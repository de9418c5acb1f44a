"""A disk small enough to be filled: a tmpfs that holds PostgreSQL's data, if this process may mount one."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine import bootstrap, embedded
from engine.embedded import Servers
from engine.settings import Settings

SIZE_MB = 320
# The space that is left after filling: the rest of a WAL segment, and then nothing.
LEFT_MB = 4
_MIB = 1024 * 1024


def may_mount() -> bool:
    """Whether a tmpfs can be mounted here: as root, but not in every container."""
    if os.geteuid() != 0:
        return False
    place = Path(tempfile.mkdtemp(prefix="leo-mount-"))
    try:
        with mounted(place, megabytes=1):
            return place.is_mount()
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def mounted(place: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount a tmpfs of this many MB there; if this process may not, use a plain directory."""
    place.mkdir(exist_ok=True)
    _mount(place, megabytes)
    try:
        yield place
    finally:
        _unmount(place)


class Small:
    """The disk, mounted where the embedded PostgreSQL of some settings will put its data."""

    def __init__(self) -> None:
        self._at: Path | None = None

    def own_database(self, settings: Settings) -> Servers:
        """Mount it, then make and start a PostgreSQL on it."""
        settings.home.chmod(0o711)  # the account that runs PostgreSQL has to reach it
        self._at = settings.home / "postgres"
        self._at.mkdir()
        _mount(self._at, SIZE_MB)
        servers = embedded.ensure(settings)
        bootstrap.set_up(servers.admin_database_url, app_url=servers.database_url)
        return servers

    def fill(self) -> None:
        """Leave almost no free space."""
        if self._at is None:
            return
        left = shutil.disk_usage(self._at).free - LEFT_MB * _MIB
        with contextlib.suppress(OSError), self._ballast().open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, left))

    def make_room(self) -> None:
        self._ballast().unlink(missing_ok=True)

    def unmount(self) -> None:
        if self._at is not None:
            _unmount(self._at)
            self._at = None

    def _ballast(self) -> Path:
        return (self._at or Path()) / "ballast"


def _mount(place: Path, megabytes: int) -> None:
    argv = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(place)]
    subprocess.run(argv, capture_output=True, check=False)  # noqa: S603 - argv is ours


def _unmount(place: Path) -> None:
    if place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=False)  # noqa: S603, S607
