"""From posting an event to the API until the provider is called, at a steady rate, while a bulk campaign runs."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from channels.contract import ProviderError
from channels.egress import ANYWHERE
from channels.http import HttpClient
from engine.bench import Bar, Place, Result, campaign, percentile, site
from engine.bench.campaign import Audience
from engine.bench.site import JSON, Site, until
from engine.campaigns import start_run
from engine.queries import queries
from engine.tenants import Scope, create_api_key
from rules.errors import Conflict
from rules.words import Channel, Lane, RunKind

PEOPLE = 50_000
PER_S = 50
# One in this many people of the bulk campaign has an event meanwhile; and this many events come before it starts.
PEOPLE_FOR_ONE = 33
WARM_UP, QUIET = 100, 300
MOST_P99_MS = 150.0
# Longer than any message may take, so that one that takes too long is measured and not forgotten.
LONGEST_S = 60.0
SEED = 20_262
EVENT = "cart_abandoned"
MARK = "Giỏ hàng "
TEXT = MARK + "{{ event.attributes.number }}, {{ profile.name }}"
_SQL = queries("bench_act")


async def run(place: Place, *, n: int | None = None) -> Result:
    """Post events of people while `n` (50,000) are being sent a campaign; times in ms, rates per second."""
    people = n or PEOPLE
    events = max(PER_S, people // PEOPLE_FOR_ONE)
    chance = random.Random(SEED)  # noqa: S311 - whose turn it is, no secret
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        url = await opened.start_api()
        bulk = await campaign.made(opened, "bench", Channel.TELEGRAM, trigger="never")
        await campaign.add(bulk, "basket", trigger=EVENT, text=TEXT)
        place.say(f"writing {people:,} people")
        await bulk.people(people)
        campaign.vacuum(place.admin_url)
        for lane in Lane:
            opened.start_worker(lane)
            await opened.worker_started(lane)
        async with bulk.site.db.transaction(bulk.tenant_id) as conn:
            key = await create_api_key(conn, tenant_id=bulk.tenant_id, name="bench", scopes=list(Scope))
        shop = _Shop(opened, url, key.secret, people, chance)
        place.say("events alone")
        await shop.post(min(WARM_UP, events))
        quiet = await shop.post(min(QUIET, 2 * events))
        place.say(f"events beside a campaign of {people:,}")
        await _start(bulk)
        before = await _sent(bulk)
        began = time.monotonic()
        busy = await shop.post(events)
        took_s = time.monotonic() - began
        bulk_sent = await _sent(bulk) - before
        is_running = (await bulk.rows(_SQL["unfinished"]))[0]["is_unfinished"]
    p50, p99, quiet_p99 = percentile(busy, 50), percentile(busy, 99), percentile(quiet, 99)
    return Result(
        name="realtime",
        n=people,
        figures={
            "p50_ms": p50,
            "p99_ms": p99,
            "most_ms": busy[-1],
            "events_per_s": events / took_s,
            "bulk_deliveries": bulk_sent,
            "quiet_p50_ms": percentile(quiet, 50),
            "quiet_p99_ms": quiet_p99,
        },
        baseline="p99 of the same events while no campaign runs",
        ratio=p99 / quiet_p99,
        bars=(
            Bar(f"p99 is at most {MOST_P99_MS:g} ms: {p99:.0f} ms", p99 <= MOST_P99_MS),
            Bar(f"the campaign runs until the last event: {bulk_sent:,} of {people:,} sent", is_running),
        ),
    )


class _Shop:
    """Posts events of people at a steady rate, whatever becomes of the earlier ones."""

    def __init__(self, opened: Site, url: str, key: str, people: int, chance: random.Random) -> None:
        self._site = opened
        self._url = url
        self._key = key
        self._people = people
        self._chance = chance
        self._posted: dict[int, float] = {}

    async def post(self, count: int) -> Sequence[float]:
        """Post this many; gives the milliseconds from each post to its call of the provider, ascending."""
        client = HttpClient(egress=ANYWHERE, connections=200, total_timeout_s=LONGEST_S)
        numbers = range(len(self._posted), len(self._posted) + count)
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for place, number in enumerate(numbers):
                    await asyncio.sleep(began + place / PER_S - time.monotonic())
                    group.create_task(self._post_one(client, number))
        finally:
            await client.aclose()
        called: Mapping[int, float] = {}

        async def are_called() -> bool:
            nonlocal called
            called = self._called()
            return called.keys() >= set(numbers)

        await until(are_called, seconds=LONGEST_S, what="the last event's message", look_s=0.25)
        return sorted((called[number] - self._posted[number]) * 1000 for number in numbers)

    async def _post_one(self, client: HttpClient, number: int) -> None:
        person = f"customer-{self._chance.randint(1, self._people)}"
        event = {"type": EVENT, "profile": person, "attributes": {"number": number}}
        headers = {**JSON, "Authorization": f"Bearer {self._key}", "Idempotency-Key": f"event-{number}"}
        self._posted[number] = time.time()
        try:
            answer = await client.post(f"{self._url}/events", json.dumps(event).encode(), headers)
        except ProviderError as error:
            raise Conflict(f"Event {number} was not taken: {error}.", remedy="Run it again and report it.") from error
        if answer.status != HTTPStatus.ACCEPTED:
            raise Conflict(f"Event {number} was answered {answer.status}.", remedy="Run it again and report it.")

    def _called(self) -> dict[int, float]:
        """When the provider was called for each event, by its number."""
        of_events = (line for line in self._site.received() if line["text"].startswith(MARK))
        return {int(line["text"].removeprefix(MARK).split(",")[0]): line["at"] for line in of_events}


async def _start(bulk: Audience) -> None:
    ids = [row["profile_id"] for row in await bulk.rows(_SQL["everybody"])]
    async with bulk.site.db.transaction(bulk.tenant_id) as conn:
        await start_run(
            conn,
            tenant_id=bulk.tenant_id,
            campaign_id=bulk.campaign_id,
            kind=RunKind.REQUEST,
            lane=Lane.BULK,
            profile_ids=ids,
        )


async def _sent(bulk: Audience) -> int:
    rows = await bulk.rows(_SQL["sent"], campaign_id=bulk.campaign_id)
    return int(rows[0]["messages"])
