"""Telling what became of the messages: outcomes posted to the callback in signed arrays, again while it is down."""

import asyncio
import hashlib
import heapq
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from channels.contract import ProviderError, Secret
from channels.http import HttpClient
from channels.sandbox.plan import Step
from channels.signature import sign
from rules.words import OutcomeType

TICK_S = 0.1
RETRY_FIRST_S, RETRY_MOST_S = 0.25, 5.0
PENDING_LIMIT = 500_000
"""Outcomes waiting at once, each 0.33 kB as measured; what is above is dropped and counted."""
SUCCESS, CLIENT_ERROR, SERVER_ERROR = 200, 400, 500
TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where outcomes go. Telegram's own (replies, blocks) go as updates to `telegram_url` where it is given."""

    url: str | None
    secret: Secret
    telegram_url: str | None = None
    telegram_secret: Secret | None = None
    batch: int = 500
    retry_for_s: float = 600.0


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    event_id: str = field(compare=False)
    channel: str = field(compare=False)
    ref: str = field(compare=False)
    type: OutcomeType = field(compare=False)


class Callback:
    """A queue by due time and one task that empties it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._heap: list[_Due] = []
        self._numbers = itertools.count(1)
        self._counts: Counter[str] = Counter()
        self._http = HttpClient(connections=4, connect_timeout_s=2.0, total_timeout_s=30.0)

    def schedule(self, event_id: str, channel: str, ref: str, steps: list[Step]) -> None:
        """Plan the outcomes of one message; `ref` is its mailbox, or chat and message for Telegram."""
        if self._target.url is None and self._target.telegram_url is None:
            return
        now = time.time()
        for step in steps:
            if len(self._heap) >= PENDING_LIMIT:
                self._counts["dropped"] += 1
                continue
            heapq.heappush(self._heap, _Due(now + step.delay_s, next(self._numbers), event_id, channel, ref, step.type))

    def stats(self) -> dict[str, int]:
        names = ("posted", "posts", "failed_posts", "refused", "dropped")
        return {"pending": len(self._heap), **{name: self._counts[name] for name in names}}

    def clear(self) -> None:
        self._heap.clear()
        self._counts.clear()

    async def run(self) -> None:
        """Post what is due until cancelled."""
        while True:
            due = self._take()
            if due:
                await self._post_all(due)
            else:
                await asyncio.sleep(TICK_S)

    async def aclose(self) -> None:
        await self._http.aclose()

    def _take(self) -> list[_Due]:
        now = time.time()
        due: list[_Due] = []
        while self._heap and self._heap[0].at <= now and len(due) < self._target.batch:
            due.append(heapq.heappop(self._heap))
        return due

    async def _post_all(self, due: list[_Due]) -> None:
        updates = [item for item in due if self._is_update(item)]
        others = [item for item in due if not self._is_update(item)]
        for item in updates:
            await self._post(self._target.telegram_url, _update(item), count=1, is_update=True)
        if others:
            await self._post(self._target.url, [_outcome(item) for item in others], count=len(others), is_update=False)

    def _is_update(self, item: _Due) -> bool:
        has_words = item.type in (OutcomeType.REPLIED, OutcomeType.UNSUBSCRIBED)
        return item.channel == "telegram" and has_words and self._target.telegram_url is not None

    async def _post(self, url: str | None, document: Any, *, count: int, is_update: bool) -> None:
        if url is None:
            self._counts["dropped"] += count
            return
        body = json.dumps(document).encode()
        give_up_at = time.monotonic() + self._target.retry_for_s
        pause_s = RETRY_FIRST_S
        while True:
            status = await self._once(url, body, is_update=is_update)
            if SUCCESS <= status < CLIENT_ERROR:
                self._counts["posted"] += count
                self._counts["posts"] += 1
                return
            self._counts["failed_posts"] += 1
            if CLIENT_ERROR <= status < SERVER_ERROR and status not in TRY_AGAIN:
                self._counts["refused"] += count
                return
            if time.monotonic() > give_up_at:
                self._counts["dropped"] += count
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MOST_S)

    async def _once(self, url: str, body: bytes, *, is_update: bool) -> int:
        """Post once, signed now; 0 where no answer came."""
        headers = {"Content-Type": "application/json"}
        if is_update and self._target.telegram_secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self._target.telegram_secret.reveal()
        else:
            headers |= sign(self._target.secret, timestamp=int(time.time()), body=body)
        try:
            return (await self._http.post(url, body, headers)).status
        except ProviderError:
            return 0


def _outcome(item: _Due) -> dict[str, Any]:
    """Write one outcome; its id is the same when the same message is sent and told of twice."""
    digest = hashlib.blake2b(f"{item.event_id}|{item.type}".encode(), digest_size=12).hexdigest()
    return {
        "id": digest,
        "event_id": item.event_id,
        "channel": item.channel,
        "type": item.type.value,
        "at": datetime.fromtimestamp(item.at, UTC).isoformat(),
        "address": item.ref.partition(":")[0],
    }


def _update(item: _Due) -> dict[str, Any]:
    """Write one Telegram update; private chats carry the person's own id."""
    chat, _, message = item.ref.partition(":")
    person = {"id": int(chat), "is_bot": False, "first_name": "Sandbox"}
    about = {"id": int(chat), "type": "private"}
    if item.type is OutcomeType.UNSUBSCRIBED:
        member = {"status": "kicked", "until_date": 0, "user": {"id": 1, "is_bot": True, "first_name": "Sandbox"}}
        change = {"chat": about, "from": person, "date": int(item.at), "new_chat_member": member}
        return {"update_id": item.number, "my_chat_member": change}
    reply = {
        "message_id": int(message) + 1_000_000,
        "from": person,
        "chat": about,
        "date": int(item.at),
        "text": "Cảm ơn!",
        "reply_to_message": {"message_id": int(message), "chat": about, "date": int(item.at)},
    }
    return {"update_id": item.number, "message": reply}
