"""Windows of an inbox: woken at once wherever they are open, looking by themselves while Redis is away."""

import asyncio
import socket
from contextlib import ExitStack, aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.services import Services
from engine import inbox, lanes
from engine.streams import MOST_OF_ONE, SELDOM_S, Streams
from tests.api.inboxes import (
    ADDRESS,
    CHAT,
    Site,
    connected,
    event_id,
    next_letter,
    queued,
    rows,
)
from tests.api.story import MAI, ok
from tests.conftest import Tenant


@pytest.fixture
async def site(services: Services, tenant: Tenant, caller: httpx.AsyncClient, anybody: httpx.AsyncClient) -> Site:
    return await connected(services, tenant, caller, anybody)


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
        await client.client_kill_filter(_type="pubsub")
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
