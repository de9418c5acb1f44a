"""A campaign: goal, segment or trigger, templates, policy and window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from engine.revisions import ANYTHING, Expected, revision_of
from engine.text import composed
from rules.errors import Conflict, NotFound
from rules.faults import Fault
from rules.words import CampaignStatus, Change

_SQL = queries("campaigns")
_PLANNED = (
    *(
        "key",
        "name",
        "purpose",
        "segment_id",
        "policy_id",
        "trigger_type",
        "trigger_segment",
        "trigger_change",
        "starts_at",
    ),
    *("ends_at", "priority", "control_share", "resend", "budget", "good_for_minutes", "template_ids"),
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """`trigger_type` names the type of event at which an active campaign decides at once.

    Somebody's joining or leaving (`trigger_change`) the segment with the key `trigger_segment` does the same.
    """

    campaign_id: int
    key: str
    name: str
    purpose: str
    status: CampaignStatus
    segment_id: int | None
    policy_id: int | None
    trigger_type: str | None
    trigger_segment: str | None
    trigger_change: Change | None
    starts_at: datetime | None
    ends_at: datetime | None
    priority: int
    control_share: float
    resend: bool
    budget: Mapping[str, Any] | None
    good_for_minutes: int | None
    created_at: datetime
    saved_by: str | None
    saved_at: datetime
    template_ids: tuple[int, ...]

    @property
    def record_id(self) -> int:
        return self.campaign_id

    @property
    def revision(self) -> str:
        """Identifies what was planned, whatever became of it since."""
        return revision_of({name: getattr(self, name) for name in _PLANNED})


async def save_campaign(
    conn: Transaction,
    *,
    tenant_id: UUID,
    key: str,
    name: str,
    segment_id: int | None = None,
    trigger_type: str | None = None,
    trigger_segment_id: int | None = None,
    trigger_change: Change | None = None,
    template_ids: Sequence[int] = (),
    policy_id: int | None = None,
    purpose: str = "marketing",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    priority: int = 0,
    control_share: float = 0.0,
    resend: bool = False,
    budget: Mapping[str, Any] | None = None,
    good_for_minutes: int | None = None,
    by: str | None = None,
    expected: Expected = ANYTHING,
) -> Campaign:
    """Save a campaign, or change the draft or paused one with this key. `template_ids` are in order of preference.

    `budget` is {"messages": n?, "amount": money?, "per": "campaign" or "day"}; `trigger_segment_id` and
    `trigger_change` come together. `good_for_minutes`: how long after it was queued a message may be sent; None is the
    usual time of its lane (rules/expiry.py). `by` is who saves it.

    Raises NotFound if segment, policy or a template does not exist, Conflict if the campaign is active or has ended,
    Changed if it is not the `expected` one.
    """
    key, name = composed("key", key), composed("name", name)
    if expected.is_said:
        expected.check(await _locked(conn, tenant_id, key), record="campaign", key=key)
    await _check_templates(conn, tenant_id, template_ids)
    values = {
        "tenant_id": tenant_id,
        "key": key,
        "name": name,
        # Composed, like the consents and events that it is compared with.
        "purpose": composed("purpose", purpose),
        "segment_id": segment_id,
        "policy_id": policy_id,
        "trigger_type": None if trigger_type is None else composed("trigger", trigger_type),
        "trigger_segment_id": trigger_segment_id,
        "trigger_change": trigger_change,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "priority": priority,
        "control_share": control_share,
        "resend": resend,
        "budget": None if budget is None else Jsonb(dict(budget)),
        "good_for_minutes": good_for_minutes,
        "by": by,
        "is_new": expected.is_new,
    }
    row = await (await conn.execute(_SQL["save_campaign"], values)).fetchone()
    if row is None:
        if expected.is_new:
            expected.check(await _locked(conn, tenant_id, key), record="campaign", key=key)
        raise Conflict(
            f"The campaign {key!r} is active or has ended.",
            remedy="Pause it first, or use another key.",
            fault=Fault("campaign.fixed", "key", {"key": key}),
        )
    campaign_id = row["campaign_id"]
    listed = {"tenant_id": tenant_id, "campaign_id": campaign_id, "template_ids": list(template_ids)}
    await conn.execute(_SQL["set_templates"], listed)
    return await get_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)


async def _locked(conn: Transaction, tenant_id: UUID, key: str) -> Campaign | None:
    """Give the campaign of a key; nobody else can save it until the transaction ends."""
    row = await (await conn.execute(_SQL["lock_planned"], {"tenant_id": tenant_id, "key": key})).fetchone()
    return None if row is None else await get_campaign(conn, tenant_id=tenant_id, campaign_id=row["campaign_id"])


async def get_campaign(conn: Transaction, *, tenant_id: UUID, campaign_id: int) -> Campaign:
    """Give the campaign; raises NotFound."""
    values = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    row = await (await conn.execute(_SQL["campaign"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.", remedy="Check the id: GET /campaigns lists them.")
    return _campaign(row)


async def id_of_campaign(conn: Transaction, *, tenant_id: UUID, key: str) -> int:
    """Give the id of the campaign of this key; raises NotFound."""
    values = {"tenant_id": tenant_id, "key": composed("key", key)}
    row = await (await conn.execute(_SQL["id_of_key"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {key!r}.", remedy="Check the key: leo campaigns list, or GET /campaigns.")
    return int(row["campaign_id"])


async def list_campaigns(conn: Transaction, *, tenant_id: UUID, after: int = 0, limit: int = 100) -> list[Campaign]:
    """Give campaigns in the order of their ids, those beyond `after`."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return [_campaign(row) for row in await (await conn.execute(_SQL["campaigns"], values)).fetchall()]


async def _check_templates(conn: Transaction, tenant_id: UUID, template_ids: Sequence[int]) -> None:
    values = {"tenant_id": tenant_id, "template_ids": list(template_ids)}
    rows = await (await conn.execute(_SQL["known_templates"], values)).fetchall()
    missing = sorted(set(template_ids) - {row["template_id"] for row in rows})
    if missing:
        raise NotFound(
            f"There is no template {missing[0]}, or it is retired.",
            remedy="Save the template first.",
            fault=Fault("campaign.template", "template_ids", {"template": str(missing[0])}),
        )


def _campaign(row: Mapping[str, Any]) -> Campaign:
    change = row["trigger_change"]
    read = {
        "status": CampaignStatus(row["status"]),
        "trigger_change": None if change is None else Change(change),
        "template_ids": tuple(row["template_ids"]),
    }
    return Campaign(**{**row, **read})
