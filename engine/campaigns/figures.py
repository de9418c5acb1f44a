"""The figures of a campaign so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from rules.errors import NotFound

_SQL = queries("figures")


@dataclass(frozen=True, slots=True)
class Figures:
    """Decisions made and how many of them send; those held back by reason, deliveries by status, outcomes by type.

    `decided` is the sum of `sends` and all of `held`. A person who waited and was decided for again counts each time.
    """

    decided: int
    sends: int
    held: Mapping[str, int]
    deliveries: Mapping[str, int]
    outcomes: Mapping[str, int]


async def campaign_figures(conn: Transaction, *, tenant_id: UUID, campaign_id: int) -> Figures:
    """Count the figures of one campaign; raises NotFound."""
    values = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    row = await (await conn.execute(_SQL["campaign"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.", remedy="Check the id: GET /campaigns lists them.")
    return Figures(**row)
