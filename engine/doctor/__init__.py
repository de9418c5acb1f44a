"""`leo doctor`: what is used here, in which versions, and what is wrong, each with one remedy.

It looks and changes nothing: no server is started, nothing is created.
"""

import importlib.util
import platform
import shutil
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row
from redis import Redis
from redis.exceptions import RedisError

from engine import embedded
from engine.bootstrap import expected_schema
from engine.doctor.judge import Finding, State, judge, numbers
from engine.embedded import postgres
from engine.embedded import redis as redis_server
from engine.embedded.home import LOOPBACK, Home, is_port_free
from engine.processes import background, table
from engine.queries import queries
from engine.settings import Settings, unknown_variables
from rules.errors import LeoError

OLDEST_REDIS = (6, 2)
OPTIONAL = {"llama_cpp": ("llama-cpp-python", "functiongemma", "the functiongemma arbiter")}


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; never raises because something is broken, since that is what it reports."""
    return [*_machine(settings), *_postgres(settings), *_redis(settings), *_ports(settings), *_packages()]


def _machine(settings: Settings) -> list[Finding]:
    area = "machine"
    text = (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; LEO_HOME is {settings.home}."
    )
    found = [Finding(area, State.OK, text)]
    for name, closest in unknown_variables().items():
        hint = f"; did you mean {closest}?" if closest else "."
        found.append(
            Finding(area, State.WRONG, f"Nothing reads the environment variable {name}{hint}", f"Run: unset {name}")
        )
    return found


def _postgres(settings: Settings) -> list[Finding]:
    area = "postgresql"
    if settings.database_url is not None:
        return _ask_own(settings, settings.database_url.get_secret_value())
    try:
        binaries = postgres.installed_binaries()
    except LeoError as error:
        return [Finding(area, State.WRONG, error.message, error.remedy)]
    run = postgres.running(Home(settings.home))
    if run is None:
        done = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        text = f"Embedded, {done.stdout.strip() or 'which does not run here'}; not running now."
        return [Finding(area, State.NOTE, text, "It is started when needed; leo up starts everything.")]
    what = f"Embedded, process {run.pid} on {LOOPBACK}:{run.port}, log {run.log}."
    return [Finding(area, State.OK, what), *_ask_embedded(settings, run.port or 0)]


def _ask_embedded(settings: Settings, port: int) -> list[Finding]:
    secrets = embedded.load_secrets(settings)
    try:
        return judge(
            _facts(settings, postgres.url(port, user=postgres.APP, password=secrets.app_password)),
            expected=expected_schema(),
        )
    except psycopg.Error as error:
        text = f"Its role leo_app cannot log in: {_reason(error)}."
        found = [Finding("postgresql", State.WRONG, text, "Run: leo db upgrade")]
    try:
        facts = _facts(settings, postgres.url(port, user=postgres.ADMIN, password=secrets.admin_password))
    except psycopg.Error as error:
        text = f"It does not answer: {_reason(error)}."
        return [Finding("postgresql", State.WRONG, text, "Run leo down, then what you ran before; it is started anew.")]
    # Our own superuser asks here only because leo_app cannot; LEO does not work as a superuser.
    return [*found, *judge({**facts, "is_superuser": False, "is_age_loaded": True}, expected=expected_schema())]


def _ask_own(settings: Settings, url: str) -> list[Finding]:
    parts = urlsplit(url)
    found = [Finding("postgresql", State.OK, f"Your own at {parts.hostname or 'localhost'}:{parts.port or 5432}.")]
    try:
        facts = _facts(settings, url)
    except psycopg.Error as error:
        text = f"It cannot be used: {_reason(error)}."
        remedy = "Correct LEO_DATABASE_URL or start that server; unset, PostgreSQL is embedded."
        return [*found, Finding("postgresql", State.WRONG, text, remedy)]
    return [*found, *judge(facts, expected=expected_schema())]


def _facts(settings: Settings, url: str) -> dict[str, Any]:
    timeout_s = max(2, round(settings.database_connect_timeout_s))  # libpq takes no less than two
    with psycopg.connect(url, connect_timeout=timeout_s, row_factory=dict_row, autocommit=True) as connection:
        row = connection.execute(queries("doctor")["server_facts"]).fetchone()
        facts = dict(row["facts"]) if row else {}
        if facts.get("has_schema"):
            row = connection.execute(queries("doctor")["schema_version"]).fetchone()
            facts["schema_version"] = row["version"] if row else None
    return facts


def _reason(error: Exception) -> str:
    """Give a library's message as half a sentence."""
    text = " ".join(str(error).split()).removeprefix("connection failed: ")
    return text.partition(" Is the server running")[0].rstrip(".?") or type(error).__name__


def _redis(settings: Settings) -> list[Finding]:
    area, home = "redis", Home(settings.home)
    if settings.redis_url is not None:
        url, what = settings.redis_url.get_secret_value(), "Your own"
        remedy = "Correct LEO_REDIS_URL or start that server; unset, Redis is embedded."
    else:
        try:
            server = redis_server.installed_server()
        except LeoError as error:
            return [Finding(area, State.WRONG, error.message, error.remedy)]
        run = redis_server.running(home)
        if run is None:
            text = f"Embedded, {server}; not running now."
            return [Finding(area, State.NOTE, text, "It is started when needed; leo up starts everything.")]
        url = redis_server.url(run.port or 0, embedded.load_secrets(settings).redis_password)
        what, remedy = f"Embedded, process {run.pid} on {LOOPBACK}:{run.port}", f"Read {run.log}, or run: leo down"
    try:
        with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            version = str(client.info("server")["redis_version"])
    except (RedisError, ValueError, OSError) as error:
        return [Finding(area, State.WRONG, f"{what}, cannot be used: {_reason(error)}.", remedy)]
    if numbers(version) < OLDEST_REDIS:
        return [Finding(area, State.WRONG, f"{what}, Redis {version}: too old.", "Use Redis 6.2 or later.")]
    return [Finding(area, State.OK, f"{what}, Redis {version}.")]


def _ports(settings: Settings) -> list[Finding]:
    found, home = [], Home(settings.home)
    for name, (owner, preferred) in table.PORTS.items():
        wanted = getattr(settings, name)
        port = wanted or home.port(name) or preferred
        if background.running(settings.home, owner) is not None and port == home.port(name):
            found.append(Finding("ports", State.OK, f"{port}: our {owner} listens there."))
        elif is_port_free(port):
            found.append(Finding("ports", State.OK, f"{port}: free, for the {owner}."))
        elif wanted:
            remedy = f"End that program, or set LEO_{name.upper()} to another port (0: any free one)."
            found.append(Finding("ports", State.WRONG, f"{port}, meant for the {owner}, is in use.", remedy))
        else:
            found.append(
                Finding("ports", State.NOTE, f"{port}: in use by another program; the {owner} will take another.")
            )
    return found


def _packages() -> list[Finding]:
    found = []
    for module, (package, extra, purpose) in OPTIONAL.items():
        if _is_installed(module):
            found.append(Finding("packages", State.OK, f"{package} is installed, for {purpose}."))
        else:
            remedy = f"Where you want it: make setup EXTRAS={extra}"
            found.append(
                Finding("packages", State.NOTE, f"{package} is not installed; only {purpose} needs it.", remedy)
            )
    is_covered = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 13)
    if not is_covered and shutil.which("postgres") is None:
        text = "The embedded servers are made for Linux on x86-64 with Python 3.11 or 3.12."
        found.append(Finding("packages", State.NOTE, text, "Elsewhere set LEO_DATABASE_URL and LEO_REDIS_URL."))
    return found


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is absent
        return False
