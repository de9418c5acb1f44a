"""PostgreSQL's own pg_dump and pg_restore: found, checked for their version, and run without showing a password."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.embedded.postgres import installed_binaries
from rules.errors import Misconfigured, Unavailable

# The first version that can leave out an extension, which bootstrap creates.
OLDEST = 17
# How long to wait for a table that somebody is changing.
LOCK_WAIT_MS = 60_000


def directory_of(name: str, *, server: int) -> Path:
    """Find the directory whose `name` is not older than the server (by major version): ours, otherwise that on PATH.

    Raises Misconfigured if there is none.
    """
    needed = max(OLDEST, server)
    found = []
    with contextlib.suppress(Misconfigured):
        found.append(installed_binaries())
    on_path = shutil.which(name)
    if on_path is not None:
        found.append(Path(on_path).parent)
    for directory in found:
        if _major(directory / name) >= needed:
            return directory
    raise Misconfigured(
        f"There is no {name} of PostgreSQL {needed} or later here.",
        remedy="Install the client programs of your server's version, or run it where they are.",
    )


def run(program: Path, url: str, arguments: Sequence[str]) -> None:
    """Run one of them on the database of `url`; raises Unavailable with its last output.

    It may take hours, so only the server's own time-outs bound it; Ctrl-C ends it too.
    """
    login = conninfo_to_dict(url)
    password = str(login.pop("password", ""))
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR"} or name[:2] == "PG"}
    environment = kept | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})
    where = make_conninfo(**{name: str(value) for name, value in login.items()})
    done = subprocess.run(  # noqa: S603 - the program is PostgreSQL's, the arguments are ours
        [str(program), f"--dbname={where}", "--no-password", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-400:]
        raise Unavailable(f"{program.name} failed: {said}", remedy="Mend that and begin again.")


def _major(program: Path) -> int:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return 0
    found = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", done.stdout)
    return int(found[1]) if found else 0
