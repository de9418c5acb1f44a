"""Deliveries a second: claimed, logged before and after the call, with the provider called over HTTP."""

from time import perf_counter

from engine.bench import Bar, Place, Result, campaign, site
from engine.bench.campaign import Audience
from engine.bench.site import Site
from engine.dispatch import Adapters, dispatch_due
from engine.processes import track
from rules.errors import Conflict
from rules.words import Channel, Lane

MESSAGES = 20_000
# How many go the baseline's way.
BASELINE_MESSAGES = 400
LEAST_PER_S = 1_000.0
MOST_RSS_MB = 300.0
# The time for a million messages at the lowest acceptable rate.
LONGEST_S = 1_200.0
BASELINE = "messages one by one: a claim, a call and a result each"


async def run(place: Place, *, n: int | None = None) -> Result:
    """Send `n` queued messages (20,000) through the bulk worker; rates in messages a second, memory of the worker."""
    messages = n or MESSAGES
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        audience = await campaign.made(opened, "bench", Channel.TELEGRAM)
        place.say(f"writing {messages:,} people")
        alone = min(messages, BASELINE_MESSAGES)
        await audience.people(messages + alone)
        place.say("the baseline")
        await audience.queue(alone)
        campaign.vacuum(place.admin_url)
        baseline_per_s = alone / await _one_by_one(audience, alone)
        run_id = await audience.queue(messages)
        campaign.vacuum(place.admin_url)
        place.say(f"sending {messages:,} messages")
        rss_mb = await _send(opened, audience)
        per_s = messages / await audience.took_s(run_id, messages)
    ratio = per_s / baseline_per_s
    return Result(
        name="dispatch",
        n=messages,
        figures={"per_s": per_s, "baseline_per_s": baseline_per_s, "rss_mb": rss_mb},
        baseline=BASELINE,
        ratio=ratio,
        bars=(
            Bar(f"at least {LEAST_PER_S:,.0f} messages a second: {per_s:,.0f}", per_s >= LEAST_PER_S),
            Bar(f"at most {MOST_RSS_MB:g} MB of memory: {rss_mb:.0f} MB", rss_mb <= MOST_RSS_MB),
        ),
    )


async def _one_by_one(audience: Audience, count: int) -> float:
    """Give the seconds that this many messages take one by one."""
    opened = audience.site
    adapters = Adapters.of(opened.settings)
    sent = 0
    started = perf_counter()
    try:
        for _ in range(count):
            done = await dispatch_due(
                opened.db,
                adapters,
                tenant_id=audience.tenant_id,
                lane=Lane.BULK,
                owner="benchmark",
                most=1,
                calls=1,
            )
            sent += done.sent
    finally:
        await adapters.aclose()
    if sent != count:
        raise Conflict(f"{sent:,} of {count:,} messages were sent.", remedy="Run it again and report it.")
    return perf_counter() - started


async def _send(opened: Site, audience: Audience) -> float:
    """Let the worker send everything; gives its greatest memory use, in MB."""
    worker = opened.start_worker(Lane.BULK)
    await audience.settled(seconds=LONGEST_S)
    return track.most_memory_mb(worker)
