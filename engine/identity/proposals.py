"""Proposals: which profiles may be one person, why, and which one to keep."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from graph.components import Component, components
from rules.errors import NotFound
from rules.words import Channel

MOST_PROPOSALS = 500
_SQL = queries("identity")
_NAMES = {Channel.EMAIL: "an e-mail address", Channel.ZALO_TEMPLATE: "a phone number", Channel.ZALO_OA: "a Zalo id"}


@dataclass(frozen=True, slots=True)
class Member:
    """One of the profiles; `history` counts its events, messages and outcomes."""

    profile_id: int
    ext_id: str
    name: str | None
    created_at: datetime
    is_consenting: bool
    history: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two members, by their ext_ids, and the kind of address they share."""

    duplicate_id: int
    profile: str
    other: str
    channel: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Profiles that may be one person. `refused` are the pairs among them that somebody said are two people."""

    members: tuple[Member, ...]
    channels: tuple[str, ...]
    pairs: tuple[Pair, ...]
    refused: tuple[Pair, ...]
    winner: str
    confidence: str


async def proposals(conn: Transaction, *, tenant_id: UUID, after: int = 0, limit: int = 100) -> list[Proposal]:
    """Give proposals in the order of their smallest profile ids, those beyond `after`, at most MOST_PROPOSALS.

    The proposed winner is one that agrees to marketing, if any; among those the one with the longest history, then the
    oldest.
    """
    found = await components(conn, await _graph(conn, tenant_id))
    chosen = [one for one in found if one.profile_ids[0] > after][: min(limit, MOST_PROPOSALS)]
    values = {"profile_ids": [profile_id for one in chosen for profile_id in one.profile_ids]}
    members = {row["profile_id"]: Member(**row) for row in await _rows(conn, "members", values)}
    pairs = await _rows(conn, "pairs", values)
    place = {profile_id: number for number, one in enumerate(chosen) for profile_id in one.profile_ids}
    by_place: list[list[Mapping[str, Any]]] = [[] for _ in chosen]
    for row in pairs:
        number = place.get(row["profile_id"])
        if number is not None and number == place.get(row["other_id"]) and row["profile_id"] != row["other_id"]:
            by_place[number].append(row)
    return [_proposal(component, members, rows) for component, rows in zip(chosen, by_place, strict=True)]


def winner(members: Sequence[Member]) -> Member:
    """Propose which one to keep: one with consent, then the longer history, then the older."""
    return min(members, key=lambda member: (not member.is_consenting, -member.history, member.profile_id))


def confidence(members: Sequence[Member], channels: Sequence[str], *, refused: int = 0) -> str:
    """Say in a sentence how certain it is that these are one person."""
    shared = " and ".join(_NAMES.get(Channel(channel), channel) for channel in channels)
    names = {_folded(member.name) for member in members if member.name}
    if refused:
        strength, why = "Doubtful", "somebody said that two of them are not one"
    elif len(names) > 1:
        strength, why = "Possible", "their names differ: a family or an office may share it"
    elif len(channels) > 1 or names:
        strength, why = "Strong", "with the same name" if names else "more than one kind of address"
    else:
        strength, why = "Likely", "no name tells them apart"
    return f"{strength}: {len(members)} profiles share {shared}; {why}."


def _proposal(component: Component, members: Mapping[int, Member], rows: Sequence[Mapping[str, Any]]) -> Proposal:
    own = tuple(members[profile_id] for profile_id in component.profile_ids)
    pairs = tuple(_pair(row, members) for row in rows if row["status"] == "proposed")
    refused = tuple(_pair(row, members) for row in rows if row["status"] == "refused")
    channels = tuple(sorted({link.channel for link in component.links}))
    return Proposal(
        members=own,
        channels=channels,
        pairs=pairs,
        refused=refused,
        winner=winner(own).ext_id,
        confidence=confidence(own, channels, refused=len(refused)),
    )


def _pair(row: Mapping[str, Any], members: Mapping[int, Member]) -> Pair:
    profile, other = sorted((row["profile_id"], row["other_id"]))
    return Pair(row["duplicate_id"], members[profile].ext_id, members[other].ext_id, row["channel"])


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


async def _graph(conn: Transaction, tenant_id: UUID) -> str:
    row = await (await conn.execute(_SQL["graph"], {"tenant_id": tenant_id})).fetchone()
    if row is None:
        raise NotFound("There is no such tenant.", remedy="Run: leo tenants list")
    return str(row["graph"])


async def _rows(conn: Transaction, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return await (await conn.execute(_SQL[query], values)).fetchall()
