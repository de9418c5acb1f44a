"""Lacking: values that templates need and people do not have, known before a message is queued.

Only values that a template prints unconditionally count. One that it prints under a condition is found when the message
is rendered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.frame import Frame
from engine.queries import queries
from engine.templates import Version, certain, version_of
from rules.facts import Facts, Lack

# Approved templates never change, so what was read once stays valid.
MOST_KNOWN = 4096
# What an activation can afford: 50,000 people are counted in a fifth of a second.
MOST_LOOKED_AT = 50_000
FEW = 5
# Values that every message gets; and attributes that every list or text has, whatever is in it.
ALWAYS = frozenset({"profile", "profile.ext_id", "profile.locale", "profile.zone", "profile.attributes"})
CAMPAIGN = frozenset({"campaign", "campaign.key", "campaign.name", "campaign.purpose"})
OF_ITSELF = frozenset({"size", "first", "last"})

_SQL = queries("lacking")
_known: dict[tuple[UUID, int], "Needs"] = {}


@dataclass(frozen=True, slots=True)
class Needs:
    """What one version of a template needs, by the locale it is rendered in."""

    version: Version
    names: Mapping[str, frozenset[str]]

    def of(self, locale: str) -> frozenset[str]:
        """Give the names for a person with this locale."""
        return self.names[self.version.pick(locale)]


def needs_of(version: Version) -> Needs:
    """Find out what a version needs; raises InvalidInput if it is not valid Liquid."""
    return Needs(version, {locale: _asked(certain(bodies)) for locale, bodies in version.bodies.items()})


def _asked(names: set[str]) -> frozenset[str]:
    plain = (name.rpartition(".")[0] if name.rpartition(".")[2] in OF_ITSELF else name for name in names)
    return frozenset(name for name in plain if name not in ALWAYS and name not in CAMPAIGN)


async def all_needs(conn: Transaction, *, tenant_id: UUID, template_ids: Sequence[int]) -> dict[int, Needs]:
    """Give what approved templates need, by id, those that need nothing left out."""
    # Taken at once: while the others are read, another batch may have all of them forgotten.
    found = {one: _known[tenant_id, one] for one in template_ids if (tenant_id, one) in _known}
    missing = [one for one in template_ids if one not in found]
    if missing:
        if len(_known) + len(missing) > MOST_KNOWN:
            _known.clear()
        rows = await conn.execute(queries("dispatch")["templates"], {"template_ids": missing})
        read = {row["template_id"]: needs_of(version_of(row)) for row in await rows.fetchall()}
        _known.update({(tenant_id, one): needs for one, needs in read.items()})
        found |= read
    return {one: needs for one, needs in found.items() if any(needs.names.values())}


async def find_lacks(
    conn: Transaction,
    frame: Frame,
    known: Sequence[Facts],
    *,
    events: Mapping[int, int] | None = None,
    is_rehearsed: bool = False,
) -> dict[int, tuple[Lack, ...]]:
    """Give what the people lack of what the frame's templates need, by profile; people who lack nothing are left out.

    `events` gives the triggering event by profile, if that is not the frame's event for all of them. `is_rehearsed`:
    the event is still to come, so its values are assumed to be there.
    """
    template_ids = [one.template_id for one in frame.candidates if one.template_id is not None]
    needs = await all_needs(conn, tenant_id=frame.tenant_id, template_ids=template_ids)
    if not needs:
        return {}
    asked = {name for one in needs.values() for names in one.names.values() for name in names}
    nameless = await _nameless(conn, known) if any(_is_name(one) for one in asked) else frozenset()
    told: Mapping[int, Mapping[str, Any]] = {}
    of_events = any(name.partition(".")[0] == "event" for name in asked)
    if of_events and not is_rehearsed:
        told = await _events(conn, frame, known, events)
    by_locale: dict[str, _Asked] = {}
    found: dict[int, tuple[Lack, ...]] = {}
    for facts in known:
        if facts.locale not in by_locale:
            by_locale[facts.locale] = _Asked.of(needs, facts.locale)
        person = _Person(facts, facts.profile_id not in nameless, told.get(facts.profile_id), is_rehearsed)
        lacks = person.lacks(by_locale[facts.locale])
        if lacks:
            found[facts.profile_id] = lacks
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the templates ask about people of one locale: each name once with its parts, and the names per template."""

    names: tuple[tuple[str, str, tuple[str, ...]], ...]
    templates: Mapping[int, frozenset[str]]

    @classmethod
    def of(cls, needs: Mapping[int, Needs], locale: str) -> Self:
        templates = {template_id: one.of(locale) for template_id, one in needs.items()}
        names = sorted(frozenset().union(*templates.values()))
        return cls(tuple((name, *_parted(name)) for name in names), templates)


def _parted(name: str) -> tuple[str, tuple[str, ...]]:
    root, *path = name.split(".")
    return root, tuple(path)


@dataclass(frozen=True, slots=True)
class _Person:
    facts: Facts
    has_name: bool
    event: Mapping[str, Any] | None
    is_rehearsed: bool

    def lacks(self, asked: _Asked) -> tuple[Lack, ...]:
        missing = {name for name, root, path in asked.names if not self._has(root, path)}
        if not missing:
            return ()
        return tuple(
            Lack(template_id, tuple(sorted(names & missing)))
            for template_id, names in asked.templates.items()
            if names & missing
        )

    def _has(self, root: str, path: Sequence[str]) -> bool:
        if root == "event":
            return self.is_rehearsed or (self.event is not None and _is_there(self.event, path))
        if root != "profile":
            return False
        if path[0] == "name" and self.has_name:
            return True
        attributes = self.facts.attributes
        return _is_there(attributes, path[1:] if path[0] == "attributes" else path)


@dataclass(frozen=True, slots=True)
class Lacking:
    """How many of the people looked at lack a value that a template needs, with the ext_ids of a few of them."""

    template_id: int
    template: str
    name: str
    people: int
    looked_at: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        several = ", ".join(self.examples)
        return f"{self.name} is missing for {self.people:,} of {self.looked_at:,} people: {several}."


async def count_lacking(
    conn: Transaction,
    *,
    tenant_id: UUID,
    template_ids: Sequence[int],
    snapshot_id: int | None = None,
    is_eventless: bool = False,
) -> list[Lacking]:
    """Count who lacks what among the members of a snapshot, or among everybody; only the first MOST_LOOKED_AT of them.

    `is_eventless`: no event triggers it, so nobody has an event's values; otherwise those are assumed to be there.
    """
    needs = await all_needs(conn, tenant_id=tenant_id, template_ids=template_ids)
    if not needs:
        return []
    whom = {"snapshot_id": snapshot_id, "most": MOST_LOOKED_AT}
    locales = [row["locale"] for row in await (await conn.execute(_SQL["locales"], whom)).fetchall()]
    printed: dict[tuple[int, str], list[str]] = {}
    for template_id, one in needs.items():
        for locale in locales:
            for name in one.of(locale):
                if is_eventless or name.partition(".")[0] != "event":
                    printed.setdefault((template_id, name), []).append(locale)
    places = sorted(printed)
    asked = [_question(place, name, printed[template_id, name]) for place, (template_id, name) in enumerate(places)]
    rows = await conn.execute(_SQL["lacking"], {**whom, "asked": Jsonb(asked), "few": FEW})
    found = [(places[row["place"]], row) for row in await rows.fetchall()]
    return [
        Lacking(
            template_id,
            needs[template_id].version.name,
            name,
            row["people"],
            row["looked_at"],
            tuple(row["examples"]),
        )
        for (template_id, name), row in found
    ]


def _question(place: int, name: str, locales: Sequence[str]) -> dict[str, Any]:
    root, *path = name.split(".")
    parts = path[1:] if path[:1] == ["attributes"] else path
    return {
        "place": place,
        "locales": locales,
        "is_name": _is_name(name),
        "is_never": root != "profile",
        "parents": parts[:-1],
        "last": parts[-1] if parts else "",
    }


def _is_name(name: str) -> bool:
    return name.split(".")[:2] == ["profile", "name"]


def _is_there(value: Any, path: Sequence[str]) -> bool:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


async def _nameless(conn: Transaction, known: Sequence[Facts]) -> frozenset[int]:
    asked = {"profile_ids": [facts.profile_id for facts in known]}
    rows = await (await conn.execute(_SQL["nameless"], asked)).fetchall()
    return frozenset(row["profile_id"] for row in rows)


async def _events(
    conn: Transaction, frame: Frame, known: Sequence[Facts], events: Mapping[int, int] | None
) -> dict[int, Mapping[str, Any]]:
    if events is None:
        if frame.event_id is None:
            return {}
        events = {facts.profile_id: frame.event_id for facts in known}
    rows = await (await conn.execute(_SQL["events"], {"event_ids": sorted(set(events.values()))})).fetchall()
    told = {row["event_id"]: row["event"] for row in rows}
    return {profile_id: told[event_id] for profile_id, event_id in events.items() if event_id in told}
