"""Links and pictures of mails: they lead where the template said, count once, and nobody can make one of his own."""

import re
import time
from datetime import UTC, datetime
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Message
from channels.machines import Visit, visit
from engine.db import Database
from engine.tracking import TARGET_LIMIT, Mark, Marks, Tracked, leads_through, record
from rules.errors import Unauthorized
from rules.words import Channel
from tests.channels.samples import event_id
from tests.conftest import Tenant
from tests.engine.world import simple_world

MARKS = Marks("a secret", "https://leo.example/")
TENANT = uuid4()
UNSUBSCRIBE = "https://leo.example/unsubscribe/abc"
URLS = st.builds(
    "https://shop.example/{}?q={}".format, st.text("abc/-_.~%ạ", max_size=20), st.text("abc&=+%20ễ", max_size=20)
)
MARK = st.builds(Mark, st.uuids(), st.binary(min_size=32, max_size=32).map(bytes.hex), st.none() | URLS)


def mail(html: str | None, **more: Any) -> Message:
    given = {"delivery_id": 7, "event_id": event_id(1), "channel": Channel.EMAIL, "address": "a@khach.example"}
    return Message(**{**given, "html": html, "unsubscribe_url": UNSUBSCRIBE, **more})


CLICKS = Tracked(opens=False)


def on(html: str, tracked: Tracked = CLICKS, **more: Any) -> str:
    found = MARKS.on(mail(html, **more), tenant_id=TENANT, tracked=tracked).html
    assert found is not None
    return found


def target_of(html: str) -> str | None:
    (url,) = re.findall(r'(?i)href="([^"]*)"', html)
    assert unescape(url).startswith("https://leo.example/clicks/")
    return MARKS.verify(unescape(url).rpartition("/")[2]).target


SEE = {"title": "Xem", "url": "https://shop.example/gio?a=1"}


def pressed(channel: Channel, data: dict[str, Any], *, marks: Marks = MARKS, clicks: bool = True) -> dict[str, Any]:
    message = mail(None, channel=channel, text="Chào", data=data)
    led = marks.on(message, tenant_id=TENANT, tracked=Tracked(clicks=clicks))
    assert (led.text, led.html) == ("Chào", None)
    return dict(led.data)


def led_to(url: str) -> str | None:
    assert url.startswith("https://leo.example/clicks/")
    return MARKS.verify(url.rpartition("/")[2]).target


@pytest.mark.parametrize("channel", [Channel.TELEGRAM, Channel.FACEBOOK, Channel.WEB_PUSH, Channel.CHAT])
def test_buttons_and_the_link_of_other_channels_lead_through_us_too(channel: Channel) -> None:
    later, refuse = {"title": "Để sau", "reply": "later"}, {"title": "Từ chối", "url": UNSUBSCRIBE}
    data = {"buttons": [SEE, later, refuse], "link": SEE["url"], "icon": "https://shop.example/i.png"}
    led = pressed(channel, data)
    assert [led_to(led["buttons"][0]["url"]), led_to(led["link"])] == [SEE["url"]] * 2
    assert led["buttons"][1:] == [later, refuse]
    assert led["icon"] == data["icon"]
    assert pressed(channel, data, clicks=False) == data


def test_a_push_leads_to_https_also_where_we_are_not() -> None:
    local = Marks("a secret", "http://127.0.0.1:8765")
    data = {"buttons": [SEE], "link": SEE["url"]}
    assert pressed(Channel.APP_PUSH, data, marks=local) == data
    assert pressed(Channel.TELEGRAM, data, marks=local) != data


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_no_button_is_left_for_the_adapter_to_refuse(value: Any) -> None:
    pressed(Channel.TELEGRAM, {"buttons": value, "link": value})


@given(MARK)
def test_a_link_says_what_it_is_about(mark: Mark) -> None:
    assert MARKS.verify(MARKS.url(mark).rpartition("/")[2]) == mark


@given(MARK, st.data())
def test_a_link_that_was_changed_leads_nowhere(mark: Mark, data: st.DataObject) -> None:
    token = MARKS.sign(mark)
    place = data.draw(st.integers(0, len(token) - 2))  # the last letter may carry bits that mean nothing
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_").filter(lambda other: other != token[place]))
    with pytest.raises(Unauthorized):
        MARKS.verify(token[:place] + letter + token[place + 1 :])
    with pytest.raises(Unauthorized):
        Marks("another secret", "https://leo.example").verify(token)


@given(st.text(max_size=200))
def test_what_is_no_link_leads_nowhere(token: str) -> None:
    with pytest.raises(Unauthorized):
        MARKS.verify(token)


@given(URLS)
def test_a_link_of_the_web_leads_through_us_to_where_it_led(url: str) -> None:
    for quote in ('"', "'"):
        html = on(f"<p>Xem <A class=x HREF={quote}{url.replace('&', '&amp;')}{quote} target=_blank>đây</A></p>")
        assert target_of(html) == url
        assert html.endswith(" target=_blank>đây</A></p>")


@pytest.mark.parametrize(
    "target",
    [
        *(UNSUBSCRIBE, "mailto:a@shop.example", "tel:19001234", "#top", "/path", "//shop.example/x", ""),
        *("javascript:alert(1)", "data:text/html,x", "ftp://shop.example", "https://", "http://[::1", "zalo://x"),
        "https://shop.example/" + "x" * TARGET_LIMIT,
    ],
)
def test_what_is_no_address_of_the_web_or_ours_stays(target: str) -> None:
    html = f'<a href="{target}">x</a>'
    assert on(html) == html


def test_text_and_other_channels_stay_and_the_text_shows_what_people_know() -> None:
    html = '<body><a href="https://shop.example/sale">Mua</a></body>'
    tracked = MARKS.on(mail(html), tenant_id=TENANT, tracked=Tracked())
    assert tracked.text == "Mua (https://shop.example/sale)"
    assert tracked.html is not None
    assert re.search(
        r'<img src="https://leo\.example/opens/[\w-]+" width="1" height="1" alt="" [^>]*></body>$', tracked.html
    )
    assert MARKS.on(mail(html, text="t"), tenant_id=TENANT, tracked=Tracked()).text == "t"
    for message in (mail(html, channel=Channel.TELEGRAM), mail(None, text="https://shop.example")):
        assert MARKS.on(message, tenant_id=TENANT, tracked=Tracked()) is message
    assert on(html, Tracked(clicks=False, opens=False)) == html


@given(st.text("<a href='\">=x/:", max_size=300))
def test_markup_without_an_address_of_the_web_stays_as_it_is(html: str) -> None:
    assert on(html) == html


def test_a_page_of_open_tags_is_no_work() -> None:
    started = time.process_time()
    for html in ("<a " * 170_000, "<a href='" * 60_000):
        assert on(html, text="t") == html
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("https://shop.example/a?b=c#d", True),
        ("http://sho\u1ea1p.vn", True),
        ("https://shop.example/a\r\nSet-Cookie: x=y", False),
        ("https://shop.example/a b", False),
    ],
)
def test_where_a_link_may_lead(target: str, *, leads: bool) -> None:
    assert leads_through(target) is leads


# --- people and machines ---

PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("method", "headers", "is_picture", "machine"),
    [
        ("GET", {"User-Agent": PERSON}, False, None),
        (
            "GET",
            {"User-Agent": "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"},
            True,
            None,
        ),
        ("HEAD", {"User-Agent": PERSON}, False, "looks without fetching"),
        ("GET", {"User-Agent": "Mozilla/5.0"}, True, "apple mail privacy protection"),
        ("GET", {"User-Agent": "Mozilla/5.0"}, False, None),
        ("GET", {"user-agent": PERSON, "Sec-Purpose": "prefetch;prerender"}, False, "prefetch"),
        ("GET", {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, False, "robot"),
        ("GET", {}, False, "names no program"),
    ],
)
def test_machines_are_told_from_people(
    method: str, headers: dict[str, str], *, is_picture: bool, machine: str | None
) -> None:
    assert visit(method, headers, is_picture=is_picture).machine == machine


async def test_a_click_counts_once_a_link_an_open_once_a_mail_and_a_machine_never(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id)
    (delivery,) = await world.deliveries()
    event = bytes(delivery["event_id"]).hex()
    person = Visit(PERSON)

    async def record_all(visited: Visit, tenant_id: UUID) -> int:
        new = 0
        for target in ("https://shop.example/a", "https://shop.example/b", None):
            async with db.transaction(tenant_id) as conn:
                mark = Mark(tenant_id, event, target)
                new += (await record(conn, mark, visited, at=datetime.now(UTC))).new
        return new

    assert await record_all(Visit(PERSON, "robot"), tenant.tenant_id) == 0
    assert [await record_all(person, tenant.tenant_id) for _ in range(2)] == [3, 0]
    rows = await world.rows("SELECT type, delivery_id, raw ->> 'target' AS target FROM outcome ORDER BY type, raw")
    assert [(row["type"], row["target"]) for row in rows] == [
        ("clicked", "https://shop.example/a"),
        ("clicked", "https://shop.example/b"),
        ("read", None),
    ]
    assert {row["delivery_id"] for row in rows} == {delivery["delivery_id"]}
