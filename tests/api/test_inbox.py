"""The inbox on a web site: one visitor sees what was written to them, once, and nobody else does."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn

from api.app import app_with
from api.services import Services
from channels.contract import Adapter, Message, ReceiptClass, ReceiptStatus, Response, Secret
from channels.signature import sign
from engine import inbox, lanes, visitors
from engine.campaigns import connect_channel
from engine.campaigns.connect import Channel as Connected
from engine.decide import decide_batch
from engine.dispatch import dispatch_due
from engine.privacy import erase_profile
from engine.streams import MOST_OF_ONE, SELDOM_S, Streams
from engine.visitors import Inbox, Visitor
from rules.words import Channel, Lane
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


@pytest.fixture
async def site(services: Services, tenant: Tenant, caller: httpx.AsyncClient, anybody: httpx.AsyncClient) -> Site:
    return await connected(services, tenant, caller, anybody)


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


async def test_a_message_is_shown_to_its_visitor_who_reads_and_answers_it(site: Site) -> None:
    event = await queued(site)
    receipt = site.adapter.parse(await site.post(event, "Chào Mai"))
    assert receipt.status is ReceiptStatus.ACCEPTED
    async with site.services.db.transaction(site.tenant.tenant_id) as conn:
        await conn.execute("UPDATE delivery_log SET status = 'sent', sent_at = now() - interval '1 minute'")
    assert await site.seen(1) == ["Chào Mai"]

    bearer = {"Authorization": f"Bearer {await site.token()}"}
    seen = {"up_to": int(receipt.provider_id or 0)}
    assert await ok(await site.anybody.post(f"{site.path}/read", json=seen, headers=bearer)) == {"read": 1}
    assert await ok(await site.anybody.post(f"{site.path}/read", json=seen, headers=bearer)) == {"read": 0}
    said = {"id": "r-1", "text": "Mấy giờ giao ạ?"}
    assert await ok(await site.anybody.post(f"{site.path}/reply", json=said, headers=bearer)) == {"new": True}
    assert await ok(await site.anybody.post(f"{site.path}/reply", json=said, headers=bearer)) == {"new": False}
    outcomes = await rows(site, "SELECT type, delivery_id IS NOT NULL AS linked FROM outcome ORDER BY type")
    assert [(one["type"], one["linked"]) for one in outcomes] == [("read", True), ("replied", True)]
    events = await rows(site, "SELECT type, attributes ->> 'text' AS text FROM marketing_event")
    assert [(one["type"], one["text"]) for one in events] == [("chat.message", "Mấy giờ giao ạ?")]


async def test_the_dispatcher_sends_over_the_wire_and_an_open_window_shows_it(site: Site) -> None:
    await queued(site)
    async with listening(site.services) as url:
        await connect(site.services, site.tenant, base_url=url)
        async with (
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {await site.token()}"}) as browser,
            browser.stream("GET", f"{site.path}/stream") as answer,
        ):
            lines = answer.aiter_lines()
            assert await anext(lines) == ": open"
            done = await dispatch_due(
                site.services.db,
                site.services.adapters,
                tenant_id=site.tenant.tenant_id,
                lane=Lane.BULK,
                owner="worker-bulk@test:1:1",
            )
            data = [line async for line in first_told(lines)][-1]
    assert done.sent == 1
    assert json.loads(data.removeprefix("data: "))["text"].startswith("Chào Trần Thị Mai")
    (sent,) = await rows(site, "SELECT status, provider_id FROM delivery_log")
    (kept,) = await rows(site, "SELECT message_id::text AS message_id FROM chat_message")
    assert (sent["status"], sent["provider_id"]) == ("sent", kept["message_id"])


async def first_told(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith(("id:", "event:", "data:")):
            yield line
        if line.startswith("data:"):
            return


async def test_a_visitor_has_a_few_streams_and_no_more(site: Site) -> None:
    streams = Streams(site.services.queues)
    with ExitStack() as windows:
        given = [windows.enter_context(streams.one(site.visitor.place)) for _ in range(MOST_OF_ONE + 1)]
        assert [stream is not None for stream in given] == [True] * MOST_OF_ONE + [False]
        with streams.one(replace(site.visitor.place, address="another")) as stream:
            assert stream is not None
    with streams.one(site.visitor.place) as stream:
        assert stream is not None
    assert streams.count() == 0


async def test_a_message_that_comes_again_is_kept_once(site: Site) -> None:
    first = site.adapter.parse(await site.post(event_id(1)))
    again = site.adapter.parse(await site.post(event_id(1)))
    assert first.status is again.status is ReceiptStatus.ACCEPTED
    assert first.provider_id == again.provider_id
    assert len(await rows(site, "SELECT FROM chat_message")) == 1


async def test_a_later_message_is_never_seen_before_an_earlier_one(site: Site) -> None:
    place = Inbox(site.tenant.tenant_id, site.channel_id, Secret(KEY))

    async def put(number: int, written: asyncio.Event, go: asyncio.Event) -> int:
        posted = inbox.Posted(event_id=event_id(number), address=ADDRESS, subject=None, text="x", link=None)
        async with site.services.db.transaction(site.tenant.tenant_id) as conn:
            kept = await inbox.put(conn, place, posted, now=datetime.now(UTC))
            written.set()
            await go.wait()
        return kept.message_id

    begun, go, second = asyncio.Event(), asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(put(1, begun, go))
    await begun.wait()
    later = asyncio.create_task(put(2, second, go))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.wait(), 0.3)
    go.set()
    assert await first < await later


async def next_letter(letters: AsyncIterator[inbox.Letter | None]) -> inbox.Letter:
    async for letter in letters:
        if letter is not None:
            return letter
    raise AssertionError("the stream has ended")


async def until_heard(streams: Streams) -> None:
    async with asyncio.timeout(5):
        while not streams.is_heard:  # noqa: ASYNC110 - told by an attribute alone
            await asyncio.sleep(0.01)


async def test_a_window_at_another_process_is_woken_at_once_and_no_other_window_looks(site: Site) -> None:
    elsewhere = Streams(site.services.queues)
    other = replace(site.visitor.place, tenant_id=uuid4())
    async with elsewhere.listening(), site.window(streams=elsewhere) as letters:
        await site.post(event_id(1), "tin 1")
        assert (await next_letter(letters)).text == "tin 1"
        await until_heard(elsewhere)
        with elsewhere.one(other) as stranger:
            assert stranger is not None
            # It is woken once by its own subscription; the message after that is not for it.
            assert await stranger.wait(5)
            async with stranger.look():
                pass
            coming = asyncio.create_task(next_letter(letters))
            await site.post(event_id(2), "tin 2")
            assert (await asyncio.wait_for(coming, SELDOM_S / 10)).text == "tin 2"
            assert not await stranger.wait(0.05)


async def test_without_redis_a_window_looks_by_itself_and_a_message_is_kept_all_the_same(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    deaf = Streams(client := lanes.connect(f"redis://127.0.0.1:{port}/0"))
    async with aclosing(client), deaf.listening(), site.window(streams=deaf) as letters:
        coming = asyncio.create_task(next_letter(letters))
        await asyncio.sleep(0)
        await deaf.tell(site.visitor.place)
        await site.post(event_id(1), "tin 1")
        assert (await asyncio.wait_for(coming, 5)).text == "tin 1"
        assert not deaf.is_heard


async def test_windows_are_heard_again_after_redis_cut_them_off(site: Site) -> None:
    client = site.services.queues
    await until_heard(site.services.streams)
    async with site.window() as letters:
        coming = asyncio.create_task(next_letter(letters))
        await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        async with asyncio.timeout(5):
            while site.services.streams.is_heard:  # noqa: ASYNC110 - told by an attribute alone
                await asyncio.sleep(0.01)
        await until_heard(site.services.streams)
        await site.post(event_id(1), "tin 1")
        assert (await asyncio.wait_for(coming, SELDOM_S / 10)).text == "tin 1"


async def test_a_stream_gives_what_is_new_and_resumes_without_loss_or_repetition(site: Site) -> None:
    ids = [int(site.adapter.parse(await site.post(event_id(n), f"tin {n}")).provider_id or 0) for n in (1, 2)]
    assert await site.seen(2) == ["tin 1", "tin 2"]
    async with site.services.db.transaction(site.tenant.tenant_id) as conn:
        assert await inbox.read(conn, site.visitor, up_to=ids[0], now=datetime.now(UTC)) == 1
    assert await site.seen(1) == ["tin 2"]
    async with site.window(after=ids[1], silent_s=0.05) as letters:
        assert await anext(letters) is None
        await site.post(event_id(3), "tin 3")
        assert (await next_letter(letters)).text == "tin 3"
    # Beyond the last that was given: also what was marked as seen in another window meanwhile.
    assert await site.seen(2, after=ids[0]) == ["tin 2", "tin 3"]


async def test_the_stream_speaks_as_a_browser_expects_and_ends_with_its_token(site: Site) -> None:
    receipt = site.adapter.parse(await site.post(event_id(1), "Dòng một\nDòng hai", data={"link": "https://a.example"}))
    soon = datetime.now(UTC) + timedelta(seconds=2)
    place = Inbox(site.tenant.tenant_id, site.channel_id, Secret(KEY))
    token = visitors.sign(place, replace(site.visitor, expires_at=soon))
    answer = await site.anybody.get(f"{site.path}/stream", params={"token": token})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["access-control-allow-origin"] == "*"
    greeting, told, end = answer.text.split("\n\n")
    assert (greeting, end) == (": open", "")
    number, kind, data = told.split("\n")
    assert (number, kind) == (f"id: {receipt.provider_id}", "event: message")
    shown = json.loads(data.removeprefix("data: "))
    assert (shown["text"], shown["link"]) == ("Dòng một\nDòng hai", "https://a.example")


async def test_buttons_come_to_the_window_as_the_template_has_them(site: Site) -> None:
    pressed = [{"title": "Xem đơn", "url": "https://shop.example/don"}, {"title": "Gọi lại", "reply": "call"}]
    await site.post(event_id(1), "Đơn hàng", data={"buttons": pressed})
    await site.post(event_id(2), "Không nút")
    async with site.window() as letters:
        assert [list((await next_letter(letters)).buttons) for _ in range(2)] == [pressed, []]
    for wrong in ({"title": "Xem"}, {**pressed[0], "reply": "x"}, {"title": "Xem", "url": "javascript:x"}):
        message = {"event_id": event_id(3), "address": ADDRESS, "text": "x", "buttons": [wrong]}
        assert (await site.anybody.post(f"{site.path}/messages", json=message)).status_code == 422


async def test_a_message_is_shown_again_with_its_buttons_in_its_readers_language(site: Site) -> None:
    def said(title: str, text: str) -> dict[str, Any]:
        pressed = [{"title": title, "url": "https://shop.example/don"}, {"title": "OK", "reply": "yes"}]
        return {"body_text": f"{text} {{{{ unsubscribe_url }}}}", "data": {"buttons": pressed}}

    vietnamese, english = said("Đơn của {{ profile.name }}", "Chào"), said("Your order, {{ profile.name }}", "Hello")
    await queued(site, **vietnamese, translations={"en": english})
    (row,) = await rows(site, "SELECT delivery_id FROM delivery_log")
    shown = await ok(await site.caller.get(f"/deliveries/{row['delivery_id']}/message"))
    assert shown["buttons"] == [
        {"title": f"Đơn của {MAI['name']}", "url": "https://shop.example/don"},
        {"title": "OK", "reply": "yes"},
    ]
    await rows(site, "UPDATE cdp_profiles SET locale = 'en-GB' RETURNING profile_id")
    shown = await ok(await site.caller.get(f"/deliveries/{row['delivery_id']}/message"))
    assert (shown["text"], shown["buttons"][0]["title"]) == ("Hello #unsubscribe", f"Your order, {MAI['name']}")


async def test_a_template_whose_buttons_no_channel_of_its_kind_shows_is_refused_when_it_is_saved(site: Site) -> None:
    for buttons, words in (
        ([{"title": "x" * 65, "url": "https://shop.example"}], "65 characters of 64"),
        ([{"title": "Xem"}], "needs a url or a reply"),
        ([{"title": "Xem", "url": "javascript:alert(1)"}], "no http or https address"),
    ):
        answer = await site.caller.post("/templates", json={**CHAT, "data": {"buttons": buttons}})
        assert answer.status_code == 422
        assert words in answer.json()["detail"]


async def test_a_token_that_is_not_for_this_inbox_opens_nothing(site: Site) -> None:
    token = await site.token()
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    place = Inbox(site.tenant.tenant_id, site.channel_id, Secret(KEY))
    other = await connected(site.services, site.tenant, site.caller, site.anybody, "other site")
    over = datetime.now(UTC) - timedelta(seconds=1)
    hostile = [
        "",
        "x",
        "ö" * 60,
        token[:-4] + "AAAA",
        base64.urlsafe_b64encode(raw[:-17] + b"3" + raw[-16:]).decode(),
        visitors.sign(replace(place, key=Secret(KEY[::-1])), site.visitor),
        visitors.sign(place, replace(site.visitor, expires_at=over)),
        visitors.sign(place, replace(site.visitor, channel_id=other.channel_id)),
        await other.token(),
    ]
    for given in hostile:
        for part, body in (("read", {"up_to": 1}), ("reply", {"id": "r", "text": "x"})):
            answer = await site.anybody.post(f"{site.path}/{part}", json=body, params={"token": given})
            assert answer.status_code == 401, given
        assert (await site.anybody.get(f"{site.path}/stream", params={"token": given})).status_code == 401
    assert (await site.anybody.get("/inbox/unknown/stream", params={"token": token})).status_code == 404


async def test_a_tenant_cannot_open_or_fill_the_inbox_of_another(
    site: Site, stranger: httpx.AsyncClient, other_tenant: Tenant
) -> None:
    theirs = await connected(site.services, other_tenant, stranger, site.anybody)
    await site.post(event_id(1), "của người khác")
    token = await theirs.token()
    assert (await site.anybody.get(f"{site.path}/stream", params={"token": token})).status_code == 401
    assert (await stranger.post(f"/channels/{site.channel_id}/visitors", json={"ext_id": "kh-1"})).status_code == 404
    assert await rows(theirs, "SELECT FROM chat_message") == []
    async with site.services.db.transaction(other_tenant.tenant_id) as conn:
        assert await inbox.read(conn, theirs.visitor, up_to=2**47, now=datetime.now(UTC)) == 0
    assert await rows(site, "SELECT FROM chat_message WHERE read_at IS NULL") != []


async def test_only_the_channels_own_key_fills_its_inbox(site: Site) -> None:
    request = site.adapter.build(
        Message(delivery_id=1, event_id=event_id(1), channel=Channel.CHAT, address=ADDRESS, text="x")
    )
    now = int(time.time())
    for headers in (
        {},
        sign(Secret(KEY[::-1]), timestamp=now, body=request.body),
        sign(Secret(KEY), timestamp=now - 301, body=request.body),
        sign(Secret(KEY), timestamp=now, body=request.body + b" "),
    ):
        answer = await site.anybody.post(request.target, content=request.body, headers={**request.headers, **headers})
        assert answer.status_code == 401
        refused = site.adapter.parse(Response(status=answer.status_code, body=answer.json()))
        assert (refused.status, refused.klass) == (ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED)
    assert await rows(site, "SELECT FROM chat_message") == []


async def test_nothing_of_an_erased_person_stays_or_comes_again(site: Site) -> None:
    event = await queued(site)
    await site.post(event, "chiến dịch")
    await site.post(event_id(1), "gửi thử")
    assert [one["is_known"] for one in await rows(site, KEPT)] == [True, False]
    async with site.services.db.transaction(site.tenant.tenant_id) as conn:
        await erase_profile(conn, ext_id="kh-1", reason="asked", by="test")
    assert await rows(site, KEPT) == []
    late = site.adapter.parse(await site.post(event, "đến muộn"))
    assert (late.status, late.klass) == (ReceiptStatus.REJECTED, ReceiptClass.INVALID_ADDRESS)
    assert await rows(site, KEPT) == []
    answer = await site.caller.post(f"/channels/{site.channel_id}/visitors", json={"ext_id": "kh-1"})
    assert answer.status_code == 404


async def test_what_is_older_than_promised_is_forgotten(site: Site) -> None:
    await site.post(event_id(1))
    async with site.services.db.transaction(site.tenant.tenant_id) as conn:
        await inbox.forget(conn, before=datetime.now(UTC) - inbox.KEPT)
        assert await (await conn.execute("SELECT FROM chat_message")).fetchall() != []
        await inbox.forget(conn, before=datetime.now(UTC) + timedelta(seconds=1))
        assert await (await conn.execute("SELECT FROM chat_message")).fetchall() == []
