"""PostgreSQL and Redis from wheels, so that nothing has to be installed; a user's own URLs replace them.

Only what is needed is started, what runs is reused, and a server outlives the command that started it until `stop`.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field

from pydantic import SecretStr

from engine.embedded import postgres
from engine.embedded import redis as redis_server
from engine.embedded.home import Home, Secrets, load_secrets
from engine.processes import track
from engine.settings import Settings

__all__ = ["ALL", "Secrets", "Servers", "ensure", "erase", "is_running", "load_secrets", "missing", "stop"]

ALL = frozenset({postgres.NAME, redis_server.NAME})


@dataclass(frozen=True, slots=True)
class Servers:
    """Where to connect. The URLs contain passwords, so none is in the repr; a part that was not asked for is empty."""

    database_url: str = field(repr=False)
    """A login as `leo_app` to the database `leo`; on the embedded server it works after the bootstrap."""
    admin_database_url: str = field(repr=False)
    """A superuser's login to the same database."""
    redis_url: str = field(repr=False)
    embedded: frozenset[str]
    """Which of "postgres" and "redis" are embedded."""
    secrets: Secrets = field(repr=False)


def ensure(settings: Settings, *, database: bool = True, redis: bool = True) -> Servers:
    """Start what is needed and is not the user's own, and give where everything is.

    Raises Misconfigured if no server can be embedded here, Unavailable if one does not start.
    """
    secrets = load_secrets(settings)
    home = Home(settings.home)
    urls = {
        "app": _plain(settings.database_url),
        "admin": _plain(settings.admin_database_url) or _plain(settings.database_url),
        "redis": _plain(settings.redis_url),
    }
    embedded: set[str] = set()
    wants_postgres = database and not urls["app"]
    wants_redis = redis and not urls["redis"]
    if wants_postgres or wants_redis:
        with home.locked(timeout_s=settings.server_start_timeout_s):
            if wants_postgres:
                port = postgres.start(home, secrets, timeout_s=settings.server_start_timeout_s)
                urls["app"] = postgres.url(port, user=postgres.APP, password=secrets.app_password)
                urls["admin"] = postgres.url(port, user=postgres.ADMIN, password=secrets.admin_password)
                embedded.add(postgres.NAME)
            if wants_redis:
                port = redis_server.start(home, secrets, timeout_s=settings.server_start_timeout_s)
                urls["redis"] = redis_server.url(port, secrets.redis_password)
                embedded.add(redis_server.NAME)
    return Servers(urls["app"], urls["admin"], urls["redis"], frozenset(embedded), secrets)


def is_running(settings: Settings) -> dict[str, track.Run]:
    """Give the names of the embedded servers that are running."""
    home = Home(settings.home)
    found = {postgres.NAME: postgres.running(home), redis_server.NAME: redis_server.running(home)}
    return {name: run for name, run in found.items() if run is not None}


def missing(settings: Settings) -> list[str]:
    """Name the embedded servers that these settings need and that are not running."""
    urls = {postgres.NAME: settings.database_url, redis_server.NAME: settings.redis_url}
    runs = is_running(settings)
    return [name for name, url in urls.items() if url is None and name not in runs]


def stop(settings: Settings, *, only: Collection[str] = ALL) -> list[track.Run]:
    """Stop the embedded servers of this LEO_HOME and give what was stopped; it is no error if nothing was running."""
    home = Home(settings.home)
    if not home.path.exists():
        return []
    with home.locked(timeout_s=settings.server_start_timeout_s):
        stopped = [part.stop(home) for part in (redis_server, postgres) if part.NAME in only]
    return [run for run in stopped if run is not None]


def erase(settings: Settings) -> None:
    """Stop the servers and remove LEO_HOME with all its data, including data that had to be placed outside it."""
    stop(settings)
    home = Home(settings.home)
    postgres.erase(home)
    if home.path.exists():
        shutil.rmtree(home.path)


def _plain(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
