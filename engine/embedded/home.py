"""The directory LEO_HOME: the layout of its files, its lock, its ports and its generated secrets.

It never touches a file outside LEO_HOME and never loosens the permissions of a directory.
"""

import base64
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from engine.keys import name_of
from engine.processes import track
from engine.settings import Settings
from rules.errors import Misconfigured, Unavailable

LOOPBACK = "127.0.0.1"
# Below 32768, where Linux starts handing out ports for outgoing connections; one of those could take ours while we are
# down.
PORT_FIRST, PORT_COUNT = 20_000, 12_000


@dataclass(frozen=True, slots=True)
class Home:
    path: Path

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def prepare(self) -> None:
        """Make the directories; raises Misconfigured if the file system refuses."""
        try:
            for directory in (self.path, self.run, self.log):
                directory.mkdir(parents=True, exist_ok=True)
                if not os.access(directory, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise Misconfigured(
                f"The directory {self.path} cannot be used: {error.strerror}.",
                remedy="Set LEO_HOME to a directory that you may write to.",
            ) from error

    @contextlib.contextmanager
    def locked(self, *, timeout_s: float) -> Iterator[None]:
        """Lock LEO_HOME against other commands; raises Unavailable after `timeout_s`."""
        self.prepare()
        deadline = time.monotonic() + timeout_s
        with (self.path / "lock").open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise Unavailable(
                            f"Another leo command has been starting or stopping servers in {self.path} "
                            f"for over {timeout_s:.0f} seconds.",
                            remedy="Wait for it or end it, then try again.",
                        ) from None
                    time.sleep(0.05)
            yield

    def port(self, name: str) -> int | None:
        return self._ports().get(name)

    def keep_port(self, name: str, port: int) -> None:
        track.write_private(self.path / "ports.json", json.dumps(self._ports() | {name: port}))

    def _ports(self) -> dict[str, int]:
        try:
            document = json.loads((self.path / "ports.json").read_text(encoding="utf-8"))
            return {str(name): int(port) for name, port in document.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def free_port(self, name: str, *, preferred: int | None = None) -> int:
        """Give the port this part used last if it is free, else `preferred`, else any free one; it is remembered."""
        kept = self.port(name)
        for port in (kept, preferred):
            if port is not None and is_port_free(port):
                self.keep_port(name, port)
                return port
        digest = hashlib.sha256(f"{self.path}:{name}".encode()).digest()
        start = int.from_bytes(digest[:4])
        for step in range(PORT_COUNT):
            port = PORT_FIRST + (start + step) % PORT_COUNT
            if port != kept and is_port_free(port):
                self.keep_port(name, port)
                return port
        raise Unavailable("No TCP port is free on 127.0.0.1.", remedy="End what holds them, then try again.")


def is_port_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is generated once for a LEO_HOME; never printed (no field is in the repr)."""

    admin_password: str = field(repr=False)
    app_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    platform_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    credential_key: str = field(repr=False)


def load_secrets(settings: Settings) -> Secrets:
    """Read `secrets.json` (0600), which the first call makes; settings take precedence over generated secrets."""
    home = Home(settings.home)
    home.prepare()
    path = home.path / "secrets.json"
    if not path.exists():
        with home.locked(timeout_s=settings.server_start_timeout_s):
            if not path.exists():
                track.write_private(path, json.dumps(asdict(_generate()), indent=2))
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        stored = {item.name: str(document[item.name]) for item in fields(Secrets)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"The file {path} cannot be read: {type(error).__name__}.",
            remedy=f"Put back your copy of it, or remove {home.path} to begin anew (its embedded data goes with it).",
        ) from error
    chosen = {name: getattr(settings, name) for name in ("platform_key", "webhook_secret", "credential_key")}
    return Secrets(**(stored | {name: value.get_secret_value() for name, value in chosen.items() if value}))


def add_credential_key(settings: Settings) -> str:
    """Put a new key before those in `secrets.json` and give its name; raises Misconfigured if they are a setting."""
    if settings.credential_key is not None:
        raise Misconfigured(
            "LEO_CREDENTIAL_KEY is set, so the keys are yours to change.",
            remedy="Put a new key and a comma before the old one, restart every process, then: leo credentials rotate",
        )
    home, key = Home(settings.home), _credential_key()
    kept = load_secrets(settings)
    with home.locked(timeout_s=settings.server_start_timeout_s):
        more = asdict(kept) | {"credential_key": f"{key},{kept.credential_key}"}
        track.write_private(home.path / "secrets.json", json.dumps(more, indent=2))
    return name_of(key)


def _credential_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _generate() -> Secrets:
    return Secrets(
        admin_password=secrets.token_urlsafe(24),
        app_password=secrets.token_urlsafe(24),
        redis_password=secrets.token_urlsafe(24),
        platform_key=f"leo_platform_{secrets.token_urlsafe(24)}",
        webhook_secret=secrets.token_urlsafe(32),
        credential_key=_credential_key(),
    )
