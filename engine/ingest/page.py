"""A page of people as it is made ready, beside the page that is being written: what is new, as rows."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from engine.ingest import columns, write
from engine.ingest import people as documents
from engine.ingest.paths import Document
from engine.ingest.people import People
from engine.ingest.run import Run
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


async def prepare(run: Run, found: list[Document], *, asked: Sequence[str] = ()) -> Page:
    """Map documents and make their rows; `asked` are keys that they should answer: what is missing is gone.

    The list is emptied as soon as it is read: to let its 25,000 objects go takes 10 ms, and takes them beside the page
    that is being written, not between two pages.
    """
    read = len(found)
    keys = [document["_key"] for document in found if type(document) is dict and type(document.get("_key")) is str]
    known = await _known(run, [*keys, *asked])
    fresh = list(found) if run.place.again else [one for one in found if not _is_as_before(one, known)]
    unchanged = read - len(fresh)
    found.clear()
    people = await asyncio.to_thread(_read, run, fresh, known)
    await _name_touchpoints(run, people)
    there = set(keys)
    gone = [key for key in asked if key not in there and key in known]
    target_ids = await _keep_targets(run, people)
    make = partial(_page_of, run, people, known, read=read, unchanged=unchanged, gone=gone, target_ids=target_ids)
    return await asyncio.to_thread(make)


def _read(run: Run, fresh: list[Document], known: Mapping[str, Any]) -> People:
    # In the order of keys, as they are written: what hangs on them is then in the order of their ids.
    fresh.sort(key=_key)
    with uncollected():
        people = documents.read(fresh, run.fields, known=known.keys())
    fresh.clear()
    return people


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
    """Make the page and empty the people it is made of."""
    page = Page(
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
    for rows in (people.persons, people.addresses, people.consents, people.relations):
        rows.clear()
    return page


async def _known(run: Run, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    values = {"keys": columns.texts(keys), "source": run.source.key, "segments": run.fields.segments_attribute}
    async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
        rows = await (await conn.execute(_SQL["known"], values)).fetchall()
    return {row["ext_id"]: row for row in rows}


def _key(document: Document) -> str:
    key = document.get("_key") if type(document) is dict else None
    return key if type(key) is str else ""


def _is_as_before(document: Document, known: Mapping[str, Mapping[str, Any]]) -> bool:
    before = known.get(document.get("_key", "")) if type(document) is dict else None
    return before is not None and before["source_rev"] is not None and before["source_rev"] == document.get("_rev")


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
            "attributes": columns.documents([_dumped(one["a"]) for one in people.persons]),
        },
        addresses={
            "places": columns.numbers([one["p"] for one in people.addresses]),
            "channels": _words(people.addresses, "c"),
            "values": _texts(people.addresses, "v"),
            "reasons": columns.words([one.get("r") for one in people.addresses]),
        },
        consents={
            "places": columns.numbers([one["p"] for one in people.consents]),
            "channels": _words(people.consents, "c"),
            "purposes": _words(people.consents, "u"),
            "granted": columns.flags([one["g"] for one in people.consents]),
            "times": _words(people.consents, "t"),
        },
        relations={
            "places": columns.numbers([one["p"] for one in people.relations]),
            "kinds": _words(people.relations, "k"),
            "targets": columns.numbers([one["t"] for one in people.relations]),
        },
        target_ids=target_ids,
        has_addresses=bool(people.addresses),
        has_consents=bool(people.consents),
        has_relations=bool(people.relations),
    )


def _texts(rows: list[dict[str, Any]], name: str) -> columns.Texts:
    return columns.texts([one[name] for one in rows])


def _words(rows: list[dict[str, Any]], name: str) -> columns.Texts:
    return columns.words([one[name] for one in rows])


def _dumped(document: dict[str, Any]) -> bytes:
    """Write JSON; a number beyond a double's range, which Python reads as infinite, becomes null."""
    try:
        return orjson.dumps(document)
    except TypeError:  # whole numbers beyond 64 bits
        return json.dumps(_finite(document), separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def _moved_segments(run: Run, people: People, known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Give the CDP's segments that somebody joins or leaves with this page."""
    if run.fields.segments is None:
        return set()
    moved: set[str] = set()
    for person in people.persons:
        now = set(person["a"].get(run.fields.segments_attribute, ())) if person["s"] == "active" else set()
        held = known.get(person["k"])
        before = set(held["segments"] or ()) if held is not None and held["status"] == "active" else set()
        moved |= now ^ before
    return {one for one in moved if type(one) is str}


def _left_segments(gone: Sequence[str], known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Give the CDP's segments that those belonged to whom the source has no more."""
    held = [known[key]["segments"] or () for key in gone if known[key]["status"] == "active"]
    return {one for segments in held for one in segments if type(one) is str}


def _rooted(people: People, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Give the keys whose survivor is named, or was and is no more."""
    return [
        person["k"]
        for person in people.persons
        if person["r"] is not None or ((held := known.get(person["k"])) and held["source_root"] is not None)
    ]
