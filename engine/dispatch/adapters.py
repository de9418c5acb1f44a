"""The adapters of all tenants' channels: made when first needed, kept while their settings stay the same.

A channel's settings and sealed credentials are read with every claim (a millisecond), so that a changed password counts
for the next message without telling any worker.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self
from uuid import UUID

from channels.contract import Adapter, Message
from channels.registry import create
from engine import embedded, sandboxed
from engine.credentials import Vault
from engine.db import Transaction
from engine.processes.table import public_url
from engine.queries import queries
from engine.settings import Settings
from engine.tracking import Marks, Tracked
from engine.unsubscribe import Links
from rules.errors import LeoError
from rules.words import Channel

# Each holds connections: more tenants' channels than this in turn are opened anew.
MOST_OPEN = 256
# A replaced adapter may still be answering its last calls; none lasts longer than this (see CALL_LIMIT_S).
CLOSE_AFTER_S = 60.0
# The provider that is our own API.
INBOX = "inbox"

Make = Callable[[Channel, Mapping[str, Any]], Adapter]


class Adapters:
    """Give this to whatever sends; close it at the end with `aclose`."""

    def __init__(
        self,
        vault: Vault,
        links: Links,
        marks: Marks,
        *,
        make: Make = create,
        sandbox: sandboxed.Place | None = None,
        base_url: str = "",
    ) -> None:
        self.links = links
        self.marks = marks
        self._sandbox = sandbox
        # Where an inbox on a web site is: in our own API.
        self._base_url = base_url
        self.vault = vault
        self._make = make
        self._open: OrderedDict[tuple[UUID, int], tuple[str, Adapter]] = OrderedDict()
        self._replaced: list[tuple[float, Adapter]] = []
        # Of every channel that was loaded: two flags each.
        self._tracked: dict[tuple[UUID, int], Tracked] = {}

    @classmethod
    def of(cls, settings: Settings, *, make: Make = create) -> Self:
        """Make them for this installation; raises Misconfigured where its credential key is none."""
        key = embedded.load_secrets(settings).credential_key
        url = public_url(settings)
        smtp, http = settings.sandbox_smtp_port, settings.sandbox_http_port
        sandbox = sandboxed.Place(smtp, http) if smtp and http else None
        return cls(Vault(key), Links(key, url), Marks(key, url), make=make, sandbox=sandbox, base_url=url)

    def mark(self, message: Message, *, tenant_id: UUID, channel_id: int) -> Message:
        """Have opens and clicks of a mail told, as its channel's settings say; the channel must have been loaded."""
        return self.marks.on(
            message, tenant_id=tenant_id, tracked=self._tracked.get((tenant_id, channel_id), Tracked())
        )

    async def load(
        self, conn: Transaction, *, tenant_id: UUID, channel_ids: Sequence[int]
    ) -> dict[int, Adapter | LeoError]:
        """Give an adapter for each channel, or the error that says why there is none."""
        rows = await conn.execute(queries("dispatch")["channels"], {"channel_ids": list(channel_ids)})
        found: dict[int, Adapter | LeoError] = {}
        for row in await rows.fetchall():
            place = (tenant_id, row["channel_id"])
            given = row["settings"]
            self._tracked[place] = Tracked(
                given.get("track_clicks") is not False, given.get("track_opens") is not False
            )
            try:
                sealed = row["sealed"] or {}
                settings = self._placed(row["kind"], given, sealed, row["webhook_key"])
                found[row["channel_id"]] = self._adapter(place, row["kind"], settings, sealed)
            except LeoError as error:
                found[row["channel_id"]] = error
        await self._close_replaced(older_than_s=CLOSE_AFTER_S)
        return found

    async def aclose(self) -> None:
        """Close every connection; nothing may be sending."""
        self._replaced += [(0.0, adapter) for _, adapter in self._open.values()]
        self._open.clear()
        await self._close_replaced(older_than_s=0.0)

    def _placed(self, kind: str, settings: Mapping[str, Any], sealed: Mapping[str, str], key: str) -> Mapping[str, Any]:
        """Say where the inbox of a web site is, which only we know."""
        is_inbox = kind == Channel.CHAT and settings.get("provider", INBOX) == INBOX and "visitor_key" in sealed
        return {"base_url": self._base_url, "inbox": key, **settings} if is_inbox else settings

    def _adapter(
        self, place: tuple[UUID, int], kind: str, settings: Mapping[str, Any], sealed: Mapping[str, str]
    ) -> Adapter:
        made_from = json.dumps([kind, settings, sealed], sort_keys=True)
        known = self._open.get(place)
        if known is not None and known[0] == made_from:
            self._open.move_to_end(place)
            return known[1]
        tenant_id, channel_id = place
        secrets = {
            name: self.vault.open(value.encode(), tenant_id=tenant_id, channel_id=channel_id, name=name)
            for name, value in sealed.items()
        }
        if sandboxed.is_sandboxed({**settings, **secrets}):
            adapter = sandboxed.wrap(self._make(Channel(kind), sandboxed.settings_of(Channel(kind), self._sandbox)))
        else:
            adapter = self._make(Channel(kind), {**settings, **secrets})
        if known is not None:
            self._replace(place)
        self._open[place] = (made_from, adapter)
        if len(self._open) > MOST_OPEN:
            self._replace(next(iter(self._open)))
        return adapter

    def _replace(self, place: tuple[UUID, int]) -> None:
        self._replaced.append((time.monotonic(), self._open.pop(place)[1]))

    async def _close_replaced(self, *, older_than_s: float) -> None:
        before = time.monotonic() - older_than_s
        closing = [adapter for at, adapter in self._replaced if at <= before]
        self._replaced = [(at, adapter) for at, adapter in self._replaced if at > before]
        for adapter in closing:
            await adapter.aclose()
