"""A provider that is away for an hour, in simulated time: what waits goes out once it is back, each message once."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from engine import clock
from engine.dispatch import Dispatched, put_aside
from rules.words import Lane
from tests.engine.acts import Act

MESSAGES, PER_SECOND = 40, 4
AWAY = timedelta(hours=1)
STEP = timedelta(seconds=20)
# A port that nobody may listen at (discard).
NOBODY = "http://127.0.0.1:9"


@dataclass(slots=True)
class Simulated:
    """The time that dispatching goes by."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Simulated:
    simulated = Simulated(datetime.now(UTC))
    monkeypatch.setattr(clock, "now", simulated.now)
    return simulated


async def _step(act: Act, time: Simulated, by: timedelta) -> Dispatched:
    """Let time pass, then do what a worker's sweep does."""
    time.at += by
    done = await act.send()
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await put_aside(conn, lane=Lane.BULK, now=time.at)
    return done


async def _listens_at(act: Act, url: str) -> None:
    await act.world.rows(
        "UPDATE channel SET settings = jsonb_set(settings, '{base_url}', to_jsonb(%(url)s::text))", url=url
    )


@pytest.mark.parametrize("refuses", [False, True], ids=["answers 503", "refuses connections"])
async def test_after_an_hour_away_everything_goes_out_once_at_the_pace_and_what_is_late_expires(
    act: Act, time: Simulated, *, refuses: bool
) -> None:
    await act.queue(MESSAGES, channel="telegram", limits={"per_second": PER_SECOND, "recipient_s": None})
    # Ten of them are of a campaign that ends in the middle of the outage.
    late = await act.world.rows(
        """
        UPDATE delivery_log SET expires_at = %(at)s WHERE delivery_id IN (
            SELECT delivery_id FROM delivery_log ORDER BY delivery_id DESC LIMIT 10)
        RETURNING encode(event_id, 'hex') AS id
        """,
        at=time.at + AWAY / 2,
    )
    if refuses:
        await _listens_at(act, NOBODY)
    else:
        await act.sandbox.ask("faults", {"channel": "telegram", "times": None, "status": 503})
    back_at, calls = time.at + AWAY, 0
    while time.at < back_at:
        calls += (await _step(act, time, STEP)).claimed
    assert await act.sandbox.messages() == []
    assert await act.world.statuses() == {"queued": MESSAGES - 10, "expired": 10}
    # The breaker lets a few through to see, not every message every time.
    assert calls < MESSAGES
    assert (await act.gate())["status"] == "connected"

    await act.sandbox.reset()
    await _listens_at(act, act.sandbox.base_url)
    sent_in: Counter[datetime] = Counter()
    for _ in range(4 * 3600):
        sent_in[time.at] += (await _step(act, time, timedelta(seconds=1))).sent
        if (await act.world.statuses()).get("queued", 0) == 0:
            break
    assert await act.world.statuses() == {"sent": MESSAGES - 10, "expired": 10}
    received = [one["event_id"] for one in await act.sandbox.messages()]
    assert len(received) == len(set(received)) == MESSAGES - 10
    assert not set(received) & {row["id"] for row in late}
    assert max(sent_in.values()) <= 2 * PER_SECOND
    assert time.at - back_at < timedelta(hours=1)
