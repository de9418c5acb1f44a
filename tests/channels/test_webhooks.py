"""A callback is believed only when it is signed, fresh and whole, and says what happened in our words."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Secret, SignatureInvalid
from channels.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign, verify
from rules.errors import InvalidInput, Unauthorized
from rules.words import Channel, OutcomeType
from tests.channels.samples import NOW, WEBHOOK_SECRET, adapter, event_id

EMAIL, TELEGRAM = Channel.EMAIL, Channel.TELEGRAM
SECRET = Secret(WEBHOOK_SECRET)
BODY = json.dumps(
    [{"id": "1", "event_id": event_id(1), "type": "delivered", "at": "2026-11-23T08:00:00+07:00"}]
).encode()


def test_a_signed_callback_is_accepted_whatever_the_case_of_its_headers() -> None:
    headers = sign(SECRET, timestamp=int(NOW), body=BODY)
    adapter(EMAIL).verify(headers, BODY)
    adapter(EMAIL).verify({name.upper(): value for name, value in headers.items()}, BODY)


@given(body=st.binary(), other=st.binary())
def test_no_other_body_passes_under_a_signature(body: bytes, other: bytes) -> None:
    headers = sign(SECRET, timestamp=int(NOW), body=body)
    verify(SECRET, headers, body, now=NOW, max_age_s=1)
    if body != other:
        with pytest.raises(SignatureInvalid, match="wrong"):
            verify(SECRET, headers, other, now=NOW, max_age_s=1)


@given(st.dictionaries(st.sampled_from([TIMESTAMP_HEADER, SIGNATURE_HEADER]), st.text()))
def test_no_made_up_headers_pass(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        verify(SECRET, headers, BODY, now=NOW, max_age_s=300)


def test_the_time_is_signed_too_and_grows_old() -> None:
    headers = sign(SECRET, timestamp=int(NOW), body=BODY)
    moved = {**headers, TIMESTAMP_HEADER: str(int(NOW) + 1)}
    with pytest.raises(SignatureInvalid, match="wrong"):
        adapter(EMAIL).verify(moved, BODY)
    for later in (NOW + 301, NOW - 301):
        with pytest.raises(SignatureInvalid, match="more than 300 s away"):
            adapter(EMAIL, now=later).verify(headers, BODY)


def test_digits_cannot_move_between_the_time_and_the_body() -> None:
    headers = sign(SECRET, timestamp=179_500, body=b"0123")
    with pytest.raises(SignatureInvalid, match="wrong"):
        verify(SECRET, {**headers, TIMESTAMP_HEADER: "1795000"}, b"123", now=1_795_000, max_age_s=300)


def test_without_a_secret_nobody_is_believed() -> None:
    for channel, headers in (
        (EMAIL, sign(Secret(""), timestamp=int(NOW), body=BODY)),
        (TELEGRAM, {"X-Telegram-Bot-Api-Secret-Token": ""}),
    ):
        with pytest.raises(Unauthorized):
            adapter(channel, webhook_secret=None).verify(headers, BODY)


def test_telegram_proves_itself_by_its_secret_token() -> None:
    bot = adapter(TELEGRAM)
    bot.verify({"X-Telegram-Bot-Api-Secret-Token": WEBHOOK_SECRET}, b"{}")
    for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": "sai-mật-khẩu"}):
        with pytest.raises(SignatureInvalid) as caught:
            bot.verify(headers, b"{}")
        assert WEBHOOK_SECRET not in str(caught.value)


def test_an_array_of_outcomes_is_read_in_order() -> None:
    items = [
        {"id": "1", "event_id": event_id(1), "type": "delivered", "at": "2026-11-23T08:00:00+07:00"},
        {"id": "2", "event_id": event_id(1), "type": "open", "at": "2026-11-23T01:05:00Z", "address": "a@example.com"},
        {"id": "3", "event_id": event_id(2), "type": "deferred", "at": "2026-11-23T01:05:00Z"},
        {"id": "4", "event_id": event_id(2), "type": "bounced", "at": "2026-11-23T01:06:00Z"},
    ]
    incoming = adapter(EMAIL).parse_webhook({}, json.dumps(items).encode())
    assert [(one.provider_id, one.type, one.delivery_ref) for one in incoming] == [
        ("1", OutcomeType.DELIVERED, event_id(1)),
        ("2", OutcomeType.READ, event_id(1)),
        ("4", OutcomeType.BOUNCED, event_id(2)),
    ]
    assert incoming[0].at == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert incoming[1].address == "a@example.com"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": 3}, "Item 1 .* no object with a type"),
        ({"id": ""}, "Item 1 .* lacks its id"),
        ({"event_id": None}, "Item 1 .* lacks its event_id"),
        ({"at": "yesterday"}, "Item 1 .* ISO 8601"),
        ({"at": "2026-11-23T01:05:00"}, "Item 1 .* no zone"),
    ],
)
def test_a_wrong_item_is_named(change: dict[str, object], words: str) -> None:
    good = json.loads(BODY)[0]
    with pytest.raises(InvalidInput, match=words):
        adapter(EMAIL).parse_webhook({}, json.dumps([good, {**good, **change}]).encode())


def update(**parts: object) -> bytes:
    return json.dumps({"update_id": 9, **parts}).encode()


CHAT = {"id": 42, "type": "private"}


def test_a_reply_names_the_message_it_answers() -> None:
    message = {"message_id": 8, "date": 1_794_999_000, "chat": CHAT, "reply_to_message": {"message_id": 7}}
    (incoming,) = adapter(TELEGRAM).parse_webhook({}, update(message=message))
    assert (incoming.type, incoming.delivery_ref, incoming.address) == (OutcomeType.REPLIED, "42:7", "42")
    assert incoming.at == datetime.fromtimestamp(1_794_999_000, UTC)
    del message["reply_to_message"]
    assert adapter(TELEGRAM).parse_webhook({}, update(message=message))[0].delivery_ref is None


def test_a_pressed_button_is_a_click_and_a_block_is_an_unsubscription() -> None:
    pressed = {"id": "q", "from": {"id": 42}, "message": {"message_id": 7, "chat": CHAT}, "data": "buy"}
    (click,) = adapter(TELEGRAM).parse_webhook({}, update(callback_query=pressed))
    assert (click.type, click.delivery_ref, click.address) == (OutcomeType.CLICKED, "42:7", "42")
    assert click.at == datetime.fromtimestamp(NOW, UTC)
    blocked = {"chat": CHAT, "date": 1_794_999_000, "new_chat_member": {"status": "kicked"}}
    (block,) = adapter(TELEGRAM).parse_webhook({}, update(my_chat_member=blocked))
    assert (block.type, block.delivery_ref, block.address) == (OutcomeType.UNSUBSCRIBED, None, "42")


def test_updates_without_a_word_of_ours_are_left_out() -> None:
    group = {"message_id": 8, "date": 1, "chat": {"id": -5, "type": "group"}}
    stays = {"new_chat_member": {"status": "member"}}
    nothing: list[dict[str, object]] = [{"message": group}, {"edited_message": group}, {"my_chat_member": stays}, {}]
    for parts in nothing:
        assert adapter(TELEGRAM).parse_webhook({}, update(**parts)) == []
