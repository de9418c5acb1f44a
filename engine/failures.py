"""PostgreSQL's errors as ours: what happened, and what to do; no SQL and no secret in the sentence."""

import re
from collections.abc import Callable, Mapping

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from rules.errors import Conflict, InvalidInput, LeoError, Misconfigured, NotFound, SnapshotImmutable, Unavailable
from rules.faults import Fault

_PASSWORD = re.compile(r"(?<=password=)\S+|(?<=:)[^:@/\s]+(?=@)")

# What a constraint's name means to a caller; the rest of the names speak for themselves.
_CONSTRAINTS: Mapping[str, str] = {
    "campaign_key_unique": "A campaign with this key exists already.",
    "campaign_policy_fkey": "The campaign's policy does not exist.",
    "campaign_segment_fkey": "The campaign's segment does not exist.",
    "campaign_template_template_fkey": "A template of the campaign does not exist.",
    "campaign_window_order": "The campaign would end before it starts.",
    "cdp_profiles_tenant_fkey": "The tenant does not exist.",
    "message_template_version_unique": "This version of the template exists already.",
    "saved_query_name_unique": "There is a saved query of that name.",
    "segment_key_unique": "A segment with this key exists already.",
    "tenant_slug_shape": "A tenant's slug is 3 to 41 characters of a-z, 0-9 and _, a letter first.",
    "tenant_slug_unique": "A tenant with this slug exists already.",
}

# The part of what was sent that a constraint is about.
_FAULTS: Mapping[str, Fault] = {
    "campaign_window_order": Fault("campaign.ends_first", "ends_at"),
    "saved_query_name_unique": Fault("query.name_taken", "name"),
}

# The first that fits counts: special before general.
_CLASSES: tuple[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], type[LeoError], str, str], ...] = (
    (errors.UniqueViolation, Conflict, "{said}", "Use the existing one, or another key."),
    (errors.ForeignKeyViolation, NotFound, "{said}", "Create what it refers to first."),
    (errors.NoDataFound, NotFound, "{said}", "Check the id."),
    ((errors.IntegrityError, errors.DataError), InvalidInput, "{said}", "Correct the value and send it again."),
    (
        (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn, errors.InvalidSchemaName),
        Misconfigured,
        "The database has not the schema of this version: {said}",
        "Run: leo db upgrade",
    ),
    (errors.InsufficientPrivilege, Misconfigured, "The database role may not do this: {said}", "Run: leo db bootstrap"),
    (
        errors.QueryCanceled,
        Unavailable,
        "The database took longer than the statement timeout.",
        "Ask for less, or raise LEO_DATABASE_STATEMENT_TIMEOUT_S.",
    ),
    (
        (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable),
        Unavailable,
        "Another transaction was in the way: {said}",
        "Try again.",
    ),
    (psycopg.OperationalError, Unavailable, "The database at {where} cannot be used: {said}", "Run: leo doctor"),
)


def where(url: str) -> str:
    """Name the server of a URL without its password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "an unreadable database URL"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


def translate(error: psycopg.Error, *, url: str = "") -> LeoError:
    """Give our error for a psycopg one; `url` only names the server where it could not be reached."""
    said = _said(error)
    hint = error.diag.message_hint or ""
    state = error.sqlstate or ""
    if state == "LEO01":
        return SnapshotImmutable(said, remedy=hint)
    if state.startswith("LEO"):
        return Conflict(said, remedy=hint)
    for classes, ours, sentence, remedy in _CLASSES:
        if isinstance(error, classes):
            fault = _FAULTS.get(error.diag.constraint_name or "")
            return _made(ours, sentence.format(said=said, where=where(url)), hint or remedy, fault)
    return LeoError(
        f"The database refused: {said}", remedy=hint or "Run: leo doctor, and report it where that is clean."
    )


def _made(ours: Callable[..., LeoError], message: str, remedy: str, fault: Fault | None) -> LeoError:
    return ours(message, remedy=remedy, fault=fault)


def _said(error: psycopg.Error) -> str:
    known = _CONSTRAINTS.get(error.diag.constraint_name or "")
    if known:
        return known
    lines = str(error).strip().splitlines()
    text = error.diag.message_primary or (lines[0] if lines else type(error).__name__)
    text = _PASSWORD.sub("***", text)
    return text[:1].upper() + text[1:].rstrip(".") + "."
