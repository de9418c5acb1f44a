"""Buttons are said once and arrive on every channel that has them; what a provider would refuse never leaves."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import buttons, content
from channels.contract import Message, ReceiptClass, ReceiptStatus, Unsupported
from channels.sandbox import keyboard
from channels.sandbox.social import buttons as social
from rules.words import Channel
from tests.channels.samples import Sample
from tests.channels.samples.bot_api import BOT_API, TOKEN
from tests.channels.samples.chat import INBOX
from tests.channels.samples.facebook import FACEBOOK, PAGE_ID, PSID
from tests.channels.samples.fcm import FCM
from tests.channels.samples.web_push import PUSHALERT, VAPID
from tests.channels.samples.zalo_oa import USER_ID, ZALO_OA
from tests.channels.sandbox_process import SandboxProcess

SEE = {"title": "Xem giỏ hàng", "url": "https://shop.example/gio?a=1&b=2"}
LATER = {"title": "Để sau", "reply": "later"}
ANSWERING = (BOT_API, FACEBOOK, INBOX)
LEADING = (*ANSWERING, FCM, VAPID, PUSHALERT)
LIMITED = [channel for channel in Channel if buttons.NAME in content.of(channel).fields]

titles = st.text(min_size=1, max_size=80)
replies = st.fixed_dictionaries({"title": titles, "reply": st.text(max_size=80)})
links = st.fixed_dictionaries(
    {"title": titles, "url": st.sampled_from(["https://shop.example", "http://b", "ftp://c"])}
)
several = st.lists(replies | links, max_size=14) | st.lists(replies, max_size=14)


def limits(channel: Channel) -> buttons.Limits:
    return content.of(channel).fields[buttons.NAME].buttons


def with_buttons(sample: Sample, *pressed: Mapping[str, Any], **more: Any) -> Message:
    return sample.message(data={"buttons": list(pressed)}, **more)


async def arrived(sample: Sample, sandbox: SandboxProcess, *pressed: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Send a message with buttons over the wire, and give the sandbox's record of it."""
    speaker = sample.adapter(now=time.time(), smtp_port=sandbox.smtp_port, http_port=sandbox.http_port, **more)
    receipt = speaker.parse(await speaker.send(speaker.build(with_buttons(sample, *pressed))))
    await speaker.aclose()
    assert receipt.status is ReceiptStatus.ACCEPTED, receipt
    (line,) = await sandbox.messages()
    return dict(line)


@pytest.mark.parametrize("sample", LEADING, ids=str)
async def test_a_button_arrives_with_where_it_leads(sample: Sample, sandbox: SandboxProcess) -> None:
    line = await arrived(sample, sandbox, SEE)
    assert line["buttons"] == [SEE]
    assert all(words in line["text"] for words in sample.shown)


@pytest.mark.parametrize("sample", ANSWERING, ids=str)
async def test_a_button_arrives_with_what_it_answers(sample: Sample, sandbox: SandboxProcess) -> None:
    assert (await arrived(sample, sandbox, SEE, LATER))["buttons"] == [SEE, LATER]


async def test_replies_alone_are_quick_replies_of_messenger(sandbox: SandboxProcess) -> None:
    several = [{"title": f"Màu {n}", "reply": f"colour-{n}"} for n in range(13)]
    line = await arrived(FACEBOOK, sandbox, *several)
    assert line["buttons"] == several


async def test_zalo_gets_lines_and_where_it_is_asked_for_buttons(sandbox: SandboxProcess) -> None:
    line = await arrived(ZALO_OA, sandbox, SEE)
    assert line["text"].endswith(f"\n\n{SEE['title']}: {SEE['url']}")
    assert "buttons" not in line
    await sandbox.reset()
    line = await arrived(ZALO_OA, sandbox, SEE, buttons="attachment")
    assert line["buttons"] == [SEE]
    assert SEE["url"] not in line["text"]
    picture = with_buttons(ZALO_OA, SEE)
    both = ZALO_OA.message(data={**picture.data, "image_url": "https://shop.example/a.png"})
    with pytest.raises(Unsupported, match="a picture or buttons"):
        ZALO_OA.adapter(buttons="attachment").build(both)


@pytest.mark.parametrize(
    ("sample", "pressed", "why"),
    [
        (BOT_API, [{"title": "a", "reply": "ạ" * 40}], "has 120 octets of 64"),
        (BOT_API, [SEE] * 11, "11 buttons of 10"),
        (FACEBOOK, [SEE] * 4, "4 buttons of 3"),
        (FACEBOOK, [LATER] * 14, "14 buttons of 13"),
        (FACEBOOK, [{**SEE, "title": "Xem giỏ hàng của bạn ngay"}], "25 characters of 20"),
        (ZALO_OA, [LATER], "cannot answer on this channel"),
        (ZALO_OA, [{**SEE, "title": "x" * 36}], "36 characters of 35"),
        (FCM, [{**SEE, "url": "http://shop.example"}], "no https address"),
        (VAPID, [SEE] * 3, "3 buttons of 2"),
        (PUSHALERT, [{**SEE, "title": "x" * 17}], "17 characters of 16"),
        (INBOX, [{"title": "Xem", "url": "javascript:alert(1)"}], "no http or https address"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_a_provider_would_refuse_is_refused_before(sample: Sample, pressed: list[Any], why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        sample.adapter().build(with_buttons(sample, *pressed))


def test_a_text_above_messengers_buttons_is_shorter_than_one_alone() -> None:
    long = "x" * 641
    FACEBOOK.adapter().build(with_buttons(FACEBOOK, text=long))
    FACEBOOK.adapter().build(with_buttons(FACEBOOK, LATER, text=long))
    with pytest.raises(Unsupported, match="641 characters of 640 above buttons") as refused:
        FACEBOOK.adapter().build(with_buttons(FACEBOOK, SEE, text=long))
    assert refused.value.klass is ReceiptClass.TOO_LARGE


def test_a_keyboard_of_ones_own_stands_alone() -> None:
    own = {"reply_markup": {"inline_keyboard": []}, "buttons": [SEE]}
    with pytest.raises(Unsupported, match="buttons and a reply_markup"):
        BOT_API.adapter().build(BOT_API.message(data=own))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("Xem", "no list"),
        (["Xem"], "no list"),
        ([{"url": "https://shop.example"}], "has no title"),
        ([{"title": " ", "reply": "x"}], "has no title"),
        ([{"title": "Xem"}], "needs a url or a reply"),
        ([{**SEE, "reply": "x"}], "not both"),
        ([{**SEE, "colour": "red"}], "'colour', which no button has"),
        ([{"title": "Xem", "url": "shop.example"}], "no http or https address"),
        ([{"title": "Xem", "reply": ""}], "reply of button 1 is empty"),
    ],
)
def test_a_template_says_what_is_wrong_with_its_buttons(value: Any, why: str) -> None:
    told = list(content.of(Channel.TELEGRAM).form_problems({"text": "Chào"}, {"buttons": value}))
    assert [one for one in told if why in one.say().en]


def test_what_is_not_filled_yet_is_judged_when_it_is() -> None:
    later = {"buttons": [{"title": "Xem đơn của {{ profile.name }} ngay hôm nay", "url": "{{ event.attributes.url }}"}]}
    known = content.of(Channel.FACEBOOK)
    assert list(known.form_problems({"text": "Chào"}, later)) == []
    filled = {"buttons": [{"title": "Xem đơn của Nguyễn Thị Mai ngay hôm nay", "url": "shop.example"}]}
    assert len(list(known.problems({"text": "Chào"}, filled))) == 2


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.ZALO_TEMPLATE])
def test_a_channel_without_buttons_says_so_when_the_template_is_saved(channel: Channel) -> None:
    parts = {"subject": "Chào", "text": "Chào"}
    told = list(content.of(channel).form_problems(parts, {"template_id": "a1", "buttons": [SEE]}))
    assert "content.no_buttons" in {one.kind for one in told}


@given(several)
def test_a_keyboard_that_is_built_is_one_that_telegram_reads(given_buttons: list[dict[str, str]]) -> None:
    try:
        request = BOT_API.adapter().build(with_buttons(BOT_API, *given_buttons))
    except Unsupported:
        assert list(buttons.problems(given_buttons, limits(Channel.TELEGRAM)))
        return
    markup = json.loads(request.body).get("reply_markup")
    if all("." in one.get("url", ".") for one in given_buttons):
        assert [one["title"] for one in keyboard.read(markup)] == [one["title"].strip() for one in given_buttons]


@given(several)
def test_buttons_that_are_built_are_some_that_messenger_reads(given_buttons: list[dict[str, str]]) -> None:
    try:
        request = FACEBOOK.adapter().build(with_buttons(FACEBOOK, *given_buttons))
    except Unsupported:
        assert list(buttons.problems(given_buttons, limits(Channel.FACEBOOK)))
        return
    message = json.loads(parse_qs(request.body.decode())["message"][0])
    read = (social.of_template(message) or ("", social.of_quick_replies(message)))[1]
    assert [one["title"] for one in read] == [one["title"].strip() for one in given_buttons]


@pytest.mark.parametrize("channel", LIMITED)
@given(value=st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | several, max_leaves=4))
def test_whatever_a_template_says_is_judged_without_an_error(channel: Channel, value: Any) -> None:
    for one in buttons.problems(value, limits(channel)):
        assert all(one.say())


async def posted(sandbox: SandboxProcess, path: str, document: Any, **headers: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{sandbox.base_url}{path}", json=document, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("button", "words"),
    [
        ({"text": "Xem"}, "Text buttons are unallowed in the inline keyboard"),
        ({"text": "Xem", "callback_data": "x" * 65}, "BUTTON_DATA_INVALID"),
        ({"text": "Xem", "url": "happ://x"}, "URL 'happ://x' is invalid: Unsupported URL protocol"),
        ({"text": "Xem", "url": "http://localhost/x"}, "is invalid: Wrong HTTP URL"),
        ({"url": "https://shop.example"}, 'Can\'t find field "text"'),
    ],
)
async def test_the_emulated_telegram_refuses_as_the_real_one(
    sandbox: SandboxProcess, button: dict[str, str], words: str
) -> None:
    call = {"chat_id": 42, "text": "Chào", "reply_markup": {"inline_keyboard": [[button]]}}
    status, answer = await posted(sandbox, f"/bot{TOKEN}/sendMessage", call)
    assert (status, answer["error_code"]) == (400, 400)
    assert words in answer["description"]
    assert await sandbox.messages() == []


@pytest.mark.parametrize(
    "message",
    [
        {"attachment": {"payload": {"template_type": "button", "text": "x" * 641, "buttons": []}}},
        {"attachment": {"payload": {"template_type": "button", "text": "Chào", "buttons": []}}},
        {
            "attachment": {
                "payload": {
                    "template_type": "button",
                    "text": "Chào",
                    "buttons": [{"type": "web_url", "title": "x" * 21, "url": "https://shop.example"}],
                }
            }
        },
        {"text": "Chào", "quick_replies": [{"content_type": "text", "title": "x", "payload": "x"}] * 14},
    ],
)
async def test_the_emulated_messenger_refuses_what_is_beyond_its_limits(
    sandbox: SandboxProcess, message: dict[str, Any]
) -> None:
    call = {"recipient": {"id": PSID}, "messaging_type": "UPDATE", "message": message, "access_token": "any"}
    status, answer = await posted(sandbox, f"/v25.0/{PAGE_ID}/messages", call)
    assert (status, answer["error"]["code"]) == (400, 100)
    assert await sandbox.messages() == []


async def test_the_emulated_zalo_refuses_what_is_no_button(sandbox: SandboxProcess) -> None:
    wrong = {"title": "Xem", "type": "oa.open.url", "payload": {"url": "shop.example"}}
    message = {"text": "Chào", "attachment": {"type": "template", "payload": {"buttons": [wrong]}}}
    call = {"recipient": {"user_id": USER_ID}, "message": message}
    status, answer = await posted(sandbox, "/v3.0/oa/message/cs", call, access_token="any")
    assert (status, answer["error"]) == (200, -201)
    assert await sandbox.messages() == []
