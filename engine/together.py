"""Deciding for several events at once: each its own run of one person, all of one campaign, in one transaction.

The cost of an event is mostly its statements, and for sixty-four events they cost hardly more than for one. Each event
is decided as it would be alone, as far as anybody can see. Whatever differs is left to `decide_batch`: models to ask,
people whom another batch holds (nobody waits for somebody else's person here), a person's second event, other
campaigns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from psycopg.rows import DictRow

from engine.around import gather_all
from engine.db import Transaction
from engine.frame import Frame, Standing, event_trigger, lock_frame
from engine.identity.twins import Twins
from engine.queries import queries
from engine.record import Made, Sheet, Waiting, close, record
from engine.table import Table, pay, purse_of
from engine.think.ask import wants_thought
from engine.think.recall import by_score
from rules.identity import canonical
from rules.words import BatchStatus

MOST_TOGETHER = 64

_SQL = queries("decide")


@dataclass(frozen=True, slots=True)
class Together:
    """The result of deciding several batches: which were decided, and what is new.

    `actions` and `reasons` count as in `Decided`. A batch that was asked for and is not in `batch_ids` still has to be
    decided alone, or is held by somebody else.
    """

    batch_ids: tuple[int, ...] = ()
    made: tuple[Made, ...] = ()
    actions: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def delivery_ids(self) -> tuple[int, ...]:
        """The new deliveries that were queued."""
        return tuple(one.delivery_id for one in self.made if one.delivery_id is not None)

    @property
    def deliveries(self) -> int:
        """Count what is queued."""
        return len(self.delivery_ids)


async def decide_together(conn: Transaction, *, tenant_id: UUID, batch_ids: Sequence[int], now: datetime) -> Together:
    """Decide those of the batches that can be decided at once; the caller's transaction is theirs. `now` is aware.

    Raises InvalidInput if the policy cannot be read, Unavailable if it has to be tried again: then nothing is decided,
    and each batch has to be decided alone.
    """
    alike = _alike(await (await conn.execute(_SQL["lock_events"], {"batch_ids": list(batch_ids)})).fetchall())
    if not alike:
        return Together()
    first = await lock_frame(conn, alike[0]["batch_id"])
    if first is None or first.standing is not Standing.OPEN or wants_thought(first):
        return Together()
    purse = await purse_of(conn, replace(first, profile_ids=tuple(row["profile_id"] for row in alike)), now)
    asked = {"profile_ids": [row["profile_id"] for row in alike]}
    free = {row["person_id"] for row in await (await conn.execute(_SQL["lock_free"], asked)).fetchall()}
    frames = {row["profile_id"]: _own(first, row) for row in alike if row["profile_id"] in free}
    if not frames:
        return Together()
    shared = replace(first, profile_ids=tuple(frames))
    events = {person: frame.event_id for person, frame in frames.items() if frame.event_id is not None}
    facts = await gather_all(conn, shared, profile_ids=shared.profile_ids, now=now, events=events)
    campaign = canonical(shared.campaign.to_document())
    sheets = {person: Sheet(frame, tenant_id, campaign, is_own=True) for person, frame in frames.items()}
    # Twins count within one run only, so a person with profiles in two of the runs hears about both events.
    table = Table(shared, now, Twins(), purse, by_score)
    decisions, rows = await table.decide_all(facts, sheets.__getitem__)
    made = await record(conn, shared, rows, now=now)
    new = {one.profile_id: decisions[one.profile_id] for one in made}
    await pay(conn, shared, purse, new.values())
    await close(
        conn,
        shared,
        BatchStatus.DONE,
        batch_ids=[frame.batch_id for frame in frames.values()],
        run_ids=[frame.run_id for frame in frames.values()],
        waiting=[
            Waiting(frames[person].run_id, person, one.wait_until)
            for person, one in new.items()
            if one.wait_until is not None
        ],
        now=now,
    )
    return Together(
        batch_ids=tuple(frame.batch_id for frame in frames.values()),
        made=made,
        actions=Counter(str(one.action) for one in new.values()),
        reasons=Counter(str(one.reason) for one in new.values()),
    )


def _alike(rows: Sequence[DictRow]) -> list[DictRow]:
    """Keep those of the oldest one's campaign, the first of each person; a second has to see what the first queued."""
    found: dict[int, DictRow] = {}
    for row in rows:
        if row["campaign_id"] == rows[0]["campaign_id"]:
            found.setdefault(row["profile_id"], row)
    return list(found.values())


def _own(first: Frame, row: DictRow) -> Frame:
    """Give the frame of another run of the same campaign that an event started as well."""
    return replace(
        first,
        batch_id=row["batch_id"],
        run_id=row["run_id"],
        profile_ids=(row["profile_id"],),
        event_id=row["event_id"],
        trigger_key=event_trigger(row["event_id"]),
        started_at=row["started_at"],
    )
