"""Reporting what became of messages: outcomes posted to the callback in signed arrays, repeated while it is down."""

import asyncio
import hashlib
import heapq
import itertools
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from channels.contract import ProviderError, Secret
from channels.egress import ANYWHERE
from channels.http import HttpClient
from channels.sandbox.plan import Step
from channels.signature import sign
from rules.words import OutcomeType

TICK_S = 0.1
RETRY_FIRST_S, RETRY_MOST_S = 0.25, 5.0
PENDING_LIMIT = 500_000
"""Outcomes waiting at once, each 0.33 kB as measured; any more are dropped and counted."""
SUCCESS, CLIENT_ERROR, SERVER_ERROR = 200, 400, 500
SILENT = frozenset({"zalo", "facebook"})
TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where outcomes go. Telegram's own (replies, blocks) go as updates to `telegram_url`, if given."""

    url: str | None
    secret: Secret
    telegram_url: str | None = None
    telegram_secret: Secret | None = None
    batch: int = 500
    retry_for_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that arrived: `ref` is its mailbox, or chat and message for Telegram, `account` the login.

    `provider` has callbacks of its own, in which `message_id` names the message; an empty one has none.
    """

    event_id: str
    channel: str
    ref: str
    account: str | None = None
    provider: str = ""
    message_id: str = ""

    @property
    def address(self) -> str:
        return self.ref.partition(":")[0] if self.channel == "telegram" else self.ref


@dataclass(frozen=True, slots=True)
class Post:
    """What a provider posts in its own words, signed."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class Words(Protocol):
    """How one provider tells of outcomes."""

    def tell(self, sent: Sent, step: Step, *, at: float, number: int) -> dict[str, Any] | None:
        """Say it in the provider's own words; None if the provider never reports it."""

    def posts(self, told: Sequence[dict[str, Any]]) -> Sequence[Post]:
        """Write the events, signed now, as many to a post as the provider puts there."""


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    sent: Sent = field(compare=False)
    step: Step = field(compare=False)


class Callback:
    """A queue by due time, and one task that empties it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._accounts: dict[str, Target] = {}
        self._words: dict[str, Words] = {}
        self._heap: list[_Due] = []
        self._numbers = itertools.count(1)
        self._counts: Counter[str] = Counter()
        self._http = HttpClient(egress=ANYWHERE, connections=4, connect_timeout_s=2.0, total_timeout_s=30.0)

    def connect(self, account: str, target: Target) -> None:
        """Report an account's outcomes to its own URL: a mail login, or a bot's token."""
        self._accounts[account] = target

    def speak(self, provider: str, words: Words) -> None:
        """Let a provider report its outcomes in its own words from now on."""
        self._words[provider] = words

    def schedule(self, sent: Sent, steps: Sequence[Step]) -> None:
        """Plan the outcomes of one message; a social provider reports none until it is switched on."""
        target = self._target_of(sent)
        is_heard = target.url is not None or target.telegram_url is not None
        if sent.provider not in self._words and (sent.provider in SILENT or not is_heard):
            return
        now = time.time()
        for step in steps:
            if len(self._heap) >= PENDING_LIMIT:
                self._counts["dropped"] += 1
                continue
            heapq.heappush(self._heap, _Due(now + step.delay_s, next(self._numbers), sent, step))

    def _target_of(self, sent: Sent) -> Target:
        return self._accounts.get(sent.account, self._target) if sent.account is not None else self._target

    def stats(self) -> dict[str, int]:
        names = ("posted", "posts", "failed_posts", "refused", "dropped")
        return {"pending": len(self._heap), **{name: self._counts[name] for name in names}}

    def clear(self) -> None:
        self._heap.clear()
        self._accounts.clear()
        self._words.clear()
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
        arrays: dict[str | None, tuple[Target, list[_Due]]] = {}
        told: dict[str, tuple[Target, list[dict[str, Any]]]] = {}
        for item in due:
            target, provider = self._target_of(item.sent), item.sent.provider
            words = self._words.get(provider)
            said = words.tell(item.sent, item.step, at=item.at, number=item.number) if words else None
            if said is not None:
                told.setdefault(provider, (target, []))[1].append(said)
            elif provider in SILENT:
                continue
            elif _is_update(item, target):
                await self._post(_Post(target, target.telegram_url, _update(item), is_update=True), count=1)
            else:
                arrays.setdefault(target.url, (target, []))[1].append(item)
        for provider, (target, events) in told.items():
            posts = self._words[provider].posts(events)
            for made in posts:
                await self._post(_Post(target, made.url, made, is_update=False), count=len(events) // len(posts))
        for url, (target, items) in arrays.items():
            await self._post(_Post(target, url, [_outcome(item) for item in items], is_update=False), count=len(items))

    async def _post(self, post: "_Post", *, count: int) -> None:
        if post.url is None:
            self._counts["dropped"] += count
            return
        own = post.document if isinstance(post.document, Post) else None
        body = json.dumps(post.document).encode() if own is None else own.body
        give_up_at = time.monotonic() + post.target.retry_for_s
        pause_s = RETRY_FIRST_S
        while True:
            status = await self._once(post, post.url, body)
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

    async def _once(self, post: "_Post", url: str, body: bytes) -> int:
        """Post once, signed now; 0 if no answer came."""
        headers = {"Content-Type": "application/json"}
        if isinstance(post.document, Post):
            headers |= post.document.headers
        elif post.is_update and post.target.telegram_secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = post.target.telegram_secret.reveal()
        else:
            headers |= sign(post.target.secret, timestamp=int(time.time()), body=body)
        try:
            return (await self._http.post(url, body, headers)).status
        except ProviderError:
            return 0


@dataclass(frozen=True, slots=True)
class _Post:
    target: Target
    url: str | None
    document: Any
    is_update: bool


def _is_update(item: _Due, target: Target) -> bool:
    has_words = item.step.type in {OutcomeType.REPLIED, OutcomeType.UNSUBSCRIBED}
    return item.sent.channel == "telegram" and has_words and target.telegram_url is not None


def _outcome(item: _Due) -> dict[str, Any]:
    """Write one outcome; its id is the same if the same message is sent and reported twice."""
    sent, step = item.sent, item.step
    document = {
        "id": hashlib.blake2b(f"{sent.event_id}|{step.type}".encode(), digest_size=12).hexdigest(),
        "event_id": sent.event_id,
        "channel": sent.channel,
        "type": step.type.value,
        "at": datetime.fromtimestamp(item.at, UTC).isoformat(),
        "address": sent.address,
    }
    return document if step.value is None else document | {"value": step.value}


def _update(item: _Due) -> dict[str, Any]:
    """Write one Telegram update; private chats carry the person's own id."""
    chat, _, message = item.sent.ref.partition(":")
    person = {"id": int(chat), "is_bot": False, "first_name": "Sandbox"}
    about = {"id": int(chat), "type": "private"}
    if item.step.type is OutcomeType.UNSUBSCRIBED:
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
