"""Setting a server up: `bootstrap` as a superuser (extensions, roles), then `upgrade` as leo_owner (schema.sql)."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from engine import queries
from engine.db import APP_ROLE, admin
from engine.failures import where
from rules.errors import Misconfigured

# One at a time, whichever other process starts now; 0x1e0 is an arbitrary key of ours.
_LOCK = "SELECT pg_advisory_xact_lock(480)"
_AS_OWNER = "SET ROLE leo_owner"
_PASSWORD = "ALTER ROLE {} LOGIN PASSWORD {}"  # noqa: S105 - a statement, no secret
_HAS_SCHEMA = "SELECT to_regclass('public.schema_migration') IS NOT NULL"
_APPLIED = "SELECT version, source_hash FROM public.schema_migration ORDER BY version DESC LIMIT 1"
_VERSIONS = re.compile(r"INSERT INTO schema_migration \(version\) VALUES \((\d+)\)")
_REMEMBER = "UPDATE public.schema_migration SET source_hash = %s WHERE version = %s"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a set-up found and made: the schema's version before (None: no schema) and after."""

    before: int | None
    after: int


def bootstrap(admin_url: str, *, app_password: str | None = None) -> None:
    """Create extensions and roles in the database of `admin_url`; leo_app gets a login if a password is given.

    It is idempotent. Raises Misconfigured if the login is not a superuser or an extension is missing.
    """
    with admin(admin_url) as connection:
        connection.execute(_LOCK)
        connection.execute(queries.script("bootstrap"))
        if app_password is not None:
            _give_password(connection, app_password)


def _give_password(connection: Connection[tuple[Any, ...]], password: str) -> None:
    # Hashed here (SCRAM), so that no server log contains the password itself.
    hashed = connection.pgconn.encrypt_password(password.encode(), APP_ROLE.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL(_PASSWORD).format(sql.Identifier(APP_ROLE), sql.Literal(hashed)))


def upgrade(admin_url: str) -> Applied:
    """Apply schema.sql as leo_owner, in one transaction, unless it was already the last one applied.

    Raises Misconfigured if `bootstrap` has not run, or a newer release has already upgraded this database.
    """
    text = queries.schema()
    source_hash = hashlib.sha256(text.encode()).digest()
    with admin(admin_url) as connection:
        connection.execute(_LOCK)
        before, applied_hash = _applied(connection)
        if before is not None and applied_hash == source_hash:
            return Applied(before, before)
        if before is not None and before > expected_schema():
            raise Misconfigured(
                f"{where(admin_url)} has schema version {before}, newer than {expected_schema()} of this release.",
                remedy="Run the release that upgraded it, or a later one; a schema is never taken back.",
            )
        connection.execute(_AS_OWNER)
        connection.execute(text)
        after, _ = _applied(connection)
        connection.execute(_REMEMBER, (source_hash, after))
    return Applied(before, after or 0)


def expected_schema() -> int:
    """Read the version that this release's schema.sql records."""
    return max(map(int, _VERSIONS.findall(queries.schema())))


def schema_version(connection: Connection[tuple[Any, ...]]) -> int | None:
    """Give the version of the schema in this database; None if there is no schema."""
    return _applied(connection)[0]


def _applied(connection: Connection[tuple[Any, ...]]) -> tuple[int | None, bytes | None]:
    found = connection.execute(_HAS_SCHEMA).fetchone()
    row = connection.execute(_APPLIED).fetchone() if found is not None and found[0] else None
    return (None, None) if row is None else (row[0], row[1])


def set_up_roles(admin_url: str, *, app_url: str) -> None:
    """Bootstrap; leo_app logs in with the password of `app_url`, if that is its user."""
    login = conninfo_to_dict(app_url)
    password = login.get("password") if login.get("user") == APP_ROLE else None
    bootstrap(admin_url, app_password=str(password) if password else None)


def set_up(admin_url: str, *, app_url: str) -> Applied:
    """Bootstrap and upgrade in one go; leo_app logs in with the password of `app_url`, if that is its user."""
    set_up_roles(admin_url, app_url=app_url)
    return upgrade(admin_url)
