"""A world: one database with a generated CDP in it, its traps, and what has changed since."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from channels.sandbox.arango import catalogue, events, people, traps
from channels.sandbox.arango.collection import Collection
from channels.sandbox.arango.generated import DAY_MS, Generated, stamp, written
from channels.sandbox.arango.members import Members
from channels.sandbox.arango.truth import truth

PEOPLE_DAYS, EVENT_DAYS = 300, 60
_OLD_EVENT_DAYS = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a world is made from; equal options give equal worlds. `until_ms` is the time of its newest document."""

    database: str
    people: int
    events: int
    seed: int
    traps: bool
    username: str
    password: str
    until_ms: int


class World:
    """The collections of one database; `planted` counts the documents of each trap."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.planted: Counter[str] = Counter()
        made = Generated(
            "people",
            seed=options.seed,
            count=options.people,
            until_ms=options.until_ms,
            days=PEOPLE_DAYS,
            make=partial(people.person, options.seed),
            own=people.own,
        )
        happened = Generated(
            "events",
            seed=options.seed,
            count=options.events,
            until_ms=options.until_ms,
            days=EVENT_DAYS,
            make=events.event,
            own=events.own(options.people, made.keys.key),
        )
        self.people = Collection(made, time_field="updatedAt", marks=people.marks)
        self.events = Collection(happened, time_field="createdAt", marks=events.marks)
        self.members = Members(self.people, self.touchpoint)
        self.segments: dict[str, Mapping[str, Any]] = {}
        self._touchpoints: dict[str, str] = {}
        self._touchpoint_count = traps.MANY_TOUCHPOINTS if options.traps else catalogue.TOUCHPOINTS
        self._revision = 0
        self.metrics = [catalogue.metric(*one[:3]) for one in sorted(catalogue.METRICS)]
        for key, name, status, share in catalogue.SEGMENTS:
            self.segments[key] = catalogue.segment(key, name, status, int(share * options.people))
        if options.traps:
            self._plant()

    def next_rev(self) -> str:
        """Give a revision that no document has had before."""
        self._revision += 1
        return f"_l{self._revision:07x}--"

    def touchpoint(self, key: str) -> str | None:
        """Give a touchpoint as `written` writes it."""
        if not self._touchpoints:
            null = {0: {"name": None}, 1: {"name": None}, 2: {"parentId": None}} if self.options.traps else {}
            made = (catalogue.touchpoint(n, **null.get(n, {})) for n in range(self._touchpoint_count))
            self._touchpoints = {one["_key"]: written(one) for one in made}
        return self._touchpoints.get(key)

    def manifest(self) -> dict[str, Any]:
        """Give what is in the world now: documents by collection, traps as planted, and what a sync must arrive at."""
        return {
            "database": self.options.database,
            "seed": self.options.seed,
            "documents": {
                people.COLLECTION: len(self.people),
                events.COLLECTION: len(self.events),
                "cdp_segment": len(self.segments),
                "cdp_eventmetric": len(self.metrics),
                "cdp_touchpoint": self._touchpoint_count,
            },
            "traps": dict(sorted(self.planted.items())),
            "truth": truth(self.people),
        }

    def _plant(self) -> None:
        self._plant_people()
        self._plant_events()
        for key, name, status in traps.SEGMENTS:
            self.segments[key] = {**catalogue.segment(key, name, status), "parentId": None}
        statuses = Counter(int(one["status"]) for one in self.segments.values())
        self.planted.update({f"segments_status_{status}": count for status, count in statuses.items()})
        self.planted.update(segments_same_name=2, segments_name_null=1, touchpoints_name_null=2)
        self.planted.update(segments_parent_null=len(traps.SEGMENTS), touchpoints_parent_null=1)

    def _plant_people(self) -> None:
        made, count = self.people.generated, traps.ties(self.options.people)
        for number in range(count):
            self._alter(number, {"updatedAt": made.stamp(count - 1)})
        self.planted["same_updated_at"] = count
        planted = traps.planted()
        place = traps.spread(self.options.people, len(planted))
        for at, one in enumerate(planted):
            fields = dict(one.fields)
            if one.root is not None:
                fields["rootProfileId"] = made.keys.key(place(one.root))
            self._alter(place(at), fields, one.without)
            self.planted[one.trap] += 1

    def _alter(self, number: int, fields: Mapping[str, Any], without: tuple[str, ...] = ()) -> None:
        document = {**self.people.generated.document(number), **fields}
        self.people.put({name: value for name, value in document.items() if name not in without})

    def _plant_events(self) -> None:
        day = self.options.until_ms - DAY_MS
        old, lately, at_once = stamp(day - _OLD_EVENT_DAYS * DAY_MS), stamp(day), stamp(day + 1)
        lost = next(key for key in self.people.kept if (self.people.get(key) or {}).get("rootProfileId"))
        for place, (name, count, fields) in enumerate(
            (
                ("events_old", 3, {"createdAt": old, "updatedAt": old}),
                ("events_unknown_profile", 5, {"refProfileId": "zzNobodyIsHere0000000z"}),
                ("events_of_loser", 2, {"refProfileId": lost}),
                ("events_unknown_metric", 2, {"metricName": "no-such-metric"}),
                ("events_same_created_at", 20, {"createdAt": at_once}),
            )
        ):
            for number in range(count):
                key = f"zzPlantedEvent{place:02}{number:06}"
                identity = {"_key": key, "_id": f"{events.COLLECTION}/{key}", "createdAt": lately}
                self.events.put(self.events.generated.document(number) | identity | fields)
            self.planted[name] = count
