"""A tenant's web site with an inbox, for the tests of what is put in and what its visitor's windows show."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn

from api.app import app_with
from api.services import Services
from channels.contract import Adapter, Message, Response, Secret
from channels.signature import sign
from engine import inbox
from engine.campaigns import connect_channel
from engine.campaigns.connect import Channel as Connected
from engine.decide import decide_batch
from engine.streams import Streams
from engine.visitors import Visitor
from rules.words import Channel
from tests.api.story import MAI, campaign, ok
from tests.conftest import Tenant

KEY = "a_visitor_key_of_a_test_0123456789abcdef"
ADDRESS = "khách-42"
KEPT = "SELECT profile_id IS NOT NULL AS is_known FROM chat_message ORDER BY message_id"
CHAT = {"key": "tin", "channel": "chat", "body_text": "Chào {{ profile.name }}. Ngừng nhận: {{ unsubscribe_url }}"}


@dataclass(frozen=True, slots=True)
class Site:
    """A tenant's web site with one channel, and who asks."""

    tenant: Tenant
    services: Services
    caller: httpx.AsyncClient
    anybody: httpx.AsyncClient
    channel_id: int
    key: str
    adapter: Adapter

    @property
    def path(self) -> str:
        return f"/inbox/{self.key}"

    async def post(self, event: str, text: str = "Chào chị", **more: Any) -> Response:
        """Send one message as the dispatcher does: what the adapter wrote, signed, and its answer."""
        message = Message(delivery_id=1, event_id=event, channel=Channel.CHAT, address=ADDRESS, text=text, **more)
        request = self.adapter.build(message)
        assert request.target == f"{self.path}/messages"
        signed = sign(Secret(KEY), timestamp=int(time.time()), body=request.body)
        answer = await self.anybody.post(request.target, content=request.body, headers={**request.headers, **signed})
        return Response(status=answer.status_code, body=answer.json())

    async def token(self) -> str:
        admitted = await ok(await self.caller.post(f"/channels/{self.channel_id}/visitors", json={"ext_id": "kh-1"}))
        assert (admitted["path"], admitted["address"]) == (self.path, ADDRESS)
        return str(admitted["token"])

    @property
    def visitor(self) -> Visitor:
        return Visitor(self.tenant.tenant_id, self.channel_id, ADDRESS, datetime.now(UTC) + timedelta(minutes=1))

    async def seen(self, count: int, *, after: int = 0) -> list[str]:
        """Give the texts of the next messages that the visitor's stream gives."""
        texts: list[str] = []
        async with self.window(after=after) as letters:
            while len(texts) < count:
                letter = await anext(letters)
                texts.append("" if letter is None else letter.text)
        return texts

    @asynccontextmanager
    async def window(
        self, *, after: int = 0, silent_s: float = inbox.SILENT_S, streams: Streams | None = None
    ) -> AsyncIterator[AsyncIterator[inbox.Letter | None]]:
        """Give what a window of the visitor shows while it is open."""
        with (streams or self.services.streams).one(self.visitor.place) as stream:
            assert stream is not None
            letters = inbox.follow(self.services.db, self.visitor, stream, after=after, silent_s=silent_s)
            async with aclosing(letters):  # type: ignore[type-var]  # an async generator
                yield letters


async def connected(
    services: Services, tenant: Tenant, caller: httpx.AsyncClient, anybody: httpx.AsyncClient, name: str = "site"
) -> Site:
    channel = await connect(services, tenant, name)
    async with services.db.transaction(tenant.tenant_id) as conn:
        adapters = await services.adapters.load(conn, tenant_id=tenant.tenant_id, channel_ids=[channel.channel_id])
    adapter = adapters[channel.channel_id]
    assert isinstance(adapter, Adapter)
    await ok(await caller.post("/profiles", json=person()))
    return Site(tenant, services, caller, anybody, channel.channel_id, channel.webhook_key, adapter)


async def connect(services: Services, tenant: Tenant, name: str = "site", **more: Any) -> Connected:
    async with services.db.transaction(tenant.tenant_id) as conn:
        return await connect_channel(
            conn,
            services.vault,
            tenant_id=tenant.tenant_id,
            kind="chat",
            name=name,
            settings={"visitor_key": KEY, **more},
        )


@asynccontextmanager
async def listening(services: Services) -> AsyncIterator[str]:
    """Give where the API listens on a real port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = uvicorn.Server(uvicorn.Config(app_with(services), log_level="warning", ws="none", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[taken]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by an attribute alone
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        server.should_exit = True
        await serving


def person() -> dict[str, Any]:
    return {**MAI, "addresses": [*MAI["addresses"], {"channel": "chat", "value": ADDRESS}]}


def event_id(number: int) -> str:
    return f"{number:064x}"


async def rows(site: Site, query: str) -> list[dict[str, Any]]:
    async with site.services.db.transaction(site.tenant.tenant_id) as conn:
        return await (await conn.execute(query)).fetchall()


async def queued(site: Site, **more: Any) -> str:
    """Have a campaign write to the visitor, and give the delivery's event id."""
    template = await ok(await site.caller.post("/templates", json={**CHAT, **more}))
    await ok(await site.caller.post(f"/templates/{template['template_id']}/approve"))
    made = await campaign(site.caller, template_ids=[template["template_id"]])
    await ok(await site.caller.post("/profiles", json=person()))
    await ok(await site.caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    async with site.services.db.transaction(site.tenant.tenant_id) as conn:
        for row in await (await conn.execute("SELECT batch_id FROM run_batch WHERE status = 'pending'")).fetchall():
            await decide_batch(conn, tenant_id=site.tenant.tenant_id, batch_id=row["batch_id"], now=datetime.now(UTC))
    (sent,) = await rows(site, "SELECT encode(event_id, 'hex') AS event, address FROM delivery_log")
    assert sent["address"] == ADDRESS
    return str(sent["event"])


async def next_letter(letters: AsyncIterator[inbox.Letter | None]) -> inbox.Letter:
    async for letter in letters:
        if letter is not None:
            return letter
    raise AssertionError("the stream has ended")
