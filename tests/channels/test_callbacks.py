"""Callbacks of Zalo, Facebook and SendGrid: believed only under their own signature, and read in our words."""

import base64
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from channels.callbacks import facebook, sendgrid, zalo
from channels.contract import Incoming, Secret, SignatureInvalid
from rules.errors import InvalidInput, Misconfigured
from rules.words import OutcomeType
from tests.channels.samples import NOW, event_id

Read = Callable[..., Sequence[Incoming]]
APP, SECRET = "1234567890", Secret("oa-secret")
MS = str(round(NOW * 1000))
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()


def of_zalo(**fields: Any) -> bytes:
    return json.dumps({"app_id": APP, "timestamp": MS, **fields}, ensure_ascii=False).encode()


def told(incoming: Sequence[Incoming]) -> list[tuple[Any, ...]]:
    return [(one.type, one.event, one.delivery_ref, one.address) for one in incoming]


# --- Zalo ---


def test_the_mac_of_the_providers_own_example_is_ours() -> None:
    body = b'{"app_id":"1234567890","event_name":"user_send_text","timestamp":"1700000000000"}'
    mac = zalo.mac(APP, body, "1700000000000", SECRET)
    assert mac == "acec9a97faf48961437053ecbfbfe0e357a5730e80a6ea0075989474138023a7"
    headers = {"X-ZEvent-Signature": f"mac={mac}"}
    zalo.verify(headers, body, app_id=APP, secrets=[SECRET], now=1_700_000_000.0)
    with pytest.raises(SignatureInvalid, match="away"):
        zalo.verify(headers, body, app_id=APP, secrets=[SECRET], now=1_700_000_000.0 + zalo.MAX_AGE_S + 1)


@pytest.mark.parametrize("prefix", ["", "mac=", "mac = "])
@pytest.mark.parametrize("secret", ["oa-secret", "app-secret"])
@pytest.mark.parametrize("who", [APP, "oa-77"])
def test_either_secret_and_either_name_of_the_account_is_taken(prefix: str, secret: str, who: str) -> None:
    body = of_zalo(event_name="follow", oa_id="oa-77")
    headers = {"X-ZEvent-Signature": prefix + zalo.mac(who, body, MS, Secret(secret))}
    zalo.verify(headers, body, app_id=APP, secrets=[SECRET, Secret("app-secret")], now=NOW)


@given(body=st.binary(), header=st.text())
def test_zalo_believes_no_made_up_mac(body: bytes, header: str) -> None:
    for given_header in (header, "0" * 64):
        with pytest.raises(SignatureInvalid):
            zalo.verify({"X-ZEvent-Signature": given_header}, body, app_id=APP, secrets=[SECRET], now=NOW)


def test_without_a_secret_zalo_is_not_believed() -> None:
    body = of_zalo(event_name="follow")
    headers = {"X-ZEvent-Signature": zalo.mac(APP, body, MS, Secret(""))}
    with pytest.raises(SignatureInvalid):
        zalo.verify(headers, body, app_id=APP, secrets=[Secret("")], now=NOW)


def test_zalo_tells_of_messages_that_arrived_and_were_seen() -> None:
    arrived = of_zalo(
        event_name="user_received_message",
        sender={"id": "oa"},
        recipient={"id": "84912345678"},
        message={"msg_id": "m-1", "delivery_time": "1794999000000", "tracking_id": "t"},
    )
    (one,) = zalo.read(arrived, now=NOW)
    assert told([one]) == [(OutcomeType.DELIVERED, None, "m-1", "84912345678")]
    assert one.at == datetime.fromtimestamp(1_794_999_000, UTC)
    seen = of_zalo(event_name="user_seen_message", sender={"id": "u-1"}, message={"msg_ids": ["m-1", "m-2", 3, ""]})
    assert told(zalo.read(seen, now=NOW)) == [(OutcomeType.READ, None, ref, "u-1") for ref in ("m-1", "m-2")]


def test_zalo_tells_what_people_do() -> None:
    wrote = of_zalo(
        event_name="user_send_text",
        sender={"id": "u-1"},
        recipient={"id": "oa"},
        message={"msg_id": "m-9", "text": "Còn hàng không?", "quote_msg_id": "m-1"},
    )
    assert told(zalo.read(wrote, now=NOW)) == [(OutcomeType.REPLIED, "message", "m-1", "u-1")]
    follower = {"follower": {"id": "u-1"}}
    for name, person, kind, event in (
        ("follow", follower, None, "follow"),
        ("unfollow", follower, OutcomeType.UNSUBSCRIBED, "unfollow"),
        ("user_click_chatnow", {"user_id": "u-1"}, None, "click"),
        ("user_withdraw", {"user_id": "u-1"}, OutcomeType.UNSUBSCRIBED, "withdraw"),
    ):
        assert told(zalo.read(of_zalo(event_name=name, **person), now=NOW)) == [(kind, event, None, "u-1")]
    assert zalo.read(of_zalo(event_name="oa_send_text"), now=NOW) == []
    # Two people in the same millisecond do two things.
    both = [of_zalo(event_name="follow", follower={"id": one}) for one in ("u-1", "u-2")]
    assert len({zalo.read(body, now=NOW)[0].provider_id for body in both}) == 2


# --- Facebook ---


def test_the_signature_of_the_providers_own_example_is_ours() -> None:
    body = b'{"object":"page","entry":[]}'
    signed = "sha256=e6e9d7a842a48e17f43a34d6125d0d933e2aab92ee37f0993a4d493b50e3d438"
    assert facebook.sign(Secret("app-secret"), body) == signed
    facebook.verify({"x-hub-signature-256": signed}, body, app_secret=Secret("app-secret"))
    for headers, secret in (
        ({}, Secret("app-secret")),
        ({"X-Hub-Signature-256": signed}, Secret("other")),
        ({"X-Hub-Signature-256": signed}, None),
    ):
        with pytest.raises(SignatureInvalid):
            facebook.verify(headers, body, app_secret=secret)


def test_facebook_is_greeted_only_with_the_right_token() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "our word", "hub.challenge": "1158201444"}
    assert facebook.greet(query, verify_token=Secret("our word")) == "1158201444"
    for change in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}, {"hub.challenge": "<script>"}):
        with pytest.raises(SignatureInvalid):
            facebook.greet({**query, **change}, verify_token=Secret("our word"))
    with pytest.raises(SignatureInvalid):
        facebook.greet({**query, "hub.verify_token": ""}, verify_token=None)


def page(*events: Mapping[str, Any]) -> bytes:
    return json.dumps({"object": "page", "entry": [{"id": "1", "time": 1, "messaging": list(events)}]}).encode()


def test_facebook_tells_messages_buttons_and_watermarks() -> None:
    who = {"sender": {"id": "psid"}, "recipient": {"id": "page"}, "timestamp": int(MS)}
    incoming = facebook.read(
        page(
            {**who, "message": {"mid": "m_9", "text": "ạ", "reply_to": {"mid": "m_1"}}},
            {**who, "message": {"mid": "m_10", "text": "ours", "is_echo": True}},
            {**who, "postback": {"mid": "m_1", "payload": "BUY"}},
            {**who, "delivery": {"mids": ["m_1"], "watermark": 1_794_999_000_000}},
            {**who, "read": {"watermark": 1_794_999_500_000}},
            {**who, "optin": {}},
        ),
        now=NOW,
    )
    assert told(incoming) == [
        (OutcomeType.REPLIED, "message", "m_1", "psid"),
        (OutcomeType.CLICKED, "click", "m_1", "psid"),
        (OutcomeType.DELIVERED, None, None, "psid"),
        (OutcomeType.READ, None, None, "psid"),
    ]
    assert [one.up_to for one in incoming] == [False, False, True, True]
    assert incoming[2].at == datetime.fromtimestamp(1_794_999_000, UTC)


# --- SendGrid ---


def signed(body: bytes, timestamp: int = round(NOW)) -> dict[str, str]:
    signature = KEY.sign(str(timestamp).encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": str(timestamp),
    }


def test_what_we_believe_of_sendgrid_its_own_library_believes() -> None:
    body = '[{"event":"delivered","email":"ánh@khach.example"}]\r\n'
    headers = signed(body.encode())
    sendgrid.verify(headers, body.encode(), key=sendgrid.public_key(PUBLIC), now=NOW)
    theirs = EventWebhook(PUBLIC)
    assert theirs.verify_signature(body, *headers.values())
    with pytest.raises(SignatureInvalid, match="wrong"):
        sendgrid.verify(headers, body.encode() + b" ", key=sendgrid.public_key(PUBLIC), now=NOW)


def test_an_old_callback_of_sendgrid_or_one_without_a_key_is_refused() -> None:
    headers = signed(b"[]")
    for key, now, words in (
        (sendgrid.public_key(PUBLIC), NOW + sendgrid.MAX_AGE_S + 1, "away"),
        (None, NOW, "no verification key"),
    ):
        with pytest.raises(SignatureInvalid, match=words):
            sendgrid.verify(headers, b"[]", key=key, now=now)
    for wrong in ("", "no key", base64.b64encode(b"x").decode()):
        with pytest.raises(Misconfigured):
            sendgrid.public_key(wrong)


@given(body=st.binary(), signature=st.text(), timestamp=st.text())
def test_sendgrid_believes_no_made_up_headers(body: bytes, signature: str, timestamp: str) -> None:
    headers = {sendgrid.SIGNATURE_HEADER: signature, sendgrid.TIMESTAMP_HEADER: timestamp}
    with pytest.raises(SignatureInvalid):
        sendgrid.verify(headers, body, key=sendgrid.public_key(PUBLIC), now=NOW)


def test_sendgrid_tells_each_event_by_our_id_or_its_own() -> None:
    common = {"email": "anh@khach.example", "timestamp": 1_794_999_000, "sg_message_id": "14c5d75ce93.filter.64"}
    events = [
        {**common, "event": "processed", "sg_event_id": "1"},
        {**common, "event": "delivered", "sg_event_id": "2", "leo_event_id": event_id(1)},
        {**common, "event": "click", "sg_event_id": "3"},
        {**common, "event": "bounce", "type": "bounce", "sg_event_id": "4"},
        {**common, "event": "bounce", "type": "blocked", "sg_event_id": "5"},
        {**common, "event": "dropped", "reason": "Bounced Address", "sg_event_id": "6"},
        {**common, "event": "dropped", "reason": "Spam Content", "sg_event_id": "7"},
        {**common, "event": "spamreport", "sg_event_id": "8"},
        {**common, "event": "group_unsubscribe", "sg_event_id": "9"},
        {**common, "event": "open"},
    ]
    incoming = sendgrid.read(json.dumps(events).encode(), now=NOW)
    assert [one.provider_id for one in incoming if one.soft] == ["5", "7"]
    assert [(one.provider_id, one.type, one.delivery_ref) for one in incoming if not one.soft] == [
        ("2", OutcomeType.DELIVERED, event_id(1)),
        ("3", OutcomeType.CLICKED, "14c5d75ce93"),
        ("4", OutcomeType.BOUNCED, "14c5d75ce93"),
        ("6", OutcomeType.BOUNCED, "14c5d75ce93"),
        ("8", OutcomeType.COMPLAINED, "14c5d75ce93"),
        ("9", OutcomeType.UNSUBSCRIBED, "14c5d75ce93"),
    ]


# --- all of them ---

every_reader = pytest.mark.parametrize("read", [zalo.read, facebook.read, sendgrid.read])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        *(
            "event_name",
            "timestamp",
            "sender",
            "recipient",
            "message",
            "follower",
            "user_id",
            "id",
            "msg_id",
            "msg_ids",
        ),
        *("object", "entry", "messaging", "delivery", "read", "watermark", "postback", "mid", "reply_to"),
        *("event", "sg_event_id", "sg_message_id", "email", "reason", "type"),
    )
)
WORDS = st.sampled_from(["page", "user_send_text", "user_seen_message", "follow", "delivered", "bounce", "dropped"])
shaped = st.recursive(
    json_values | WORDS,
    lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@every_reader
@given(body=st.binary() | shaped.map(lambda one: json.dumps(one).encode()))
def test_any_body_is_read_or_refused(read: Read, body: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        for one in read(body, now=NOW):
            assert 0 < len(one.provider_id) <= 255
            assert one.at.timestamp() <= NOW + 86_400
            text = json.dumps(one.raw, allow_nan=False)
            assert "\\u0000" not in text
            text.encode()


@every_reader
def test_a_hostile_body_is_refused_in_time(read: Read) -> None:
    deep = b"[" * 500_000 + b"]" * 500_000
    for body in (deep, b'{"a":' * 200 + b"1" + b"}" * 200, b"\x00" * 1_048_576, b"9" * 1_048_576, b"\xff\xfe"):
        with pytest.raises(InvalidInput):
            read(body, now=NOW)


def test_text_that_postgresql_cannot_hold_is_mended_and_the_rest_kept() -> None:
    message = b'{"msg_id":"m","text":"a\\u0000b\\ud800c\\u1ea1"}'
    body = b'{"event_name":"user_send_text","sender":{"id":"u"},"message":' + message + b"}"
    (one,) = zalo.read(body, now=NOW)
    assert one.raw["message"]["text"] == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}cạ"
