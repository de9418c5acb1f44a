"""A page of people as it is made ready, beside the page that is being written: what is new, as rows."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from engine.ingest import columns, unread, write
from engine.ingest import people as documents
from engine.ingest.paths import texts
from engine.ingest.people import People
from engine.ingest.run import Run
from engine.ingest.unread import Head, Unread
from engine.ingest.write import Rows
from engine.pause import uncollected
from engine.queries import queries

_SQL = queries("ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """People, ready to be written. `rows` is None where nothing of them is new to us; `keys` are everybody's.

    `segments` are the CDP's that somebody joins or leaves; `rooted` and `unmerged` are keys, of whoever is or was
    somebody else's loser and of whoever is out without being one; `gone` are those that the source has no more.
    """

    read: int
    unchanged: int
    keys: frozenset[str]
    rows: Rows | None
    segments: set[str]
    rooted: list[str]
    unmerged: list[str]
    gone: list[str]
    refused: Counter[str]
    mended: Counter[str]
    addresses_invalid: Counter[str]


async def prepare(run: Run, found: list[Unread], *, asked: Sequence[str] = ()) -> Page:
    """Map documents and make their rows; `asked` are keys that they should answer: what is missing is gone."""
    heads = [unread.head(one) for one in found]
    keys = [head.key for head in heads if type(head.key) is str]
    known = await _known(run, [*keys, *asked])
    fresh = [
        (head.key if type(head.key) is str else "", one)
        for head, one in zip(heads, found, strict=True)
        if run.place.again or not _is_as_before(head, known)
    ]
    people = await asyncio.to_thread(_read, run, fresh, known)
    await _name_touchpoints(run, people)
    there = set(keys)
    gone = [key for key in asked if key not in there and key in known]
    target_ids = await _keep_targets(run, people)
    counts = {"read": len(found), "unchanged": len(found) - len(fresh)}
    make = partial(_page_of, run, people, known, **counts, gone=gone, target_ids=target_ids)
    return await asyncio.to_thread(make)


def _read(run: Run, fresh: list[tuple[str, Unread]], known: Mapping[str, Any]) -> People:
    # In the order of keys, as they are written: what hangs on them is then in the order of their ids.
    fresh.sort(key=itemgetter(0))
    with uncollected():
        return documents.read((run.arango.read(one) for _, one in fresh), run.fields, known=known.keys())


async def _keep_targets(run: Run, people: People) -> str:
    """Make what these people are related to, in a transaction of its own; gives ids by place."""
    if not people.relations:
        return "{}"
    async with run.db.transaction(run.place.tenant_id, is_repeatable=True) as conn:
        return await write.write_targets(conn, run.place, targets_of(people))


def _page_of(
    run: Run,
    people: People,
    known: Mapping[str, Mapping[str, Any]],
    *,
    read: int,
    unchanged: int,
    gone: list[str],
    target_ids: str,
) -> Page:
    return Page(
        read=read,
        unchanged=unchanged,
        keys=frozenset(people.keys),
        rows=rows_of(people, target_ids) if people.keys else None,
        segments=_moved_segments(run, people, known) | _left_segments(gone, known),
        rooted=_rooted(people, known),
        unmerged=[person["k"] for person in people.persons if person["s"] != "active" and person["r"] is None],
        gone=gone,
        refused=people.refused,
        mended=people.mended,
        addresses_invalid=people.addresses_invalid,
    )


async def _known(run: Run, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    values = {"keys": columns.texts(keys), "source": run.source.key, "segments": run.fields.segments_attribute}
    async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
        rows = await (await conn.execute(_SQL["known"], values)).fetchall()
    return {row["ext_id"]: row for row in rows}


def _is_as_before(head: Head, known: Mapping[str, Mapping[str, Any]]) -> bool:
    before = known.get(head.key) if type(head.key) is str else None
    return before is not None and before["source_rev"] is not None and before["source_rev"] == head.rev


async def _name_touchpoints(run: Run, people: People) -> None:
    """Give touchpoints their names, asked for once a run; one without a name is called by its key."""
    places = {key: place for (kind, key), place in people.target_places.items() if kind == "Touchpoint"}
    if run.fields.touchpoints is None or not places:
        return
    unasked = [key for key in places if key not in run.names]
    if unasked:
        found = await run.arango.ask("touchpoints_by_key", at_touchpoints=run.fields.touchpoints, keys=unasked)
        run.names |= dict.fromkeys(unasked) | {
            one["_key"]: one["name"][:2048] for one in found if type(one.get("name")) is str and one["name"]
        }
    people.target_names |= {place: name for key, place in places.items() if (name := run.names.get(key))}


def targets_of(people: People) -> write.Columns:
    """Give what people are related to as columns."""
    targets = people.target_places
    return {
        "kinds": columns.words([kind for kind, _ in targets]),
        "keys": columns.texts([key for _, key in targets]),
        "names": columns.texts([people.target_names.get(place) for place in targets.values()]),
    }


def rows_of(people: People, target_ids: str) -> Rows:
    """Give people as columns."""
    return Rows(
        people={
            "ext_ids": _texts(people.persons, "k"),
            "names": _texts(people.persons, "n"),
            "locales": _words(people.persons, "l"),
            "zones": _words(people.persons, "z"),
            "statuses": _words(people.persons, "s"),
            "revs": _texts(people.persons, "v"),
            "roots": _texts(people.persons, "r"),
            "times": _texts(people.persons, "t"),
            "attributes": columns.documents([one["a"] for one in people.persons]),
        },
        addresses=_addresses(people),
        consents=_consents(people),
        relations=_relations(people),
        target_ids=target_ids,
        has_addresses=bool(people.addresses),
        has_consents=bool(people.consents),
        has_relations=bool(people.relations),
    )


def _texts(rows: list[dict[str, Any]], name: str) -> columns.Texts:
    return columns.texts([one[name] for one in rows])


def _words(rows: list[dict[str, Any]], name: str) -> columns.Texts:
    return columns.words([one[name] for one in rows])


def _addresses(people: People) -> write.Columns:
    places, channels, values, reasons = _columns(people.addresses, 4)
    return {
        "places": columns.numbers(places),
        "channels": columns.words(channels),
        "values": columns.texts(values),
        "reasons": columns.words(reasons),
    }


def _consents(people: People) -> write.Columns:
    places, channels, purposes, granted, times = _columns(people.consents, 5)
    return {
        "places": columns.numbers(places),
        "channels": columns.words(channels),
        "purposes": columns.words(purposes),
        "granted": columns.flags(granted),
        "times": columns.words(times),
    }


def _relations(people: People) -> write.Columns:
    places, kinds, targets = _columns(people.relations, 3)
    return {
        "places": columns.numbers(places),
        "kinds": columns.words(kinds),
        "targets": columns.numbers(targets),
    }


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Sequence[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) or [()] * width


def _moved_segments(run: Run, people: People, known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Give the CDP's segments that somebody joins or leaves with this page."""
    if run.fields.segments is None:
        return set()
    moved: set[str] = set()
    for person in people.persons:
        now = set(texts(person["m"])) if person["s"] == "active" else set()
        held = known.get(person["k"])
        before = set(texts(held["segments"])) if held is not None and held["status"] == "active" else set()
        moved |= now ^ before
    return moved


def _left_segments(gone: Sequence[str], known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Give the CDP's segments that those belonged to whom the source has no more."""
    return {one for key in gone if known[key]["status"] == "active" for one in texts(known[key]["segments"])}


def _rooted(people: People, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Give the keys whose survivor is named, or was and is no more."""
    return [
        person["k"]
        for person in people.persons
        if person["r"] is not None or ((held := known.get(person["k"])) and held["source_root"] is not None)
    ]
