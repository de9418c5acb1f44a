"""The inbox on a web site: what is refused before it is posted, and one set of limits for all who ask."""

from typing import Any

import pytest

from channels import content, facts
from channels.contract import ReceiptClass, ReceiptStatus, Response, Unsupported
from rules.errors import Misconfigured
from rules.words import Channel
from tests.channels.samples.chat import INBOX

FACTS = facts.load("chat")


def test_a_template_is_held_to_what_the_inbox_takes() -> None:
    held = {limit.part: limit.most for limit in content.of(Channel.CHAT).limits}
    assert held == {part: FACTS.limit(f"{part}_characters") for part in ("subject", "text")}


@pytest.mark.parametrize(
    ("more", "klass"),
    [
        ({"text": "x" * 4_001}, ReceiptClass.TOO_LARGE),
        ({"subject": "x" * 201}, ReceiptClass.TOO_LARGE),
        ({"text": "a\0b"}, ReceiptClass.BAD_REQUEST),
        ({"address": "a\nb"}, ReceiptClass.INVALID_ADDRESS),
        ({"address": "x" * 513}, ReceiptClass.INVALID_ADDRESS),
        ({"data": {"link": "javascript:alert(1)"}}, ReceiptClass.BAD_REQUEST),
    ],
)
def test_what_the_inbox_would_not_take_is_refused_before_it_is_asked(more: dict[str, Any], klass: ReceiptClass) -> None:
    with pytest.raises(Unsupported) as refused:
        INBOX.adapter().build(INBOX.message(**more))
    assert refused.value.klass is klass


@pytest.mark.parametrize("key", ["short", "x" * 31, "x" * 257, "ö" * 40, "with blank " * 4])
def test_a_key_that_is_too_short_or_odd_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(Misconfigured, match="visitor_key") as refused:
        INBOX.adapter(visitor_key=key)
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "klass", "then"),
    [
        (401, ReceiptClass.TOKEN_EXPIRED, ReceiptStatus.RETRY),
        (404, ReceiptClass.TOKEN_EXPIRED, ReceiptStatus.RETRY),
        (409, ReceiptClass.INVALID_ADDRESS, ReceiptStatus.REJECTED),
        (422, ReceiptClass.BAD_REQUEST, ReceiptStatus.REJECTED),
        (503, ReceiptClass.PROVIDER_DOWN, ReceiptStatus.RETRY),
        (200, ReceiptClass.UNKNOWN, ReceiptStatus.UNCERTAIN),
    ],
)
def test_each_answer_of_the_inbox_is_understood(status: int, klass: ReceiptClass, then: ReceiptStatus) -> None:
    receipt = INBOX.adapter().parse(Response(status=status, body={"detail": "words"}))
    assert (receipt.klass, receipt.status, receipt.detail) == (klass, then, "words")
