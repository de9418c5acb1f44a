"""Writing the lines of a file in chunks; a line that cannot be written is reported and does not affect the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from engine import intake
from engine.db import Transaction
from engine.imports.lines import Line
from engine.imports.parts import NOBODY, Held, filled, joined
from engine.profiles import upsert_profiles
from engine.queries import queries
from rules.errors import InvalidInput

CHUNK = 1_000
# This many refusals are kept; each is reported as it comes.
MOST_REFUSALS = 100
SOURCE = "import"
_SQL = queries("imports")

Begin = Callable[[], AbstractAsyncContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not taken, why, and how it begins."""

    line: int
    reason: str
    original: str


@dataclass(slots=True)
class Imported:
    """The result of a file: `read` counts its non-empty lines without the headings.

    `repeated` are lines merged with another line about the same person, `invalid_addresses` those that were stored as
    invalid, by reason.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    invalid_addresses: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom to tell while a file is read: about each refused line, and the result so far after each chunk."""

    refused: Callable[[Refusal], None] = lambda _: None
    written: Callable[[Imported], None] = lambda _: None


class Import:
    """One file being imported. `begin` opens the transaction of a chunk."""

    def __init__(self, begin: Begin, *, tenant_id: UUID, is_partial: bool, telling: Telling) -> None:
        self._begin = begin
        self._tenant_id = tenant_id
        self._is_partial = is_partial
        self._telling = telling
        self._chunk: dict[str, Line] = {}
        self.done = Imported()

    async def take(self, lines: Iterator[Line], *, most: int | None = None) -> Imported:
        """Write the lines; raises InvalidInput if there are more than `most`."""
        for line in lines:
            self.done.read += 1
            if most is not None and self.done.read > most:
                raise InvalidInput(
                    f"The file has more than {most:,} lines.", remedy="Send it in parts, or use: leo import"
                )
            self._add(line)
            if len(self._chunk) == CHUNK:
                await self._write()
        await self._write()
        return self.done

    def _add(self, line: Line) -> None:
        if line.document is None:
            self._refuse(line, line.reason or "It cannot be read.")
            return
        if not line.document.get("ext_id"):
            self._refuse(line, "It has no ext_id.")
            return
        try:
            read = intake.read([line.document])
        except InvalidInput as error:
            self._refuse(line, error.message)
            return
        for reason in filter(None, (row["reason"] for row in read.addresses)):
            self.done.invalid_addresses[reason] = self.done.invalid_addresses.get(reason, 0) + 1
        ext_id = line.document["ext_id"]
        earlier = self._chunk.pop(ext_id, None)
        if earlier is not None and earlier.document is not None:
            self.done.repeated += 1
            whole = joined(earlier.document, line.document, is_partial=self._is_partial)
            line = Line(line.number, line.original, whole)
        self._chunk[ext_id] = line

    async def _write(self) -> None:
        chunk, self._chunk = self._chunk, {}
        if not chunk:
            return
        async with self._begin() as conn:
            documents = {ext_id: line.document or {} for ext_id, line in chunk.items()}
            strays = {} if self._is_partial else await self._strays(conn, documents)
            for ext_id in strays:
                del documents[ext_id]
            if self._is_partial:
                documents = await self._filled(conn, documents)
            done = await upsert_profiles(
                conn, tenant_id=self._tenant_id, profiles=list(documents.values()), source=SOURCE
            )
        for ext_id, key in strays.items():
            self._refuse(chunk[ext_id], f"A relation KNOWS leads to {key!r}, who is no profile.")
        self.done.inserted += done.inserted
        self.done.updated += done.updated
        self.done.unchanged += done.unchanged
        self._telling.written(self.done)

    async def _filled(
        self, conn: Transaction, documents: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Mapping[str, Any]]:
        values = {"tenant_id": self._tenant_id, "ext_ids": list(documents)}
        rows = await (await conn.execute(_SQL["held"], values)).fetchall()
        held = {row["ext_id"]: Held.of(row) for row in rows}
        return {ext_id: filled(document, held.get(ext_id, NOBODY)) for ext_id, document in documents.items()}

    async def _strays(self, conn: Transaction, documents: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Give those who are said to know somebody who is neither here nor in this chunk, with that person's key."""
        leads = {ext_id: keys for ext_id, document in documents.items() if (keys := _knows(document))}
        wanted = {key for keys in leads.values() for key in keys} - documents.keys()
        values = {"tenant_id": self._tenant_id, "ext_ids": sorted(wanted)}
        rows = await (await conn.execute(_SQL["known"], values)).fetchall() if wanted else []
        known = {row["ext_id"] for row in rows} | documents.keys()
        strays: dict[str, str] = {}
        # A person who is left out cannot be known by others, unless they were there before.
        while lost := _lost(leads, known):
            strays |= lost
            leads = {ext_id: keys for ext_id, keys in leads.items() if ext_id not in lost}
            known -= lost.keys() - await self._there(conn, lost)
        return strays

    async def _there(self, conn: Transaction, ext_ids: Mapping[str, str]) -> set[str]:
        values = {"tenant_id": self._tenant_id, "ext_ids": sorted(ext_ids)}
        return {row["ext_id"] for row in await (await conn.execute(_SQL["known"], values)).fetchall()}

    def _refuse(self, line: Line, reason: str) -> None:
        refusal = Refusal(line.number, reason, line.original)
        self.done.refused += 1
        if len(self.done.refusals) < MOST_REFUSALS:
            self.done.refusals.append(refusal)
        self._telling.refused(refusal)


def _knows(document: Mapping[str, Any]) -> Sequence[str]:
    return [one["key"] for one in document.get("relations") or () if one["kind"] == "KNOWS"]


def _lost(leads: Mapping[str, Sequence[str]], known: set[str]) -> dict[str, str]:
    return {ext_id: key for ext_id, keys in leads.items() for key in keys if key not in known}
