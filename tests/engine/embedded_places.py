"""Directories and commands for tests with real servers."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine import embedded
from engine.settings import Settings

ROOT = Path(__file__).parents[2]


def settings_for(home: Path) -> Settings:
    """Give settings for embedded servers below `home`, whatever servers the test run itself uses."""
    return Settings.load(home=home, database_url=None, admin_database_url=None, redis_url=None)


@contextlib.contextmanager
def open_directory(name: str = "home") -> Iterator[Path]:
    """Make a directory that every account may enter (pytest's own is 0700), and erase what embedded servers left."""
    parent = Path(tempfile.mkdtemp(prefix="leo-"))
    parent.chmod(0o755)
    home = parent / name
    try:
        yield home
    finally:
        embedded.erase(settings_for(home))
        shutil.rmtree(parent, ignore_errors=True)


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program of its own, in its own session, with this checkout importable."""
    return subprocess.run(  # noqa: S603 - the program is the test's own
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=120,
    )
