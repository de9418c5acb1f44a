"""Templates and policies: versioned, and a version never changes once it exists."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from channels import buttons
from channels import content as carried
from channels.content import Content
from engine import policies, templates
from engine.campaigns.draft import drafted
from engine.db import Transaction
from engine.queries import queries
from engine.revisions import ANYTHING, Expected, revision_of
from rules.errors import NotFound
from rules.lifecycle import advance
from rules.words import Channel, TemplateStatus

_SQL = queries("campaigns")


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template; `is_new` if this call made it."""

    template_id: int
    key: str
    version: int
    channel: Channel
    status: TemplateStatus
    locale: str
    subject: str | None
    body_text: str | None
    body_html: str | None
    body_mjml: str | None
    data: Mapping[str, Any]
    translations: Mapping[str, Mapping[str, Any]]
    saved_by: str | None
    approved_by: str | None
    approved_at: datetime | None
    created_at: datetime
    is_new: bool

    @property
    def record_id(self) -> int:
        return self.template_id

    @property
    def saved_at(self) -> datetime:
        """A version never changes."""
        return self.created_at

    @property
    def button_limits(self) -> buttons.Limits | None:
        """The limits of its channel on buttons; None if messages there have none."""
        known = carried.of(self.channel).fields.get(buttons.NAME)
        return None if known is None else known.buttons

    @property
    def revision(self) -> str:
        """Identifies this version; the next one has another."""
        return revision_of({name: getattr(self, name) for name in ("template_id", "key", "channel", "version")})


@dataclass(frozen=True, slots=True)
class Policy:
    policy_id: int
    version: int


async def save_template(
    conn: Transaction, *, tenant_id: UUID, by: str | None = None, expected: Expected = ANYTHING, **said: Any
) -> Template:
    """Save the next version of a template as a draft; if the newest says the same, give that.

    `said` is what `drafted` takes; `by` is who saves it. Raises InvalidInput for an unknown channel, bad Liquid or
    MJML, an unknown variable, or what the channel cannot carry, and Changed if the newest version is not the
    `expected` one.
    """
    draft = drafted(**said)
    templates.check_version(draft.version)
    values = {
        **draft.parts,
        "tenant_id": tenant_id,
        "key": draft.key,
        "channel": draft.channel,
        "locale": draft.locale,
        "data": Jsonb(draft.parts["data"]),
        "translations": Jsonb(draft.translations),
        "by": by,
    }
    await conn.execute(_SQL["lock_tenant"], values)
    if expected.is_said:
        row = await (await conn.execute(_SQL["newest_template"], values)).fetchone()
        newest = None if row is None else await get_template(conn, tenant_id=tenant_id, template_id=row["template_id"])
        expected.check(newest, record="template", key=draft.key)
    return _template(await (await conn.execute(_SQL["save_template"], values)).fetchone())


def list_contents() -> list[Content]:
    """Give what a template can carry on each channel."""
    return [carried.of(channel) for channel in Channel]


async def get_template(conn: Transaction, *, tenant_id: UUID, template_id: int) -> Template:
    """Give one version; raises NotFound."""
    values = {"tenant_id": tenant_id, "template_id": template_id}
    return _template(await (await conn.execute(_SQL["template"], values)).fetchone())


async def approve_template(conn: Transaction, *, tenant_id: UUID, template_id: int, by: str | None = None) -> Template:
    """Approve a draft for sending; the first approver is kept. Raises NotFound, and Conflict for a retired one."""
    values = {"tenant_id": tenant_id, "template_id": template_id}
    await conn.execute(_SQL["lock_template"], values)
    template = await get_template(conn, tenant_id=tenant_id, template_id=template_id)
    if template.status == TemplateStatus.APPROVED:
        return template
    status = advance("template", template.status, TemplateStatus.APPROVED)
    await conn.execute(_SQL["set_template_status"], {**values, "status": status, "by": by})
    return await get_template(conn, tenant_id=tenant_id, template_id=template_id)


async def list_templates(conn: Transaction, *, tenant_id: UUID, after: int = 0, limit: int = 100) -> list[Template]:
    """Give templates in the order of their ids, those beyond `after`."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return [_template(row) for row in await (await conn.execute(_SQL["templates"], values)).fetchall()]


async def save_policy(
    conn: Transaction, *, tenant_id: UUID, document: Mapping[str, Any], key: str = "default"
) -> Policy:
    """Save the next version of a policy; if the newest says the same, give that.

    Raises InvalidInput naming the field.
    """
    saved = await policies.save(conn, tenant_id=tenant_id, key=key, document=document)
    return Policy(policy_id=saved.policy_id, version=saved.version)


def _template(row: Mapping[str, Any] | None) -> Template:
    if row is None:
        raise NotFound("There is no such template.", remedy="Check the id: GET /templates lists them.")
    return Template(**{**row, "channel": Channel(row["channel"]), "status": TemplateStatus(row["status"])})
