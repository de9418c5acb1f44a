"""Sources: the CDP databases that a tenant takes people from, with the password sealed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.credentials import Vault
from engine.db import Transaction
from engine.ingest import fieldmap
from engine.ingest.arango import BACKOFF_S, TIMEOUT_S, TRIES, Arango
from engine.queries import queries
from rules.errors import InvalidInput, Misconfigured, NotFound

ARANGO = "arango"
CONNECTED, PAUSED = "connected", "paused"
EVERY_S = 300
# Where people come from otherwise: a source of the same name could not tell its own apart.
TAKEN_KEYS = frozenset({"api", "import", "csv", "sandbox"})
# What a source may be told beside where it is, and what each has to be.
SETTINGS: Mapping[str, type | tuple[type, ...]] = {
    "url": str,
    "database": str,
    "username": str,
    "timeout_s": (int, float),
    "backoff_s": (int, float),
    "ca_file": str,
    "page": int,
    "reconcile_at": str,
    "metrics": list,
    "fresh_s": (int, float),
    "most_gone": (int, float),
    "map_print": str,
}
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_PASSWORD = "source_password"  # noqa: S105 - the name it is sealed under
_SQL = queries("sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source as it is stored; `password` is there where it was asked for with a vault."""

    tenant_id: UUID
    source_id: int
    key: str
    kind: str
    settings: Mapping[str, Any]
    field_map: Mapping[str, Any]
    status: str
    every_s: int
    due_at: datetime | None
    password: str = field(default="", repr=False)

    def connect(self, *, tries: int = TRIES) -> Arango:
        """Make the client; nothing is asked yet."""
        return Arango(
            self.settings["url"],
            database=self.settings["database"],
            username=self.settings["username"],
            password=self.password,
            timeout_s=self.settings.get("timeout_s", TIMEOUT_S),
            backoff_s=self.settings.get("backoff_s", BACKOFF_S),
            tries=tries,
            ca_file=self.settings.get("ca_file"),
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """A source and what its last run was; all None where there was none."""

    source: Source
    last_mode: str | None
    last_status: str | None
    last_error: str | None
    last_started_at: datetime | None


async def save_source(
    conn: Transaction,
    vault: Vault,
    *,
    tenant_id: UUID,
    key: str,
    settings: Mapping[str, Any],
    password: str,
    every_s: int = EVERY_S,
    field_map: Mapping[str, Any] | None = None,
) -> Source:
    """Add a source or change the one of this key; `settings` has url, database and username, and more of SETTINGS.

    Raises InvalidInput where key, URL, setting or field map cannot be used.
    """
    _check(key, settings, every_s)
    fieldmap.load(field_map)
    values = {
        "tenant_id": tenant_id,
        "key": key,
        "kind": ARANGO,
        "settings": Jsonb(dict(settings)),
        "field_map": Jsonb(dict(field_map or {})),
        "every_s": every_s,
    }
    row = await (await conn.execute(_SQL["save"], values)).fetchone()
    source_id = 0 if row is None else row["source_id"]
    # Records of every kind are numbered by one sequence, so a source's id is no channel's.
    sealed = vault.seal(password, tenant_id=tenant_id, channel_id=source_id, name=_PASSWORD)
    credential = {"source_id": source_id, "name": _PASSWORD, "ciphertext": sealed, "key_name": vault.key_name}
    await conn.execute(_SQL["seal"], {"tenant_id": tenant_id, **credential})
    return await get_source(conn, vault, tenant_id=tenant_id, key=key)


async def get_source(conn: Transaction, vault: Vault, *, tenant_id: UUID, key: str) -> Source:
    """Give a source with its password; raises NotFound, Misconfigured where the password does not open."""
    row = await (await conn.execute(_SQL["by_key"], {"tenant_id": tenant_id, "key": key})).fetchone()
    if row is None:
        raise _unknown(key)
    values = {"source_id": row["source_id"], "name": _PASSWORD}
    sealed = await (await conn.execute(_SQL["credential"], values)).fetchone()
    if sealed is None:
        raise Misconfigured(f"The source {key!r} has no password.", remedy="Add it again: leo sources add arango")
    password = vault.open(bytes(sealed["ciphertext"]), tenant_id=tenant_id, channel_id=row["source_id"], name=_PASSWORD)
    return Source(**row, password=password)


async def list_sources(conn: Transaction, *, tenant_id: UUID) -> Sequence[Listed]:
    """Give the sources by key, without passwords."""
    rows = await (await conn.execute(_SQL["page"], {"tenant_id": tenant_id})).fetchall()
    return [
        Listed(
            Source(**{name: value for name, value in row.items() if not name.startswith("last_")}),
            row["last_mode"],
            row["last_status"],
            row["last_error"],
            row["last_started_at"],
        )
        for row in rows
    ]


async def set_status(conn: Transaction, *, tenant_id: UUID, key: str, status: str) -> None:
    """Pause a source or let it go on; raises NotFound."""
    values = {"tenant_id": tenant_id, "key": key, "status": status}
    if await (await conn.execute(_SQL["set_status"], values)).fetchone() is None:
        raise _unknown(key)


async def remove_source(conn: Transaction, *, tenant_id: UUID, key: str) -> None:
    """Forget a source, its password, its positions and its runs; its people stay. Raises NotFound."""
    if await (await conn.execute(_SQL["remove"], {"tenant_id": tenant_id, "key": key})).fetchone() is None:
        raise _unknown(key)


async def check(source: Source) -> str:
    """Ask a source for a little of each collection; gives a sentence. Raises Misconfigured or Unavailable, at once.

    Somebody waits for the answer, who has typed the address a moment ago.
    """
    fields = fieldmap.load(source.field_map)
    arango = source.connect(tries=1)
    start = {"ts": "", "key": "", "n": 1}
    people = {"at_people": fields.collection, "fields": list(fields.fields), "updated": fields.time_field}
    try:
        found = await arango.ask("profiles_changed", **people, **start)
        told = f"{source.key} answers: {'there are people' if found else 'there is nobody yet'}"
        if fields.segments is not None:
            told += f", {len(await arango.ask('segments', at_segments=fields.segments))} active segments"
        if fields.touchpoints is not None:
            await arango.ask("touchpoints_by_key", at_touchpoints=fields.touchpoints, keys=[])
        if fields.metrics is not None:
            told += f", {len(await arango.ask('metrics', at_metrics=fields.metrics))} metrics"
        if fields.event is not None:
            asked = {"created": fields.event.time_field, "metric": fields.event.type_field, "metrics": []}
            events = {"at_events": fields.event.collection, "fields": list(fields.event.fields)}
            await arango.ask("events_changed", **events, **asked, **start)
    finally:
        arango.close()
    return f"{told}."


def _check(key: str, settings: Mapping[str, Any], every_s: int) -> None:
    if _KEY.fullmatch(key) is None or key in TAKEN_KEYS:
        raise InvalidInput(
            f"A source cannot be called {key!r}.", remedy="Use 1 to 41 of a-z, 0-9, - and _, a letter first: cdp"
        )
    if not 1 <= every_s <= 30 * 86_400:
        raise InvalidInput("A source is read every second to every 30 days.", remedy="Give seconds: --every 300")
    for name, value in settings.items():
        if name not in SETTINGS or isinstance(value, bool) or not isinstance(value, SETTINGS[name]):
            raise InvalidInput(
                f"The setting {name!r} of a source is {value!r}.", remedy="docs/ingest.md lists them with their kinds."
            )
    missing = [name for name in ("url", "database", "username") if not settings.get(name)]
    if missing:
        raise InvalidInput(f"The source has no {missing[0]}.", remedy="Give url, database and username.")
    _check_url(settings["url"])
    if "reconcile_at" in settings and _TIME.fullmatch(settings["reconcile_at"]) is None:
        raise InvalidInput(f"reconcile_at is {settings['reconcile_at']!r}.", remedy="Give hours and minutes: 03:15")
    if "page" in settings and not 1 <= settings["page"] <= 5_000:  # noqa: PLR2004 - some 10 MB of documents
        raise InvalidInput("A page has 1 to 5,000 people.", remedy="Leave it out for 1,000.")


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment or "," in url:
        raise InvalidInput(
            "The URL of an ArangoDB is http:// or https://, a host and a port.",
            remedy="Write it as http://arango.example:8529, the password apart.",
        )


def _unknown(key: str) -> NotFound:
    return NotFound(f"There is no source {key!r}.", remedy="Run: leo sources list")
