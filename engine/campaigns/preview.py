"""Trying a template on a real person before it is approved: what would be sent, and what is against it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from channels import content
from channels.content import Measure
from engine.campaigns.content import Template, get_template
from engine.db import Transaction
from engine.queries import queries
from engine.templates import Version, Written, attempt, context_of, reader_from, version_of
from engine.unsubscribe import Links, Request
from rules.consent import is_advertising
from rules.errors import NotFound
from rules.faults import Fault
from rules.words import Channel

_SQL = queries("campaigns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one person would get.

    `written` is None if it cannot be filled in at all; `missing` are variables without a value, `problems` what else is
    against sending it. `address` is where the person is reached.
    """

    template: Template
    ext_id: str
    name: str | None
    locale: str
    zone: str
    is_advertising: bool
    written: Written | None
    missing: tuple[str, ...]
    problems: tuple[Fault, ...]
    measures: tuple[Measure, ...]
    address: str | None
    unsubscribe_url: str

    @property
    def could_leave(self) -> bool:
        return self.written is not None and not self.missing and not self.problems


async def preview_template(
    conn: Transaction,
    links: Links,
    *,
    tenant_id: UUID,
    template_id: int,
    ext_id: str,
    now: datetime,
    campaign: str | None = None,
    locale: str | None = None,
    event: Mapping[str, Any] | None = None,
) -> Preview:
    """Render a template of any status for a person; nothing is stored or sent.

    `campaign` is a key; without one the message counts as advertising. `locale` replaces the person's. `event` is the
    event that triggered it; without one it is the person's newest of the type that the campaign waits for. Raises
    NotFound.
    """
    template = await get_template(conn, tenant_id=tenant_id, template_id=template_id)
    row = await _person(conn, ext_id=ext_id, channel=template.channel, campaign=campaign)
    row |= {"locale": locale or row["locale"], "event": row["event"] if event is None else event}
    request = Request(tenant_id, row["profile_id"], template.channel)
    url = links.url(request)
    advertises = is_advertising(row["basis"])
    found = attempt(
        _version(template),
        {**context_of(row), "preferences_url": links.preferences_url(request)},
        reader=reader_from(row, now=now),
        unsubscribe_url=url,
        is_advertising=advertises,
    )
    parts = found.written.parts if found.written else {}
    return Preview(
        template=template,
        ext_id=ext_id,
        name=row["name"],
        locale=row["locale"],
        zone=row["zone"],
        is_advertising=advertises,
        written=found.written,
        missing=found.missing,
        problems=found.problems,
        measures=tuple(content.of(template.channel).measures(parts)) if found.written else (),
        address=row["address"],
        unsubscribe_url=url,
    )


async def _person(conn: Transaction, *, ext_id: str, channel: Channel, campaign: str | None) -> dict[str, Any]:
    values = {"ext_id": ext_id, "channel": channel, "campaign": campaign}
    row = await (await conn.execute(_SQL["preview_person"], values)).fetchone()
    if row is None:
        raise NotFound(
            f"There is no profile {ext_id!r}.",
            remedy="Check its ext_id.",
            fault=Fault("profile.unknown", "ext_id", {"key": ext_id}),
        )
    if campaign is not None and row["campaign_key"] is None:
        raise NotFound(f"There is no campaign {campaign!r}.", remedy="Check its key: GET /campaigns lists them.")
    return dict(row)


def _version(template: Template) -> Version:
    names = ("key", "version", "channel", "locale", "subject", "body_text", "body_html", "data", "translations")
    return version_of({name: getattr(template, name) for name in names})
