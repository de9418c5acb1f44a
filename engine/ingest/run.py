"""One run of a sync: what its steps share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from psycopg.types.json import Jsonb

from engine.db import Database
from engine.ingest import write
from engine.ingest.arango import Arango
from engine.ingest.counts import SyncCounts
from engine.ingest.fields import FieldMap
from engine.ingest.sources import Source
from engine.ingest.unread import Unread
from engine.ingest.write import Place, Position
from engine.queries import queries

PAGE = 1_000
# The stream that every page of people belongs to, whatever made us ask for it: they are written one after another.
PEOPLE = "people"
# A run tells how far it is this often.
TELL_S = 5.0
_SOURCES = queries("sources")


@dataclass(slots=True, kw_only=True)
class Run:
    """A run under way. `names` are the touchpoints' that were asked for; `beside` is what goes on beside its pages."""

    db: Database
    source: Source
    arango: Arango
    fields: FieldMap
    place: Place
    counts: SyncCounts
    say: Callable[[str], None]
    stop: asyncio.Event
    run_id: int
    started: float = field(default_factory=monotonic)
    told: float = field(default_factory=monotonic)
    names: dict[str, str | None] = field(default_factory=dict)
    beside: list[asyncio.Task[None]] = field(default_factory=list)
    taking_in: asyncio.Task[None] | None = None

    @property
    def page(self) -> int:
        return int(self.source.settings.get("page", PAGE))

    async def ask_people(self, query: str, **values: Any) -> list[Unread]:
        """Ask one of the queries that give documents of people."""
        asked = {"at_people": self.fields.collection, "fields": list(self.fields.fields)}
        return await self.arango.ask_unread(query, **asked, **values)

    async def tell(self) -> None:
        """Say how far the run is, to whoever waits and, now and then, in its row."""
        now = monotonic()
        self.counts.seconds = now - self.started
        self.say(f"{self.counts.read:,} read, {self.counts.per_s:,.0f} a second")
        if now - self.told >= TELL_S:
            self.told = now
            async with self.db.transaction(self.place.tenant_id) as conn:
                values = {"tenant_id": self.place.tenant_id, "sync_run_id": self.run_id}
                await conn.execute(_SOURCES["tell_run"], {**values, "counts": Jsonb(self.counts.as_document())})


def segment_key(source: Source, cdp_segment_id: str) -> str:
    """Give the key of our segment that stands for one of the CDP's."""
    return f"{source.key}:{cdp_segment_id}"


async def position(run: Run, stream: str = PEOPLE) -> Position:
    """Give where a stream stands now; a new one stands before everything."""
    async with run.db.transaction(run.place.tenant_id) as conn:
        return await write.begin(conn, run.place, stream)
