"""The inbox on a web site: one visitor sees what was written to them, once, and nobody else does."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from api.services import Services
from channels.contract import Message, ReceiptClass, ReceiptStatus, Response, Secret
from channels.signature import sign
from engine import inbox, visitors
from engine.dispatch import dispatch_due
from engine.privacy import erase_profile
from engine.visitors import Inbox
from rules.words import Channel, Lane
from tests.api.inboxes import (
    ADDRESS,
    KEPT,
    KEY,
    Site,
    connect,
    connected,
    event_id,
    listening,
    queued,
    rows,
)
from tests.api.story import ok
from tests.conftest import Tenant


@pytest.fixture
async def site(services: Services, tenant: Tenant, caller: httpx.AsyncClient, anybody: httpx.AsyncClient) -> Site:
    return await connected(services, tenant, caller, anybody)


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
