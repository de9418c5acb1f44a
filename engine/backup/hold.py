"""Holding: after a restore, nothing that happened before happens again until a person says so.

The database no longer knows what happened between the backup and the loss. So messages that were queued or being sent
become `uncertain`, campaigns and runs are paused, agent tasks are cancelled, and ids continue far ahead.
"""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import dict_row

from engine.db import admin
from engine.queries import queries

# More ids than are drawn between any backup and its loss: a day at 10,000 a second. 2^48 has room for 280,000 such
# jumps.
SKIPPED = 1_000_000_000
_SQL = queries("backup")


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of a tenant: messages that are now `uncertain`, and people who were still to be decided for."""

    tenant_id: UUID
    slug: str
    messages: int
    campaigns: tuple[str, ...]
    runs: int
    people: int
    tasks: int


def hold(admin_url: str) -> tuple[Held, ...]:
    """Hold everything of every tenant in one transaction, and let others than administrators connect again."""
    with admin(admin_url) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_SQL["skip_ids"], {"skipped": SKIPPED})
        rows = cursor.execute(_SQL["hold"]).fetchall()
        cursor.execute(_SQL["reopen"])
    return tuple(Held(**{**row, "campaigns": tuple(row["campaigns"]), "people": int(row["people"])}) for row in rows)
