"""Reconciliation: every key and revision of the source against ours. It finds what no watermark shows.

That is a hard delete, a change that came with an older time than its neighbours, and one that left the time alone.
"""

import logging
from array import array

from psycopg.types.json import Jsonb

from engine.ingest.changes import ids_of, take_keys
from engine.ingest.run import Run
from engine.queries import queries
from rules.errors import Conflict

KEYS = 20_000
# Where more people than this share would be gone, somebody has more likely emptied or changed the source.
MOST_GONE = 0.5
# Of fewer people than so many any share may go.
FEW = 100
_SQL = queries("ingest")
log = logging.getLogger(__name__)


async def reconcile(run: Run) -> None:
    """Take who is missing or was taken in another revision, and delete who is no longer at the source.

    Raises Conflict where more would be deleted than the source's setting most_gone allows.
    """
    matched = await _compare(run)
    if run.stop.is_set():
        return
    gone, active = await _gone(run, matched)
    if not gone:
        return
    await _check(run, gone=len(gone), active=active)
    await _delete(run, gone)


async def _compare(run: Run) -> "array[int]":
    """Page through the source's keys; gives the ids of people who are here as they are there, ascending."""
    matched = array("q")
    after = ""
    while not run.stop.is_set():
        found = await run.arango.ask("profile_keys", at_people=run.fields.collection, key=after, n=KEYS)
        revisions = [{"key": one["_key"], "rev": one.get("_rev")} for one in found]
        if revisions:
            async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
                values = {"revisions": Jsonb(revisions), "source": run.source.key}
                row = await (await conn.execute(_SQL["compare_revisions"], values)).fetchone() or {}
            matched.extend(row["matched_ids"])
            await take_keys(run, row["unmatched"])
            matched.extend(await ids_of(run, row["unmatched"]))
        run.say(f"{len(matched):,} compared")
        if len(found) < KEYS:
            break
        after = found[-1]["_key"]
    return array("q", sorted(matched))


async def _gone(run: Run, matched: "array[int]") -> tuple[list[int], int]:
    """Give the ids of our active people who were not compared, and how many active people there are."""
    gone: list[int] = []
    active, after, start = 0, 0, 0
    while True:
        values = {"source": run.source.key, "after": after, "n": KEYS}
        async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
            row = await (await conn.execute(_SQL["next_ids"], values)).fetchone() or {}
        ids = row["ids"]
        active += len(ids)
        # Both ascend: the ids up to the last of this page are the next ones of `matched`.
        while start < len(matched) and ids and matched[start] < ids[0]:
            start += 1
        stop = start
        while stop < len(matched) and ids and matched[stop] <= ids[-1]:
            stop += 1
        gone.extend(sorted(set(ids).difference(matched[start:stop])))
        start = stop
        if len(ids) < KEYS:
            return gone, active
        after = ids[-1]


async def _check(run: Run, *, gone: int, active: int) -> None:
    most = float(run.source.settings.get("most_gone", MOST_GONE))
    if active >= FEW and gone > active * most:
        raise Conflict(
            f"{gone:,} of {active:,} people are no longer at the source {run.source.key!r}; none was deleted here.",
            remedy="See that it is the right database; to let them go, set most_gone of the source to 1.",
        )


async def _delete(run: Run, gone: list[int]) -> None:
    """Ask for each once more: somebody may have come between the pages. Who still is not there is deleted."""
    async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
        row = await (await conn.execute(_SQL["keys_of"], {"ids": gone})).fetchone() or {}
    await take_keys(run, row["keys"])
