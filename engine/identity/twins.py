"""The twin guard: who in a batch has two profiles, and was already reached through the other one.

It needs no merge and no proposal: sharing a valid address is enough. An address of more than ONE_PERSON profiles
identifies nobody, so it only holds back messages to that very address.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.identity.duplicates import COUNTABLE, ONE_PERSON, TELLING
from engine.queries import queries
from rules.facts import Facts, Reached
from rules.words import Channel

_SQL = queries("decide")

Address = tuple[Channel, str]


@dataclass(slots=True)
class Twins:
    """What the people of one batch share, and who was reached there: before the batch, and by the batch so far."""

    shared: Mapping[int, Sequence[tuple[Address, bool]]] = field(default_factory=dict)
    reached: Mapping[int, Sequence[Reached]] = field(default_factory=dict)
    taken: dict[Address, str] = field(default_factory=dict)

    def meet(self, facts: Facts) -> Facts:
        """Give the facts, with what is known about twins who were reached."""
        reached = list(self.reached.get(facts.profile_id, ()))
        for address, is_person in self.shared.get(facts.profile_id, ()):
            if address in self.taken:
                reached.append(Reached(*address, self.taken[address], is_person))
        return replace(facts, reached=tuple(reached)) if reached else facts

    def reach(self, facts: Facts, channel: Channel, address: str) -> None:
        """Remember that this person is being written to at an address."""
        for shared, is_person in self.shared.get(facts.profile_id, ()):
            if is_person or shared == (channel, address):
                self.taken.setdefault(shared, facts.ext_id)


async def lock_twins(
    conn: Transaction,
    *,
    profile_ids: Sequence[int],
    channels: Collection[Channel],
    run_id: int,
    campaign_id: int,
    snapshot_id: int | None,
) -> Twins:
    """Lock people and their twins until the transaction ends, and give what is known about the twins then.

    `channels` are those that the campaign may use. A transaction that is deciding for one of them is waited for.
    """
    rows = await (await conn.execute(_SQL["lock_twins"], _asked(profile_ids, channels))).fetchall()
    groups = [row for row in rows if row["holder_ids"]]
    return await _reached(conn, groups, run_id=run_id, campaign_id=campaign_id, snapshot_id=snapshot_id)


async def find_twins(
    conn: Transaction,
    *,
    profile_ids: Sequence[int],
    channels: Collection[Channel],
    run_id: int | None,
    campaign_id: int,
    snapshot_id: int | None,
) -> Twins:
    """Give the same without locks, for callers that only want to know.

    Without a run, it is about what the runs of the snapshot reached.
    """
    groups = await (await conn.execute(queries("explain")["twins"], _asked(profile_ids, channels))).fetchall()
    return await _reached(conn, groups, run_id=run_id, campaign_id=campaign_id, snapshot_id=snapshot_id)


def _asked(profile_ids: Sequence[int], channels: Collection[Channel]) -> dict[str, Any]:
    return {
        "profile_ids": list(profile_ids),
        "channels": sorted({*TELLING, *channels}),
        "countable": COUNTABLE,
        "few": ONE_PERSON + 1,
    }


async def _reached(
    conn: Transaction, groups: Sequence[DictRow], *, run_id: int | None, campaign_id: int, snapshot_id: int | None
) -> Twins:
    if not groups:
        return Twins()
    holder_ids = {holder_id for group in groups for holder_id in group["holder_ids"]}
    asked = {
        "holder_ids": sorted(holder_ids),
        "run_id": run_id,
        "campaign_id": campaign_id,
        "snapshot_id": snapshot_id,
        "countable": COUNTABLE,
    }
    return _twins(groups, await (await conn.execute(_SQL["reached"], asked)).fetchall())


def _twins(groups: Sequence[DictRow], messages: Sequence[DictRow]) -> Twins:
    shared: defaultdict[int, list[tuple[Address, bool]]] = defaultdict(list)
    reached: defaultdict[int, list[Reached]] = defaultdict(list)
    by_holder: defaultdict[int, list[DictRow]] = defaultdict(list)
    for message in messages:
        by_holder[message["holder_id"]].append(message)
    for group in sorted(groups, key=lambda group: (group["channel"] or "", group["value"] or "")):
        address = None if group["channel"] is None else (Channel(group["channel"]), group["value"])
        is_person = address is None or (address[0] in TELLING and len(group["holder_ids"]) <= ONE_PERSON)
        hits = sorted(
            (
                message
                for holder_id in group["holder_ids"]
                for message in by_holder.get(holder_id, ())
                if is_person or (message["channel"], message["address"]) == address
            ),
            key=lambda message: (message["profile_id"], message["channel"], message["address"]),
        )
        for person_id in group["person_ids"]:
            if address is not None:
                shared[person_id].append((address, is_person))
            hit = next((message for message in hits if message["profile_id"] != person_id), None)
            if hit is not None:
                at = address or (Channel(hit["channel"]), hit["address"])
                reached[person_id].append(Reached(*at, hit["ext_id"], is_person))
    return Twins(shared, reached)
