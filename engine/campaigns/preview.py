"""Trying a template on a real person before it is approved: what would be sent, and what is against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from channels import content
from channels.content import Measure
from engine.campaigns.content import Template, get_template
from engine.campaigns.draft import drafted
from engine.db import Transaction
from engine.queries import queries
from engine.templates import (
    Version,
    Written,
    attempt,
    check_sources,
    context_of,
    form_faults,
    reader_from,
    version_of,
)
from engine.unsubscribe import Links, Request
from rules.consent import is_advertising
from rules.errors import NotFound
from rules.faults import Fault
from rules.words import Channel

_SQL = queries("campaigns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one person would get.

    `written` is None if it cannot be filled in at all; `missing` are variables without a value, `problems` what else is
    against sending it. `address` is where the person is reached.
    """

    channel: Channel
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview(Tried):
    """What one person would get of a version that is saved."""

    template: Template


async def preview_draft(
    conn: Transaction,
    links: Links,
    *,
    tenant_id: UUID,
    said: Mapping[str, Any],
    ext_id: str,
    now: datetime,
    campaign: str | None = None,
    read_in: str | None = None,
    event: Mapping[str, Any] | None = None,
) -> Tried:
    """Write what is not saved, or cannot be yet, for a person; nothing is stored or sent.

    `said` is what `drafted` takes, `read_in` the language instead of the person's. What its channel cannot carry is
    among the `problems`. Raises InvalidInput for what cannot be filled for anybody, and NotFound.
    """
    version = drafted(**said).version
    check_sources(version)
    row = await _person(conn, ext_id=ext_id, channel=version.channel, campaign=campaign)
    row |= {"locale": read_in or row["locale"], "event": row["event"] if event is None else event}
    return _tried(links, version, row, tenant_id=tenant_id, now=now, known=form_faults(version))


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
    tried = _tried(links, _version(template), row, tenant_id=tenant_id, now=now)
    return Preview(template=template, **{one.name: getattr(tried, one.name) for one in fields(tried)})


def _tried(
    links: Links,
    version: Version,
    row: Mapping[str, Any],
    *,
    tenant_id: UUID,
    now: datetime,
    known: Sequence[Fault] = (),
) -> Tried:
    """Write a version for the person of a row; `known` is what stands against it whoever reads it."""
    request = Request(tenant_id, row["profile_id"], version.channel)
    url = links.url(request)
    advertises = is_advertising(row["basis"])
    found = attempt(
        version,
        {**context_of(row), "preferences_url": links.preferences_url(request)},
        reader=reader_from(row, now=now),
        unsubscribe_url=url,
        is_advertising=advertises,
    )
    parts = found.written.parts if found.written else {}
    # What no person's values can mend is found again when it is filled.
    places = {one.where for one in known}
    return Tried(
        channel=version.channel,
        ext_id=row["ext_id"],
        name=row["name"],
        locale=row["locale"],
        zone=row["zone"],
        is_advertising=advertises,
        written=found.written,
        missing=found.missing,
        problems=(*known, *(one for one in found.problems if one.where not in places)),
        measures=tuple(content.of(version.channel).measures(parts)) if found.written else (),
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
