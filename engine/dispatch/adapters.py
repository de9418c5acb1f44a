"""The adapters of all tenants' channels: made when first needed, kept while their settings stay the same.

A channel's settings and sealed credentials are read with every claim (a millisecond), so that a changed password
applies to the next message without notifying any worker.
"""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self
from uuid import UUID

from channels import egress
from channels.contract import Adapter, Message
from channels.egress import OUTSIDE, Egress
from channels.registry import create
from engine import embedded, sandboxed
from engine.credentials import Vault
from engine.db import Transaction
from engine.processes.table import public_url
from engine.queries import queries
from engine.settings import Settings
from engine.tracking import Marks, Tracked
from engine.unsubscribe import Links
from rules.errors import LeoError, Misconfigured
from rules.words import Channel

# Each has open connections; if more tenants' channels than this take turns, they are opened anew.
MOST_OPEN = 256
# A replaced adapter may still be answering its last calls; none lasts longer than this (see CALL_LIMIT_S).
CLOSE_AFTER_S = 60.0
# The provider that is our own API.
INBOX = "inbox"
REMEDY = "Report it to who wrote the channel's adapter; the log has the traceback."

log = logging.getLogger(__name__)


class Make(Protocol):
    """Makes an adapter that calls nothing which `egress` refuses; raises Misconfigured."""

    def __call__(self, channel: Channel, settings: Mapping[str, Any], /, *, egress: Egress) -> Adapter: ...


def egress_of(settings: Settings) -> Egress:
    """Give where channels may call: outside, what the operator named, and the sandbox of this installation."""
    return sandboxed.egress(egress.read(settings.allowed_hosts), _sandbox(settings))


def _sandbox(settings: Settings) -> sandboxed.Place | None:
    smtp, http = settings.sandbox_smtp_port, settings.sandbox_http_port
    return sandboxed.Place(smtp, http) if smtp and http else None


class Adapters:
    """The adapters for whatever sends; close them at the end with `aclose`."""

    def __init__(
        self,
        vault: Vault,
        links: Links,
        marks: Marks,
        *,
        make: Make = create,
        sandbox: sandboxed.Place | None = None,
        base_url: str = "",
        egress: Egress = OUTSIDE,
    ) -> None:
        self.egress = egress
        self.links = links
        self.marks = marks
        self._sandbox = sandbox
        # Where the inboxes of web sites are: in our own API.
        self._base_url = base_url
        self.vault = vault
        self._make = make
        self._open: OrderedDict[tuple[UUID, int], tuple[str, Adapter]] = OrderedDict()
        self._replaced: list[tuple[float, Adapter]] = []
        # For every channel that was loaded: two flags each.
        self._tracked: dict[tuple[UUID, int], Tracked] = {}

    @classmethod
    def of(cls, settings: Settings, *, make: Make = create) -> Self:
        """Make them for this installation; raises Misconfigured if its credential key is not one."""
        key = embedded.load_secrets(settings).credential_key
        url = public_url(settings)
        return cls(
            Vault(key),
            Links(key, url),
            Marks(key, url),
            make=make,
            sandbox=_sandbox(settings),
            base_url=url,
            egress=egress_of(settings),
        )

    def mark(self, message: Message, *, tenant_id: UUID, channel_id: int) -> Message:
        """Have opens and clicks reported, as its channel's settings say; the channel must have been loaded."""
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
            # A link of an app's own opens the app, so it is led through us only on request.
            by_default = row["kind"] != Channel.APP_PUSH
            self._tracked[place] = Tracked(
                given.get("track_clicks", by_default) is not False, given.get("track_opens") is not False
            )
            try:
                sealed = row["sealed"] or {}
                settings = self._placed(row["kind"], given, sealed, row["webhook_key"])
                found[row["channel_id"]] = self._adapter(place, row["kind"], settings, sealed)
            except LeoError as error:
                found[row["channel_id"]] = error
            except Exception as error:
                # It may come from another package; it must not keep the tenant's other channels from sending.
                log.exception("an adapter could not be made", extra={"channel": row["kind"]})
                found[row["channel_id"]] = Misconfigured(
                    f"Making the adapter of the channel {row['kind']} raised {type(error).__name__}.", remedy=REMEDY
                )
        await self._close_replaced(older_than_s=CLOSE_AFTER_S)
        return found

    async def aclose(self) -> None:
        """Close every connection; nothing may be sending."""
        self._replaced += [(0.0, adapter) for _, adapter in self._open.values()]
        self._open.clear()
        await self._close_replaced(older_than_s=0.0)

    def _placed(self, kind: str, settings: Mapping[str, Any], sealed: Mapping[str, str], key: str) -> Mapping[str, Any]:
        """Fill in where the inbox of a web site is, which only we know."""
        is_inbox = kind == Channel.CHAT and settings.get("provider", INBOX) == INBOX and "visitor_key" in sealed
        return {"base_url": self._base_url, "inbox": key, **settings} if is_inbox else settings

    def _egress(self, settings: Mapping[str, Any]) -> Egress:
        """Also allow calls to our own API, for the channel that posts there."""
        if not self._base_url or settings.get("base_url") != self._base_url:
            return self.egress
        return self.egress.beside(*egress.host_and_port(self._base_url))

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
            adapter = self._sandboxed(Channel(kind))
        else:
            adapter = self._make(Channel(kind), {**settings, **secrets}, egress=self._egress(settings))
        if known is not None:
            self._replace(place)
        self._open[place] = (made_from, adapter)
        if len(self._open) > MOST_OPEN:
            self._replace(next(iter(self._open)))
        return adapter

    def _sandboxed(self, channel: Channel) -> Adapter:
        settings = sandboxed.settings_of(channel, self._sandbox)
        return sandboxed.wrap(self._make(channel, settings, egress=sandboxed.egress(OUTSIDE, self._sandbox)))

    def _replace(self, place: tuple[UUID, int]) -> None:
        self._replaced.append((time.monotonic(), self._open.pop(place)[1]))

    async def _close_replaced(self, *, older_than_s: float) -> None:
        before = time.monotonic() - older_than_s
        closing = [adapter for at, adapter in self._replaced if at <= before]
        self._replaced = [(at, adapter) for at, adapter in self._replaced if at > before]
        for ended in await asyncio.gather(*(adapter.aclose() for adapter in closing), return_exceptions=True):
            if isinstance(ended, Exception):
                log.warning("an adapter could not be closed", exc_info=ended)
