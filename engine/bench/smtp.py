"""Mails a second over SMTP to a local relay: logged before and after, over connections that are kept open."""

from collections.abc import Mapping

from engine.bench import Bar, Place, Result, campaign, site
from engine.bench.site import Site
from engine.processes import track
from rules.words import Channel, Lane

MAILS = 10_000
# One in this many also goes the baseline's way.
BASELINE_SHARE = 10
LEAST_PER_S = 300.0
LONGEST_S = 600.0
BASELINE = "the same with a connection for each mail"


async def run(place: Place, *, n: int | None = None) -> Result:
    """Send `n` queued mails (10,000) of text and HTML through the bulk worker; rates in mails a second."""
    mails = n or MAILS
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        worker = opened.start_worker(Lane.BULK)
        await opened.worker_started(Lane.BULK)
        alone = max(10, mails // BASELINE_SHARE)
        baseline_per_s = await _send(place, opened, "single", alone, {"messages_per_connection": 1})
        per_s = await _send(place, opened, "bench", mails, {})
        rss_mb = track.most_memory_mb(worker)
    return Result(
        name="smtp",
        n=mails,
        figures={"per_s": per_s, "baseline_per_s": baseline_per_s, "rss_mb": rss_mb},
        baseline=BASELINE,
        ratio=per_s / baseline_per_s,
        bars=(Bar(f"at least {LEAST_PER_S:,.0f} mails a second: {per_s:,.0f}", per_s >= LEAST_PER_S),),
    )


async def _send(place: Place, opened: Site, slug: str, mails: int, settings: Mapping[str, int]) -> float:
    """Give the mails a second for a tenant of its own, whose channel has these settings."""
    place.say(f"{slug}: {mails:,} mails")
    audience = await campaign.made(opened, slug, Channel.EMAIL, settings=settings)
    await audience.people(mails)
    campaign.vacuum(place.admin_url)
    run_id = await audience.queue(mails)
    await audience.settled(seconds=LONGEST_S)
    return mails / await audience.took_s(run_id, mails)
