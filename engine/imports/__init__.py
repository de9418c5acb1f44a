"""Importing people from a file: CSV or JSON Lines, read as a stream, written in chunks, with a dry run.

A line of JSON Lines is a document of POST /profiles. A CSV file gives part of a person: missing columns and empty cells
leave what is known unchanged.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TextIO, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from engine.db import Database, Transaction
from engine.imports.columns import Columns
from engine.imports.lines import Line, read_csv, read_json
from engine.imports.write import Begin, Import, Imported, Refusal, Telling
from engine.tenants import get_tenant
from rules.errors import InvalidInput, cause

__all__ = ["MOST_LINES", "Form", "Imported", "Refusal", "Telling", "import_body", "import_file"]

# In one request, which is one transaction.
MOST_LINES = 5_000


class Form(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


_ENDINGS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), Form.CSV),
    **dict.fromkeys((".jsonl", ".ndjson"), Form.JSON_LINES),
}


async def import_file(
    db: Database,
    path: Path,
    *,
    tenant_id: UUID,
    mapped: dict[str, str] | None = None,
    dry_run: bool = False,
    telling: Telling | None = None,
) -> Imported:
    """Import a file, gzipped or not, one transaction per chunk; a dry run does the same in one that is rolled back.

    `mapped` says what headings stand for (`columns.mapping`). Raises InvalidInput if the file cannot be read at all;
    lines that cannot be read are in the result.
    """
    form = _form(path)
    if mapped is not None and form is not Form.CSV:
        raise InvalidInput("Only CSV has columns.", remedy="Leave --columns out.")
    with _opened(path) as text:
        if not dry_run:
            return await _take(lambda: db.transaction(tenant_id), text, form, tenant_id, mapped, telling)
        async with db.transaction(tenant_id) as conn, conn.transaction(force_rollback=True):
            return await _take(lambda: nullcontext(conn), text, form, tenant_id, mapped, telling)


async def import_body(
    conn: Transaction, body: bytes, *, tenant_id: UUID, form: Form, dry_run: bool = False
) -> Imported:
    """Import a file that is in memory, at most MOST_LINES lines, inside the caller's transaction.

    A dry run leaves nothing in it. Raises InvalidInput as `import_file` does, and for too many lines.
    """
    text = _decoded(io.BytesIO(body))
    async with conn.transaction(force_rollback=dry_run):
        return await _take(lambda: nullcontext(conn), text, form, tenant_id, None, None, most=MOST_LINES)


async def _take(
    begin: Begin,
    text: TextIO,
    form: Form,
    tenant_id: UUID,
    mapped: dict[str, str] | None,
    telling: Telling | None,
    *,
    most: int | None = None,
) -> Imported:
    async with begin() as conn:
        zone = ZoneInfo((await get_tenant(conn, tenant_id=tenant_id)).zone)
    columns = Columns(zone=zone, at=datetime.now(UTC), mapped=mapped or {})
    lines: Iterator[Line] = read_csv(text, columns) if form is Form.CSV else read_json(text)
    one = Import(begin, tenant_id=tenant_id, is_partial=form is Form.CSV, telling=telling or Telling())
    return await one.take(lines, most=most)


def _form(path: Path) -> Form:
    ending = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if ending not in _ENDINGS:
        raise InvalidInput(
            f"{path.name} is of no kind that can be read.",
            remedy=f"Use {', '.join(_ENDINGS)}; a spreadsheet can be saved as CSV in UTF-8.",
        )
    return _ENDINGS[ending]


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open("rb") as file:
            yield _decoded(cast("BinaryIO", gzip.GzipFile(fileobj=file)) if path.suffix == ".gz" else file)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(
            f"{path} cannot be read: {cause(error)}.", remedy="Give a file that is there and whole."
        ) from error


def _decoded(octets: BinaryIO) -> TextIO:
    """Read UTF-8, with or without a byte order mark; invalid bytes become surrogates, so that their line is refused."""
    return io.TextIOWrapper(octets, encoding="utf-8-sig", errors="surrogateescape", newline="")
