"""Facts as of an instant: what came after it is not seen.

Not everything can travel: attributes, addresses, a profile's status and zone, templates and channels are what they are
today, for nothing is kept of what they were.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.db import Transaction
from engine.facts import CONTACTS_WINDOW, facts_of
from engine.queries import queries
from rules.facts import Facts


async def gather_at(
    conn: Transaction,
    *,
    profile_ids: Sequence[int],
    purpose: str,
    now: datetime,
    zone: str,
    locale: str,
    contacts_window: timedelta = CONTACTS_WINDOW,
) -> list[Facts]:
    """Give the facts as engine.facts.gather does, as of `now`."""
    found = await conn.execute(
        queries("explain")["facts_at"],
        {
            "profile_ids": list(profile_ids),
            "purpose": purpose,
            "now": now,
            "contacts_since": now - max(contacts_window, CONTACTS_WINDOW),
        },
        binary=True,
    )
    return facts_of(await found.fetchall(), profile_ids, zone=zone, locale=locale)
