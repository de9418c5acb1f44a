"""Gathering: what is known about the people of a batch, by one query, as what the rules look at."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.queries import queries
from rules.facts import Address, Consent, Contact, Facts, Suppression
from rules.words import Channel

# The score looks at recent contacts too, so they are read without a cap as well.
CONTACTS_WINDOW = timedelta(days=30)
_CHANNELS: Mapping[str | None, Channel] = {channel.value: channel for channel in Channel}


async def gather(
    conn: Transaction,
    *,
    profile_ids: Sequence[int],
    purpose: str,
    now: datetime,
    zone: str,
    locale: str,
    contacts_window: timedelta = CONTACTS_WINDOW,
) -> list[Facts]:
    """Give the facts of the profiles that exist, in the order of their ids.

    `purpose` is the campaign's: consents for others are not read. `zone` and `locale` hold for whom none is known. What
    is known of profiles merged into one of them is known of that one (see `joined`).
    """
    found = await conn.execute(
        queries("decide")["facts"],
        {
            "profile_ids": list(profile_ids),
            "purpose": purpose,
            "now": now,
            "contacts_since": now - max(contacts_window, CONTACTS_WINDOW),
        },
        binary=True,
    )
    rows = sorted(await found.fetchall(), key=lambda row: int(row["profile_id"]))
    asked = set(profile_ids)
    merged: defaultdict[int, list[Facts]] = defaultdict(list)
    for row in rows:
        if row["merged_into"] in asked:
            merged[row["merged_into"]].append(_facts(row, zone, locale))
    return [
        joined(_facts(row, zone, locale), merged.get(row["profile_id"], ()))
        for row in rows
        if row["profile_id"] in asked
    ]


def joined(facts: Facts, merged: Sequence[Facts]) -> Facts:
    """Give the facts of a person of whom there were several profiles.

    Consents, suppressions, messages and outcomes of all of them count, so a withdrawal by one holds for all until the
    person grants again. An address of a merged profile is used where the other has no valid one on that channel.
    """
    if not merged:
        return facts
    everybody = (facts, *merged)
    reachable = {address.channel for address in facts.addresses if address.valid}
    others = [a for one in merged for a in one.addresses if a.valid and a.channel not in reachable]
    outcomes: Counter[str] = Counter()
    for one in everybody:
        outcomes.update(one.outcomes)
    return replace(
        facts,
        addresses=(*facts.addresses, *others),
        consents=tuple(consent for one in everybody for consent in one.consents),
        suppressions=tuple(dict.fromkeys(entry for one in everybody for entry in one.suppressions)),
        contacts=tuple(contact for one in everybody for contact in one.contacts),
        outcomes=dict(outcomes),
    )


def _facts(row: DictRow, zone: str, locale: str) -> Facts:
    return Facts(
        profile_id=row["profile_id"],
        ext_id=row["ext_id"],
        zone=row["zone"] or zone,
        locale=row["locale"] or locale,
        active=row["status"] == "active",
        attributes=row["attributes"],
        addresses=tuple(
            Address(_CHANNELS[channel], value, address_id, valid, reason)
            for channel, value, address_id, valid, reason in row["addresses"] or ()
            if channel in _CHANNELS
        ),
        consents=tuple(
            Consent(_CHANNELS.get(channel), purpose, granted, _instant(at))
            for channel, purpose, granted, at in row["consents"] or ()
            if channel is None or channel in _CHANNELS
        ),
        suppressions=tuple(
            Suppression(_CHANNELS.get(channel), address, reason)
            for channel, address, reason in row["suppressions"] or ()
            if channel is None or channel in _CHANNELS
        ),
        contacts=tuple(
            Contact(_CHANNELS[channel], campaign_id, _instant(at)) for channel, campaign_id, at in row["contacts"] or ()
        ),
        outcomes=row["outcomes"] or {},
    )


def _instant(text: Any) -> datetime:
    """Read PostgreSQL's JSON form of an instant; in UTC, so that the same facts hash the same in every session."""
    return datetime.fromisoformat(text).astimezone(UTC)
