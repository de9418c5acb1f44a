"""A message as its person saw it: rendered again from the version of the template that was sent, which never changes.

It is filled with what is known about the person today; `has_changed` says that this may differ from what was sent. The
unsubscribe link is left out, because whoever looks at a message must not be able to unsubscribe its person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from channels import buttons
from engine.db import Transaction
from engine.queries import queries
from engine.templates import Reader, render, version_of
from engine.templates.filters import KEY
from rules.errors import NotFound
from rules.words import Channel, DeliveryStatus

NO_LINK = "#unsubscribe"
_SQL = queries("journey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    delivery_id: int
    channel: Channel
    status: DeliveryStatus
    address: str
    sent_at: datetime | None
    archived_at: datetime | None
    template: str
    template_version: int
    has_changed: bool
    subject: str | None
    text: str | None
    html: str | None
    buttons: Sequence[Mapping[str, str]]


async def message(conn: Transaction, *, delivery_id: int) -> Message:
    """Render a delivery's message again; raises NotFound, and InvalidInput if the person lacks a value it needs."""
    row = await (await conn.execute(_SQL["message"], {"delivery_id": delivery_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id}.", remedy="Check the id: GET /decisions has them.")
    version = version_of(row)
    locale = version.pick(row["reader_locale"])
    rendered = render(version.bodies[locale], {**_context(row), KEY: Reader(locale=locale)})
    return Message(
        delivery_id=row["delivery_id"],
        channel=Channel(row["channel"]),
        status=DeliveryStatus(row["status"]),
        address=row["address"],
        sent_at=row["sent_at"],
        archived_at=row["archived_at"],
        template=row["key"],
        template_version=row["version"],
        has_changed=row["has_changed"],
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        buttons=buttons.written(rendered.data.get(buttons.NAME)),
    )


def _context(row: DictRow) -> dict[str, Any]:
    profile = {"ext_id": row["ext_id"], "locale": row["reader_locale"], "attributes": row["attributes"]}
    if row["name"] is not None:
        profile["name"] = row["name"]
    context = {
        # As in a claim: an attribute may also be written profile.city.
        "profile": {**row["attributes"], **profile},
        "campaign": {"key": row["campaign_key"], "name": row["campaign_name"], "purpose": row["purpose"]},
        "unsubscribe_url": NO_LINK,
        "preferences_url": NO_LINK,
    }
    return context if row["event"] is None else {**context, "event": row["event"]}
