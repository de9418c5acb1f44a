"""Templates and policies: versioned, and never changed once a version is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine import policies, templates
from engine.db import Transaction
from engine.queries import queries
from rules.errors import InvalidInput, NotFound
from rules.lifecycle import advance
from rules.words import Channel, TemplateStatus

_SQL = queries("campaigns")


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template; `is_new` where this call made it."""

    template_id: int
    key: str
    version: int
    channel: Channel
    status: TemplateStatus
    locale: str
    subject: str | None
    body_text: str | None
    body_html: str | None
    created_at: datetime
    is_new: bool


@dataclass(frozen=True, slots=True)
class Policy:
    policy_id: int
    version: int


async def save_template(
    conn: Transaction,
    *,
    tenant_id: UUID,
    key: str,
    channel: str,
    subject: str | None = None,
    body_text: str | None = None,
    body_html: str | None = None,
    locale: str = "vi",
) -> Template:
    """Keep the next version of a template, a draft; the newest is given back where it says the same.

    Raises InvalidInput for an unknown channel, bad Liquid, an unknown variable, or an e-mail without a subject.
    """
    if channel not in set(Channel):
        raise InvalidInput(f"There is no channel {channel!r}.", remedy=f"Use one of {', '.join(Channel)}.")
    if channel == Channel.EMAIL and not (subject or "").strip():
        raise InvalidInput(f"The template {key} has no subject.", remedy="Give an e-mail a subject.")
    templates.check(templates.Bodies(name=key, subject=subject, text=body_text, html=body_html))
    values = {
        "tenant_id": tenant_id,
        "key": key,
        "channel": channel,
        "subject": subject,
        "body_text": body_text,
        "body_html": body_html,
        "locale": locale,
    }
    await conn.execute(_SQL["lock_tenant"], values)
    return _template(await (await conn.execute(_SQL["save_template"], values)).fetchone())


async def approve_template(conn: Transaction, *, tenant_id: UUID, template_id: int) -> Template:
    """Let a draft be sent; approving it again changes nothing. Raises NotFound, and Conflict for a retired one."""
    values = {"tenant_id": tenant_id, "template_id": template_id}
    template = _template(await (await conn.execute(_SQL["template"], values)).fetchone())
    if template.status == TemplateStatus.APPROVED:
        return template
    status = advance("template", template.status, TemplateStatus.APPROVED)
    await conn.execute(_SQL["set_template_status"], {**values, "status": status})
    return _template(await (await conn.execute(_SQL["template"], values)).fetchone())


async def list_templates(conn: Transaction, *, tenant_id: UUID, after: int = 0, limit: int = 100) -> list[Template]:
    """Give templates in the order of their ids, those beyond `after`."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return [_template(row) for row in await (await conn.execute(_SQL["templates"], values)).fetchall()]


async def save_policy(
    conn: Transaction, *, tenant_id: UUID, document: Mapping[str, Any], key: str = "default"
) -> Policy:
    """Keep the next version of a policy; the newest where it says the same. Raises InvalidInput naming the field."""
    saved = await policies.save(conn, tenant_id=tenant_id, key=key, document=document)
    return Policy(policy_id=saved.policy_id, version=saved.version)


def _template(row: Mapping[str, Any] | None) -> Template:
    if row is None:
        raise NotFound("There is no such template.", remedy="Check the id: GET /templates lists them.")
    return Template(**{**row, "channel": Channel(row["channel"]), "status": TemplateStatus(row["status"])})
