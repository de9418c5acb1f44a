"""The people of a load test: Vietnamese customers in as many campaigns as a stage launches, and the file k6 reads."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from engine.bench import campaign
from engine.bench.site import Site
from engine.credentials import Vault
from engine.demo import people as customers
from engine.demo import seed
from engine.demo.client import Client
from engine.demo.story import CART_EMAIL, CART_TELEGRAM, OFFER_EMAIL, OFFER_TELEGRAM, Campaign, Story
from engine.load.plan import Stage
from engine.processes import table
from engine.profiles import upsert_profiles

CHUNK = 1_000
CONTROL_SHARE = 0.05
CART, COUNTER = "nhac-gio-hang", "tai-quay"
# Frequency caps hold, as in production; there are no quiet hours, because waiting until morning is not a backlog.
POLICY = {"quiet_hours": None, "caps": [{"limit": 3, "days": 7}], "required_consent": True}
# We measure how fast we are, not how fast Telegram lets us be.
UNLIMITED = {"per_second": None, "recipient_s": None}


@dataclass(frozen=True, slots=True)
class Crowd:
    """The tenant, how many people it has, and what k6 has to know about it."""

    tenant_id: UUID
    people: int
    document: dict[str, Any]

    def write(self, path: Path) -> None:
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.document), encoding="utf-8")


async def made(site: Site, stage: Stage, *, api: str) -> Crowd:
    """Make a tenant with the stage's people and campaigns, ready to be launched."""
    now = datetime.now(UTC)
    story = _story(stage)
    tenant = await seed.seed_tenant(site.db, story)
    places = seed.Places(site.settings.sandbox_smtp_port, site.sandbox_url, table.public_url(site.settings))
    async with Client.open(site.sandbox_url, name="sandbox") as sandbox:
        vault = Vault(site.servers.secrets.credential_key)
        hook = await seed.connect(site.db, vault, sandbox, tenant, places, telegram_limits=UNLIMITED, is_relay=True)
    await _sync(site, tenant.tenant_id, list(_people(stage, now)))
    ids = await seed.seed_campaigns(site.db, tenant, story, now=now)
    async with Client.open(api, name="API", key=tenant.key) as client:
        for key in (CART, COUNTER):
            await client.post(f"/campaigns/{ids[key]}/activate", {}, key=f"load-{key}")
    campaign.vacuum(site.servers.database_url)
    document = {
        "url": api,
        "key": tenant.key,
        "people": stage.people,
        "campaigns": [{"id": ids[_key(wave)], "people": count} for wave, count in enumerate(stage.waves)],
        "counter": ids[COUNTER],
        "webhook_url": hook.url,
        "webhook_secret": hook.secret,
    }
    return Crowd(tenant.tenant_id, stage.people, document)


def _key(wave: int) -> str:
    return f"dot-{wave:03d}"


def _people(stage: Stage, now: datetime) -> Iterator[dict[str, Any]]:
    """Give the people of each campaign, one campaign after the other."""
    everybody = customers.people(stage.people, now=now)
    for wave, count in enumerate(stage.waves):
        for _, person in zip(range(count), everybody, strict=False):
            yield {**person, "attributes": {**person["attributes"], "dot": _key(wave)}}


def _story(stage: Stage) -> Story:
    waves = [_key(wave) for wave in range(len(stage.waves))]
    offers = [
        Campaign(
            key=key,
            name=f"Ưu đãi {key}",
            segment=key,
            templates=(OFFER_EMAIL, OFFER_TELEGRAM),
            control_share=CONTROL_SHARE,
        )
        for key in waves
    ]
    cart = Campaign(CART, "Nhắc giỏ hàng", (CART_TELEGRAM, CART_EMAIL), trigger_type="cart_abandoned", priority=10)
    counter = Campaign(COUNTER, "Tại quầy", (OFFER_EMAIL, OFFER_TELEGRAM), trigger_type="at_counter", priority=5)
    segments = {key: (f"Đợt {key}", {"attribute": "dot", "is": key}) for key in waves}
    return Story("Cửa hàng Hoa Sen", segments, [*offers, cart, counter], POLICY)


async def _sync(site: Site, tenant_id: UUID, profiles: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(profiles), CHUNK):
        async with site.db.transaction(tenant_id) as connection:
            chunk = profiles[start : start + CHUNK]
            await upsert_profiles(connection, tenant_id=tenant_id, profiles=chunk, source="load")
