"""What a provider's answer means for its message, and for the provider."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.contract import Receipt, ReceiptClass, ReceiptStatus
from engine.dispatch.claim import DEFAULT, Claimed
from engine.dispatch.leases import LOOK_AGAIN
from engine.dispatch.results import Ended, interrupted, of_receipt
from engine.dispatch.watch import Watch, heard_in
from engine.templates import Reader
from rules.circuit import WORKING, Heard, Sign
from rules.retry import MOST_ATTEMPTS
from rules.words import Channel, DeliveryStatus

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)


def _ended(status: ReceiptStatus, klass: ReceiptClass, *, retry_after: float | None = None, **more: Any) -> Ended:
    """What an answer comes to of a message of a campaign that sends again, unless `more` says otherwise."""
    given: dict[str, Any] = {"setbacks": 0, "resend": True, "has_stand_in": False, "expires_at": None, **more}
    claimed = Claimed(
        delivery_id=1,
        decision_id=2,
        run_id=3,
        attempt=1,
        event_id="e",
        channel=Channel.EMAIL,
        channel_id=4,
        template_id=5,
        address="kh-1@people.example",
        profile_id=6,
        profile_name=None,
        context={},
        reader=Reader(now=NOW),
        is_advertising=True,
        policy=DEFAULT,
        zone="UTC",
        purpose="marketing",
        **given,
    )
    receipt = Receipt(status=status, klass=klass, code="550", detail="no", retry_after=retry_after)
    return of_receipt(claimed, receipt, deduplicates=False, now=NOW, jitter=0.0)


@pytest.mark.parametrize(
    ("setbacks", "status"), [(0, DeliveryStatus.QUEUED), (MOST_ATTEMPTS - 1, DeliveryStatus.FAILED)]
)
def test_what_no_provider_lets_our_sender_send_fails_in_the_end(setbacks: int, status: DeliveryStatus) -> None:
    ended = _ended(ReceiptStatus.REJECTED, ReceiptClass.PERMISSION_DENIED, setbacks=setbacks, has_stand_in=True)
    assert ended.status is status


def test_a_message_that_was_tried_often_still_waits_out_a_rate_limit() -> None:
    ended = _ended(ReceiptStatus.RETRY, ReceiptClass.RATE_LIMITED, retry_after=40, setbacks=MOST_ATTEMPTS - 1)
    assert (ended.status, ended.due_at) == (DeliveryStatus.QUEUED, NOW + timedelta(seconds=40))


@pytest.mark.parametrize(
    ("answer", "status"),
    [(ReceiptStatus.UNCERTAIN, DeliveryStatus.UNCERTAIN), (ReceiptStatus.RETRY, DeliveryStatus.DEAD)],
)
def test_after_the_last_attempt_what_may_have_arrived_is_not_called_dead(
    answer: ReceiptStatus, status: DeliveryStatus
) -> None:
    ended = _ended(answer, ReceiptClass.PROVIDER_DOWN, setbacks=MOST_ATTEMPTS - 1)
    assert ended.status is status


@pytest.mark.parametrize("good_for_s", [5, 60])
def test_what_waits_for_its_channel_waits_no_longer_than_it_is_good_for(good_for_s: int) -> None:
    expires_at = NOW + timedelta(seconds=good_for_s)
    ended = _ended(ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED, expires_at=expires_at)
    assert (ended.status, ended.due_at) == (DeliveryStatus.QUEUED, min(NOW + LOOK_AGAIN, expires_at))


@pytest.mark.parametrize("code", ["stopped", "adapter_failed"])
def test_what_ended_on_our_side_says_nothing_of_the_provider(code: str) -> None:
    assert heard_in(interrupted(code, "Why.")) is None


def test_a_provider_that_asks_for_more_time_gets_it() -> None:
    watch = Watch({4: WORKING})
    for seconds in (2.0, 30.0):
        watch.hear(4, Heard(Sign.RATE_LIMITED, "429", seconds), NOW)
    until = watch.held_until(4, NOW + timedelta(seconds=10))
    assert until is not None
    assert until >= NOW + timedelta(seconds=30)
