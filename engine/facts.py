"""Gathering: what is known about the people of a batch, from tables and graph, as what the rules look at."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeAlias

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.queries import queries
from graph.neighbourhood import FEW, Edge, neighbourhood
from rules.expiry import USUAL
from rules.facts import Address, Consent, Contact, Facts, Neighbourhood, Suppression, Tie
from rules.words import Channel, OutcomeType

# The score looks at recent contacts too, so they are read without a cap as well.
CONTACTS_WINDOW = timedelta(days=30)
# Who was not heard for so long was never heard: every provider's window is far shorter.
HEARD_WITHIN = timedelta(days=366)
# What a person does to be heard by a business: Zalo counts all four, Messenger the message and the click. As an event
# it has the type "zalo_oa.message"; a message or a click in answer to one of ours is an outcome of that.
INBOUND = ("message", "click", "follow", "call")
_ANSWERS = (OutcomeType.REPLIED, OutcomeType.CLICKED)
_REACTIONS = (
    *(OutcomeType.READ, OutcomeType.CLICKED, OutcomeType.REPLIED, OutcomeType.VISITED, OutcomeType.BOUGHT),
    *(OutcomeType.UNSUBSCRIBED, OutcomeType.COMPLAINED),
)
# So many of a person's newest outcomes count.
_COUNTABLE = 1_000
# And of the newest so many are looked at for the channels they came by.
_MOST_ANSWERS = 50
_CHANNELS: Mapping[str | None, Channel] = {channel.value: channel for channel in Channel}
_KINDS = ("interests", "bought", "engaged", "knows")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NEVER: Mapping[Channel, datetime] = MappingProxyType({})

Ties: TypeAlias = Mapping[str, Sequence[Tie]]


async def gather(
    conn: Transaction,
    *,
    profile_ids: Sequence[int],
    purpose: str,
    now: datetime,
    zone: str,
    locale: str,
    contacts_window: timedelta = CONTACTS_WINDOW,
    graph: str | None = None,
    heard_on: Collection[Channel] = (),
    is_past: bool = False,
) -> list[Facts]:
    """Give the facts of the profiles that exist, in the order of their ids.

    `purpose` is the campaign's: consents for others are not read. `zone` and `locale` hold for whom none is known. What
    is known of profiles merged into one of them is known of that one (see `joined`). With `graph`, the tenant's, comes
    what stands around people there; with `heard_on`, when they were last heard on those channels. With `is_past`, what
    came after `now` is not seen; attributes, addresses and ties are today's, for nothing is kept of what they were.
    """
    found = await conn.execute(
        queries("explain")["facts_at"] if is_past else queries("decide")["facts"],
        {
            "profile_ids": list(profile_ids),
            "purpose": purpose,
            "now": now,
            "contacts_since": now - max(contacts_window, CONTACTS_WINDOW),
            "good_for_minutes": int(max(USUAL.values()) / timedelta(minutes=1)),
            "reactions": list(_REACTIONS),
            "few": FEW,
            "countable": _COUNTABLE,
        },
        binary=True,
    )
    rows = await found.fetchall()
    everybody = [row["profile_id"] for row in rows]
    around = await _around(conn, graph, everybody) if graph is not None else {}
    heard = await _heard(conn, everybody, heard_on, now) if heard_on else {}
    return facts_of(rows, profile_ids, zone=zone, locale=locale, around=around, heard=heard)


def facts_of(
    rows: Sequence[DictRow],
    profile_ids: Sequence[int],
    *,
    zone: str,
    locale: str,
    around: Mapping[int, Ties] = MappingProxyType({}),
    heard: Mapping[int, Mapping[Channel, datetime]] = MappingProxyType({}),
) -> list[Facts]:
    """Read rows of query facts: the people asked for in the order of their ids, with what was merged into them."""
    asked = set(profile_ids)
    merged: defaultdict[int, list[Facts]] = defaultdict(list)
    known: list[Facts] = []
    for row in sorted(rows, key=lambda row: int(row["profile_id"])):
        profile_id = row["profile_id"]
        facts = _facts(row, zone, locale, around.get(profile_id), heard.get(profile_id, _NEVER))
        if row["merged_into"] in asked:
            merged[row["merged_into"]].append(facts)
        if profile_id in asked:
            known.append(facts)
    return [joined(facts, merged.get(facts.profile_id, ())) for facts in known]


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
        heard={
            channel: max(one.heard[channel] for one in everybody if channel in one.heard)
            for channel in sorted({channel for one in everybody for channel in one.heard})
        },
        neighbourhood=_joined([one.neighbourhood for one in everybody if one.neighbourhood is not None]),
    )


def _joined(all_around: Sequence[Neighbourhood]) -> Neighbourhood | None:
    if not all_around:
        return None
    kinds = {kind: _strongest([tie for one in all_around for tie in getattr(one, kind)]) for kind in _KINDS}
    newest = sorted((tie for one in all_around for tie in one.reactions), key=_newest_first, reverse=True)
    return Neighbourhood(**kinds, reactions=tuple(newest[:FEW]))


def _strongest(ties: Sequence[Tie]) -> tuple[Tie, ...]:
    found: dict[str, Tie] = {}
    for tie in sorted(ties, key=lambda tie: (-tie.weight, tie.key)):
        found.setdefault(tie.key, tie)
    return tuple(found.values())[:FEW]


def _newest_first(reaction: Tie) -> tuple[datetime, str, str]:
    return reaction.at or _LONG_AGO, reaction.key, reaction.name


async def _around(conn: Transaction, graph: str, profile_ids: Sequence[int]) -> Mapping[int, Ties]:
    found: defaultdict[int, defaultdict[str, list[Tie]]] = defaultdict(lambda: defaultdict(list))
    for edge in await neighbourhood(conn, graph, profile_ids):
        found[edge.profile_id][edge.kind].append(_tie(edge))
    return found


def _tie(edge: Edge) -> Tie:
    # The graph writes instants in UTC alone.
    return Tie(edge.key, edge.name, edge.weight, None if edge.at is None else datetime.fromisoformat(edge.at))


async def _heard(
    conn: Transaction, profile_ids: Sequence[int], channels: Collection[Channel], now: datetime
) -> Mapping[int, Mapping[Channel, datetime]]:
    asked = {
        "profile_ids": list(profile_ids),
        "channels": sorted(channels),
        "types": sorted(f"{channel}.{word}" for channel in channels for word in INBOUND),
        "outcomes": list(_ANSWERS),
        "since": now - HEARD_WITHIN,
        "now": now,
        "most": _MOST_ANSWERS,
    }
    found: defaultdict[int, dict[Channel, datetime]] = defaultdict(dict)
    for row in await (await conn.execute(queries("decide")["heard"], asked)).fetchall():
        found[row["profile_id"]][Channel(row["channel"])] = row["at"].astimezone(UTC)
    return {one: dict(sorted(when.items())) for one, when in found.items()}


def _facts(row: DictRow, zone: str, locale: str, ties: Ties | None, heard: Mapping[Channel, datetime]) -> Facts:
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
            Contact(_CHANNELS[channel], campaign_id, _instant(at), *purpose)
            for channel, campaign_id, at, *purpose in row["contacts"] or ()
        ),
        outcomes=row["outcomes"] or {},
        heard=heard,
        neighbourhood=_neighbourhood(ties or {}, row.get("reactions") or ()),
    )


def _neighbourhood(ties: Ties, reactions: Sequence[Sequence[Any]]) -> Neighbourhood | None:
    if not ties and not reactions:
        return None
    return Neighbourhood(
        **{kind: tuple(of_kind) for kind, of_kind in ties.items()},
        reactions=tuple(
            Tie(kind, f"{channel}/{template}", 1.0, _instant(at)) for kind, channel, template, at in reactions
        ),
    )


def _instant(text: Any) -> datetime:
    """Read PostgreSQL's JSON form of an instant; in UTC, so that the same facts hash the same in every session."""
    return datetime.fromisoformat(text).astimezone(UTC)
