"""A campaign for benchmarks that send: a tenant, a channel in the sandbox, people to write to, and the log's check."""

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, LiteralString
from uuid import UUID, uuid4

from engine.bench.site import Site, until
from engine.campaigns import (
    activate_campaign,
    approve_template,
    connect_channel,
    save_campaign,
    save_policy,
    save_template,
)
from engine.credentials import Vault
from engine.db import admin
from engine.embedded.home import LOOPBACK
from engine.queries import queries
from rules.errors import Conflict
from rules.words import Channel

# People written per statement.
PART = 10_000
ALWAYS: Mapping[str, Any] = {"quiet_hours": None, "caps": []}
TEXT = """Chào {{ profile.name }},

ở {{ profile.city }} hôm nay: giảm 20% cho đơn thứ {{ profile.attributes.orders }} của bạn.
Không muốn nhận nữa: {{ unsubscribe_url }}"""
HTML = """<p>Chào {{ profile.name }},</p>
<p>ở {{ profile.city }} hôm nay: <b>giảm 20%</b>.</p>
<p><a href="{{ unsubscribe_url }}">Không muốn nhận nữa</a></p>"""
_SQL = queries("bench_act")
_VACUUM = "VACUUM (ANALYZE)"


@dataclass(frozen=True, slots=True)
class Audience:
    """The tenant of a benchmark with its campaign."""

    site: Site
    tenant_id: UUID
    campaign_id: int
    channel: Channel

    async def rows(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        """Run one query in a transaction of its own, however long it takes."""
        async with self.site.db.transaction(self.tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            return await (await conn.execute(query, values)).fetchall()

    async def people(self, count: int, *, prefix: str = "customer-") -> None:
        for first in range(1, count + 1, PART):
            last = min(first + PART - 1, count)
            await self.rows(_SQL["people"], prefix=prefix, first=first, last=last, channel=self.channel)

    async def queue(self, count: int) -> int:
        """Queue a message for as many people who have none, as deciding does; gives the run."""
        run_id = int((await self.rows(_SQL["run_for_messages"], campaign_id=self.campaign_id))[0]["run_id"])
        queued, after = 0, 0
        # In parts: rows of one statement are joined with the graph in one go, planned as if they were few.
        while queued < count:
            most = min(PART, count - queued)
            given = {"campaign_id": self.campaign_id, "run_id": run_id, "after": after, "count": most}
            rows = await self.rows(_SQL["queue"], **given)
            if len(rows) != most:
                raise Conflict(f"{queued + len(rows):,} of {count:,} messages are queued.", remedy="Report it.")
            queued, after = queued + most, max(row["profile_id"] for row in rows)
        return run_id

    async def statuses(self) -> dict[str, int]:
        return {row["status"]: row["messages"] for row in await self.rows(_SQL["statuses"])}

    async def settled(self, *, seconds: float) -> None:
        """Wait until nobody is to be decided for and no message is due or being sent."""

        async def is_settled() -> bool:
            return not (await self.rows(_SQL["unfinished"]))[0]["is_unfinished"]

        await until(is_settled, seconds=seconds, what="all messages to end", look_s=0.25)

    def received(self) -> Counter[str]:
        """Give how often the sandbox took each message, by event_id."""
        return Counter(line["event_id"] for line in self.site.received())

    async def took_s(self, run_id: int, messages: int) -> float:
        """Give the seconds from a run's first claim to its last result, after comparing log, record and graph.

        Raises Conflict unless every message was sent, logged before and after, and received once.
        """
        took = (await self.rows(_SQL["took"], run_id=run_id))[0]
        received = self.received()
        times = [received[row["event_id"]] for row in await self.rows(_SQL["event_ids"], run_id=run_id)]
        logged = (took["sent"], took["started"], took["ended"])
        if logged != (messages, messages, messages) or times != [1] * messages:
            raise Conflict(f"{messages:,} messages came to {took}.", remedy="Run it again and report it.")
        await self.check_graph()
        return float(took["seconds"])

    async def check_graph(self) -> None:
        differences = (await self.rows(_SQL["graph_differences"]))[0]["differences"]
        if differences:
            raise Conflict(f"The graph differs by {differences}.", remedy="Run it again and report it.")


def vacuum(url: str) -> None:
    """Do now what autovacuum does within a minute; in the middle of measuring it would replan everything."""
    with admin(url) as connection:
        connection.autocommit = True
        connection.execute(_VACUUM)


async def made(
    site: Site,
    slug: str,
    channel: Channel,
    *,
    trigger: str = "cart_abandoned",
    text: str = TEXT,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Audience:
    """Make a tenant with a campaign that may always send over one channel, with these settings, to the sandbox."""
    tenant_id = uuid4()
    vault = Vault(site.servers.secrets.credential_key)
    async with site.db.transaction(tenant_id) as conn:
        await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": slug})
        given = _settings(site, channel) | dict(settings)
        await connect_channel(conn, vault, tenant_id=tenant_id, kind=channel, name=channel.value, settings=given)
    return await add(Audience(site, tenant_id, 0, channel), "spring", trigger=trigger, text=text)


async def add(audience: Audience, key: str, *, trigger: str, text: str) -> Audience:
    """Add a campaign with a template of its own to the tenant; `trigger` starts it for one person."""
    tenant_id, is_mail = audience.tenant_id, audience.channel is Channel.EMAIL
    async with audience.site.db.transaction(tenant_id) as conn:
        template = await save_template(
            conn,
            tenant_id=tenant_id,
            key=key,
            channel=audience.channel,
            subject="Chào {{ profile.name }}" if is_mail else None,
            body_text=text,
            body_html=HTML if is_mail else None,
        )
        await approve_template(conn, tenant_id=tenant_id, template_id=template.template_id)
        policy = await save_policy(conn, tenant_id=tenant_id, document=ALWAYS)
        campaign = await save_campaign(
            conn,
            tenant_id=tenant_id,
            key=key,
            name=key.capitalize(),
            trigger_type=trigger,
            template_ids=[template.template_id],
            policy_id=policy.policy_id,
        )
        await activate_campaign(conn, tenant_id=tenant_id, campaign_id=campaign.campaign_id)
    return replace(audience, campaign_id=campaign.campaign_id)


def _settings(site: Site, channel: Channel) -> dict[str, Any]:
    if channel is Channel.TELEGRAM:
        token = f"{secrets.randbelow(10**9) + 1}:{secrets.token_hex(16)}"
        # We measure how fast we are, not how fast Telegram lets us be.
        return {"token": token, "base_url": site.sandbox_url, "limits": {"per_second": None, "recipient_s": None}}
    port = site.settings.sandbox_smtp_port
    return {"host": LOOPBACK, "port": port, "tls": "none", "sender": "LEO <no-reply@leo.example>"}
