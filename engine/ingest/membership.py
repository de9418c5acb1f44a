"""The CDP's segments: ours that stand for them, and who joined or left without any change that the watermark sees."""

import logging
from array import array
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from engine import segments as store
from engine.db import Transaction
from engine.ingest.changes import ids_of, take_keys
from engine.ingest.run import Run, segment_key
from engine.queries import queries
from rules.errors import Conflict, NotFound
from rules.words import Cause

# One answer of keys; some 500 kB.
KEYS = 20_000
LONGEST_NAME = 200
_SQL = queries("ingest")
log = logging.getLogger(__name__)


async def take_segments(run: Run) -> None:
    """Bring our segments and everybody's membership up to date with the CDP's active segments."""
    listed = await _list(run)
    await _keep(run, listed)
    for cdp_segment_id in listed:
        if run.stop.is_set():
            return
        await take_members(run, cdp_segment_id)


async def take_one(run: Run, cdp_segment_id: str) -> int:
    """Take one segment with its members; gives how many it has. Raises NotFound where the CDP has it not active."""
    listed = await _list(run)
    if cdp_segment_id not in listed:
        raise NotFound(
            f"The source {run.source.key!r} has no active segment {cdp_segment_id!r}.",
            remedy="Check its id and its status in the CDP.",
        )
    await _keep(run, {cdp_segment_id: listed[cdp_segment_id]}, whole=False)
    return await take_members(run, cdp_segment_id)


async def take_members(run: Run, cdp_segment_id: str) -> int:
    """Find who joined and who left by comparing keys, and take those people anew; gives how many members there are."""
    seen = array("q")
    members, after = 0, ""
    while True:
        keys = await run.arango.ask(
            "segment_members",
            at_people=run.fields.collection,
            memberships=run.fields.memberships,
            status=run.fields.status_field or "status",
            segment=cdp_segment_id,
            key=after,
            n=KEYS,
        )
        members += len(keys)
        joined = await _unmatched(run, cdp_segment_id, keys, seen)
        run.counts.joined += len(joined)
        await take_keys(run, joined)
        seen.extend(await ids_of(run, joined))
        if len(keys) < KEYS or run.stop.is_set():
            break
        after = keys[-1]
    if run.stop.is_set():
        return members
    left = await _missing(run, cdp_segment_id, seen)
    run.counts.left += len(left)
    await take_keys(run, left)
    return members


async def refresh_marked(run: Run) -> None:
    """Refresh the segments whose membership moved, in this run or in one that was cut off."""
    async with run.db.transaction(run.place.tenant_id) as conn:
        rows = await (await conn.execute(_SQL["marked_segments"], {"prefix": f"{run.source.key}:"})).fetchall()
    for row in rows:
        async with run.db.transaction(run.place.tenant_id) as conn:
            # What it starts is in the tables: the sweeper finds it, a moment later than a bell would.
            await store.refresh_segment(
                conn, tenant_id=run.place.tenant_id, segment_id=row["segment_id"], cause=Cause.SYNC
            )
        run.counts.segments += 1


async def _list(run: Run) -> dict[str, str]:
    """Give the names of the CDP's active segments by id; two of one name are two segments."""
    found = await run.arango.ask("segments", at_segments=run.fields.segments)
    return {
        one["_key"]: (one["name"] if type(one.get("name")) is str and one["name"] else one["_key"])[:LONGEST_NAME]
        for one in found
        if type(one.get("_key")) is str
    }


async def _keep(run: Run, listed: Mapping[str, str], *, whole: bool = True) -> None:
    """Make or rename our segments; those that the CDP has no more, or not active, are archived."""
    prefix = f"{run.source.key}:"
    async with run.db.transaction(run.place.tenant_id) as conn:
        rows = await (await conn.execute(_SQL["own_segments"], {"prefix": prefix})).fetchall()
        held = {row["key"]: row for row in rows}
        for cdp_segment_id, name in sorted(listed.items()):
            key = segment_key(run.source, cdp_segment_id)
            before = held.get(key)
            if before is None or before["name"] != name or before["archived_at"] is not None:
                # Whoever gave it a schedule here keeps that.
                await store.save_segment(
                    conn,
                    tenant_id=run.place.tenant_id,
                    key=key,
                    name=name,
                    rule=_rule(run, cdp_segment_id),
                    schedule=None if before is None else before["schedule"],
                    zone=None if before is None else before["zone"],
                )
                await conn.execute(_SQL["mark_segments"], {"keys": [key]})
        if whole:
            wanted = {segment_key(run.source, one) for one in listed}
            for key, row in sorted(held.items()):
                if key not in wanted and row["archived_at"] is None:
                    await _archive(conn, run, row["segment_id"])


async def _archive(conn: Transaction, run: Run, segment_id: int) -> None:
    try:
        await store.archive_segment(conn, tenant_id=run.place.tenant_id, segment_id=segment_id)
    except Conflict as error:
        # Its members are as they were last, until the campaign ends: nobody new comes in.
        log.warning("A segment that the CDP has no more stays: %s", error.message)


def _rule(run: Run, cdp_segment_id: str) -> dict[str, Any]:
    return {"all": [{"attribute": run.fields.segments_attribute, "contains": cdp_segment_id}]}


async def _unmatched(run: Run, cdp_segment_id: str, keys: list[str], seen: "array[int]") -> list[str]:
    """Give the keys that are no members here; the ids of those that are go to `seen`."""
    if not keys:
        return []
    values = {"keys": keys, "belongs": _belongs(run, cdp_segment_id), "source": run.source.key}
    async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
        row = await (await conn.execute(_SQL["match_members"], values)).fetchone() or {}
    seen.extend(row["matched_ids"])
    return list(row["unmatched"])


async def _missing(run: Run, cdp_segment_id: str, seen: "array[int]") -> list[str]:
    """Give the keys of members here whose ids were not seen."""
    values = {"belongs": _belongs(run, cdp_segment_id), "source": run.source.key}
    async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
        row = await (await conn.execute(_SQL["member_ids"], values)).fetchone() or {}
        gone = set(row["ids"]).difference(seen)
        named = await (await conn.execute(_SQL["keys_of"], {"ids": sorted(gone)})).fetchone() or {}
    return list(named["keys"])


def _belongs(run: Run, cdp_segment_id: str) -> Jsonb:
    return Jsonb({run.fields.segments_attribute: [cdp_segment_id]})
