"""What a demo needs before it can be played: a tenant, its channels in the sandbox, and the story's campaigns."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from engine.campaigns.connect import connect_channel
from engine.campaigns.content import approve_template, save_policy, save_template
from engine.campaigns.plan import save_campaign
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.demo.client import Client
from engine.demo.story import WINDOW, Campaign, Story, Template
from engine.queries import queries
from engine.segments import refresh_segment, save_segment
from engine.tenants import Scope, create_api_key, create_tenant
from rules.words import Channel

_SQL = queries("demo")


@dataclass(frozen=True, slots=True)
class Seeded:
    """The tenant that a demo plays in; `key` is an API key with every scope."""

    tenant_id: UUID
    slug: str
    key: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the sandbox and the API are: SMTP port, HTTP base URLs."""

    smtp_port: int
    sandbox_url: str
    public_url: str


async def seed_tenant(db: Database, story: Story) -> Seeded:
    """Make the next demo tenant: each demo has its own, so that no two are confused."""
    async with db.before_tenant() as connection:
        row = await (await connection.execute(_SQL["next_number"])).fetchone()
    tenant_id = uuid4()
    slug = f"demo_{row['number'] if row is not None else 1}"
    async with db.transaction(tenant_id) as connection:
        await create_tenant(connection, tenant_id=tenant_id, slug=slug, name=story.name)
        key = await create_api_key(connection, tenant_id=tenant_id, name="demo", scopes=list(Scope))
    return Seeded(tenant_id, slug, key.secret)


@dataclass(frozen=True, slots=True)
class Hook:
    """Where outcomes of mails are posted, and the secret they are signed with."""

    url: str
    secret: str


async def connect(
    db: Database,
    vault: Vault,
    sandbox: Client,
    tenant: Seeded,
    places: Places,
    *,
    telegram_limits: Mapping[str, Any] | None = None,
    is_relay: bool = False,
) -> Hook:
    """Connect e-mail and Telegram, each with an account of its own that reports outcomes to the tenant's webhook.

    Mails go through SendGrid, which reports on them in its own words and with its own signature; with `is_relay` they
    go to an SMTP relay, whose outcomes are reported as a tenant's own server would. Visits and purchases are always
    reported that way. Telegram takes what its own limits allow, unless others are given. Gives the webhook of the
    mails.
    """
    secret, webhook_key = secrets.token_urlsafe(24), secrets.token_hex(16)
    token = f"{secrets.randbelow(10**9) + 1}:{secrets.token_hex(16)}"
    hooks = f"{places.public_url}/webhooks"
    hook = Hook(f"{hooks}/{webhook_key}", secret)
    account, email = _relay(tenant, places, secret) if is_relay else await _sendgrid(sandbox, places, hook)
    email |= {"sender": "LEO <no-reply@leo.example>", "webhook_secret": secret}
    telegram: dict[str, Any] = {"token": token, "base_url": places.sandbox_url, "webhook_secret": secret}
    if telegram_limits is not None:
        telegram["limits"] = telegram_limits
    async with db.transaction(tenant.tenant_id) as connection:
        _, bot = [
            await connect_channel(
                connection,
                vault,
                tenant_id=tenant.tenant_id,
                kind=kind,
                name=kind.value,
                settings=settings,
                webhook_key=key,
            )
            for kind, settings, key in ((Channel.EMAIL, email, webhook_key), (Channel.TELEGRAM, telegram, None))
        ]
    await sandbox.post("/_sandbox/accounts", {"account": account, "url": hook.url, "secret": hook.secret})
    await sandbox.post(f"/bot{token}/setWebhook", {"url": f"{hooks}/{bot.webhook_key}", "secret_token": secret})
    return hook


def _relay(tenant: Seeded, places: Places, secret: str) -> tuple[str, dict[str, Any]]:
    """Give the login of a mail relay and the settings that use it."""
    return tenant.slug, {
        "host": "127.0.0.1",
        "port": places.smtp_port,
        "tls": "none",
        "username": tenant.slug,
        "password": secret,
    }


async def _sendgrid(sandbox: Client, places: Places, hook: Hook) -> tuple[str, dict[str, Any]]:
    """Have SendGrid's event webhook switched on; give the account and the settings that trust it."""
    told = await sandbox.post("/_sandbox/webhooks", {"provider": "sendgrid", "url": hook.url})
    api_key = f"SG.{secrets.token_urlsafe(24)}"
    return api_key, {
        "provider": "sendgrid",
        "api_key": api_key,
        "base_url": places.sandbox_url,
        "webhook_public_key": told["verification_key"],
    }


async def seed_campaigns(db: Database, tenant: Seeded, story: Story, *, now: datetime) -> Mapping[str, int]:
    """Make policy, segments with their members, templates and campaigns; give the campaigns' ids by key."""
    async with db.transaction(tenant.tenant_id) as connection:
        await save_policy(connection, tenant_id=tenant.tenant_id, document=story.policy)
        segments = {
            key: await _segment(connection, tenant.tenant_id, key, name, rule)
            for key, (name, rule) in story.segments.items()
        }
        return {
            campaign.key: await _campaign(connection, tenant.tenant_id, campaign, segments, now)
            for campaign in story.campaigns
        }


async def _segment(connection: Transaction, tenant_id: UUID, key: str, name: str, rule: Mapping[str, Any]) -> int:
    segment = await save_segment(connection, tenant_id=tenant_id, key=key, name=name, rule=rule)
    await refresh_segment(connection, tenant_id=tenant_id, segment_id=segment.segment_id)
    return segment.segment_id


async def _campaign(
    connection: Transaction, tenant_id: UUID, campaign: Campaign, segments: Mapping[str, int], now: datetime
) -> int:
    template_ids = [await _template(connection, tenant_id, template) for template in campaign.templates]
    saved = await save_campaign(
        connection,
        tenant_id=tenant_id,
        key=campaign.key,
        name=campaign.name,
        segment_id=segments[campaign.segment] if campaign.segment else None,
        trigger_type=campaign.trigger_type,
        template_ids=template_ids,
        starts_at=now,
        ends_at=now + WINDOW,
        priority=campaign.priority,
        control_share=campaign.control_share,
    )
    return saved.campaign_id


async def _template(connection: Transaction, tenant_id: UUID, template: Template) -> int:
    saved = await save_template(
        connection,
        tenant_id=tenant_id,
        key=template.key,
        channel=template.channel,
        subject=template.subject,
        body_text=template.body_text,
        body_html=template.body_html,
        locale=template.locale,
    )
    await approve_template(connection, tenant_id=tenant_id, template_id=saved.template_id)
    return saved.template_id
