"""Random rules and random people, made of the same few names and values, so that conditions are often met.

`rules()` gives rule documents that `parse` accepts; with `answers=True` also conditions that only the database can
answer (graph, like). `people()` gives documents with all that a person can have:

    {"name", "locale", "zone": text or None, "source": text, "created_at": datetime, "attributes": {...},
     "consents":  [{"channel": text or None, "purpose": text, "granted": bool, "at": datetime}],
     "addresses": [{"channel": text, "value": text, "valid": bool}],
     "events":    [{"type": text, "at": datetime, "attributes": {...}}],
     "outcomes":  [{"type": text, "at": datetime, "campaign": one of CAMPAIGNS, "channel": one of CHANNELS}],
     "segments":  [some of SEGMENTS]}

and `person(document)` the `rules.conditions.person.Person` of one. All is asked at NOW, on the day TODAY. Whoever puts
people into a database makes CAMPAIGNS and SEGMENTS first. Every text is composed (NFC) and storable.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from rules.conditions.nodes import Column, Leaf
from rules.conditions.person import Occurrence, Person, Result
from rules.facts import Consent
from rules.words import Channel, OutcomeType

NOW = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)
TODAY = date(2026, 3, 1)
CHANNELS = ("email", "zalo_template", "app_push")
PURPOSES = ("marketing", "newsletter")
EVENTS = ("purchase", "item-view", "mở thư")
CAMPAIGNS = ("tet-2026", "sinh-nhat")
SEGMENTS = ("vip", "staff", "cdp:497Chu")
OUTCOMES = ("read", "clicked", "bought")
NAMES = ("city", "tags", "born", "address", "street", "ngày sinh", "a'b\"c", "$.x", "%s", "")

_DAY = timedelta(days=1)
_DAYS = (0, 1, 7, 30, 365, 0.5, 1 / 3)
_WHOLE_DAYS = (0, 1, 7, 59, 364, 365, 366)
# Instants on a bound of a condition, beside it, and anywhere.
_NEAR = tuple(
    NOW + sign * timedelta(days=days) + nudge
    for days in _DAYS
    for sign in (-1, 1)
    for nudge in (timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1))
)
NUMBERS = (0, 1, 1.0, -1, 3, 3.5, -0.0, 0.1, 2**53 + 1, float(2**53), 10**23, 1e23, 1e-300, 5_000_000)
TEXTS = (
    "",
    "Huế",
    "HUẾ",
    "huế",
    "Thừa Thiên Huế",
    "5",
    "1",
    "true",
    "null",
    "ĐẮK LẮK",
    "İ",
    "ß",
    "%",
    "_",
    "\\",
    "🙂",
    "$$",
)
DATES = (
    *("2026-03-01", "2026-03-01T05:30", "2026-03-01 05:30:00Z", "2026-03-01T12:30:00+07:00", "2026-02-22T05:30:00.5Z"),
    *(
        "2026-03-08",
        "2025-03-01T05:30Z",
        "1990-02-28",
        "1992-02-29",
        "2000-03-02",
        "1985-12-31",
        "0001-01-01",
        "9999-12-31",
    ),
    *("0001-01-01T00:00+14:59", "9999-12-31T23:59:59.999999-14:59", "2026-02-28T17:30:00-12:00"),
)
# What looks like a date and is none.
NO_DATES = (
    *(
        "2026-02-29",
        "2026-02-31",
        "1900-02-29",
        "0000-01-01",
        "2026-13-01",
        "2026-3-1",
        "20260301",
        "2026-03-01T",
        " 2026-03-01",
    ),
    *(
        "2026-03-01T24:00",
        "2026-03-01T05:30:60",
        "2026-03-01T05:30+15:00",
        "2026-03-01T05",
        "2026-03-01T05:30:00.1234567",
    ),
    *(
        "2026-03-01\n",
        "2026-03-01T05:30 Z",
        "2026-03-01t05:30z",
        "now",
        "today",
        "infinity",
        "01/03/2026",
        "٢٠٢٦-03-01",
    ),
)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


texts = st.sampled_from(TEXTS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
).map(_composed)
letters = texts.filter(bool)
numbers = st.sampled_from(NUMBERS) | st.integers(-(10**18), 10**18) | st.floats(-1e300, 1e300).map(lambda n: n + 0.0)
dates = st.sampled_from(DATES)
scalars = st.none() | st.booleans() | numbers | texts | dates
names = st.sampled_from([name for name in NAMES if name])
instants = st.sampled_from(_NEAR) | st.integers(-3_000, 1_500).map(lambda hours: NOW + timedelta(hours=hours))
_keys = st.sampled_from(NAMES) | texts

values: st.SearchStrategy[Any] = st.recursive(
    scalars | st.sampled_from(NO_DATES) | st.just([]) | st.just({}),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(_keys, inside, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(_keys, values, max_size=6)

days = st.sampled_from(_DAYS)
bounds = (
    dates
    | instants.map(datetime.isoformat)
    | st.builds(lambda days_ago: {"days_ago": days_ago}, days | st.sampled_from([-1, -7]))
)
_lists = st.lists(scalars, min_size=1, max_size=4)
_two_numbers = st.lists(numbers, min_size=2, max_size=2).map(sorted)
_text_tests: Mapping[str, st.SearchStrategy[Any]] = {
    "includes": letters,
    "starts_with": letters,
    "ends_with": letters,
    "exists": st.booleans(),
    "is_empty": st.booleans(),
}
_date_tests: Mapping[str, st.SearchStrategy[Any]] = {
    "before": bounds,
    "after": bounds,
    "in_last_days": days,
    "in_next_days": days,
    "anniversary_in_days": st.sampled_from(_WHOLE_DAYS),
}
ATTRIBUTE_TESTS: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("is", "is_not", "contains"), scalars),
    **dict.fromkeys(("in", "not_in", "contains_any", "contains_none"), _lists),
    **dict.fromkeys(("more_than", "at_least", "less_than", "at_most"), numbers),
    "between": _two_numbers,
    **_text_tests,
    **_date_tests,
}
FIELD_TESTS: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("is", "is_not"), letters),
    **dict.fromkeys(("in", "not_in"), st.lists(letters, min_size=1, max_size=3)),
    **_text_tests,
}


def _tested(
    subject: Mapping[str, Any], tests: Mapping[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        [wanted.map(lambda one, test=test: {**subject, test: one}) for test, wanted in tests.items()]  # type: ignore[misc]
    )


_paths = names | st.lists(names, min_size=1, max_size=3)
attribute_leaves = _paths.flatmap(lambda path: _tested({"attribute": path}, ATTRIBUTE_TESTS))
field_leaves = st.sampled_from([*Column]).flatmap(
    lambda column: _tested({"profile": str(column)}, _date_tests if column is Column.CREATED_AT else FIELD_TESTS)
)
consent_leaves = st.fixed_dictionaries(
    {"consent": st.sampled_from(PURPOSES)},
    optional={"channel": st.sampled_from(CHANNELS), "granted": st.booleans()},
)
reachable_leaves = st.fixed_dictionaries({"reachable": st.sampled_from(CHANNELS)})
segment_leaves = st.fixed_dictionaries({"segment": st.sampled_from((*SEGMENTS, "nobody knows it"))})


def _one_or_many(words: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(words) | st.lists(st.sampled_from(words), min_size=1, max_size=3)


def _ends(low: str, high: str, numbers_: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    both = st.lists(numbers_, min_size=2, max_size=2).map(sorted).map(lambda two: {low: two[0], high: two[1]})
    return both | numbers_.map(lambda one: {low: one}) | numbers_.map(lambda one: {high: one})


_when: Mapping[str, st.SearchStrategy[Any]] = {
    "before": bounds,
    "count": _ends("at_least", "at_most", st.integers(0, 3)),
}
_since: st.SearchStrategy[dict[str, Any]] = (
    st.just({}) | days.map(lambda n: {"in_last_days": n}) | bounds.map(lambda one: {"after": one})
)


def _timed(
    required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    plain = st.fixed_dictionaries(required, optional={**optional, **_when})
    return st.builds(lambda leaf, since: {**leaf, **since}, plain, _since)


event_leaves = _timed(
    {"event": _one_or_many(EVENTS)},
    {
        "where": st.dictionaries(names, scalars, max_size=2),
        "recency": _ends("at_least_days", "at_most_days", days),
    },
)
outcome_leaves = _timed(
    {"outcome": _one_or_many(OUTCOMES)},
    {"campaign": st.sampled_from((*CAMPAIGNS, "no campaign")), "channel": st.sampled_from(CHANNELS)},
)
graph_leaves = st.fixed_dictionaries(
    {"graph": st.sampled_from(["bought_product", "friends"]) | st.just({"cypher": "MATCH (p) RETURN p.profile_id"})},
    optional={"with": st.dictionaries(names, scalars, max_size=2)},
)
like_leaves = st.builds(
    lambda whom, how: {"like": whom, **how},
    st.sampled_from([{"profile": "kh-1"}, {"text": "biển"}, {"segment": "vip"}]),
    st.sampled_from([{"within": 0.5}, {"within": 0}, {"nearest": 1}, {"nearest": 10}]),
)
LEAVES = (
    *(attribute_leaves, field_leaves, consent_leaves, reachable_leaves, event_leaves, outcome_leaves, segment_leaves),
)


def _groups(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inside, max_size=4)
    return st.one_of(
        several.map(lambda parts: {"all": parts}),
        several.map(lambda parts: {"any": parts}),
        inside.map(lambda part: {"not": part}),
    )


def _deep(leaf: dict[str, Any], ways: list[str]) -> dict[str, Any]:
    for way in ways:
        leaf = {"not": leaf} if way == "not" else {way: [leaf]}
    return leaf


def rules(*, answers: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Give rules: single conditions, bushes, and chains as deep as a rule may be."""
    leaves = st.one_of(*LEAVES, *((graph_leaves, like_leaves) if answers else ()))
    chains = st.builds(_deep, leaves, st.lists(st.sampled_from(["all", "any", "not"]), max_size=19))
    return leaves | st.recursive(leaves, _groups, max_leaves=12) | chains


_near_attributes = st.fixed_dictionaries(
    {},
    optional={
        "city": texts,
        "tags": st.lists(scalars, max_size=3) | values,
        "born": dates | instants.map(datetime.isoformat) | st.sampled_from(NO_DATES),
        "ngày sinh": dates,
        "address": st.fixed_dictionaries({}, optional={"street": values, "city": texts, "born": dates}) | values,
        "$.x": numbers | texts,
    },
)
_consents = st.fixed_dictionaries(
    {
        "channel": st.none() | st.sampled_from(CHANNELS),
        "purpose": st.sampled_from(PURPOSES),
        "granted": st.booleans(),
        "at": instants,
    }
)
_addresses = st.fixed_dictionaries(
    {"channel": st.sampled_from(CHANNELS), "value": st.sampled_from(["a@b.vn", "+84901234567"]), "valid": st.booleans()}
)
_events = st.fixed_dictionaries(
    {"type": st.sampled_from(EVENTS), "at": instants, "attributes": attributes | _near_attributes}
)
_outcomes = st.fixed_dictionaries(
    {
        "type": st.sampled_from(OUTCOMES),
        "at": instants,
        "campaign": st.sampled_from(CAMPAIGNS),
        "channel": st.sampled_from(CHANNELS),
    }
)


def people() -> st.SearchStrategy[dict[str, Any]]:
    """Give people, see the top of this file."""
    return st.fixed_dictionaries(
        {
            "name": st.none() | letters,
            "locale": st.none() | st.sampled_from(["vi", "en", "5"]),
            "zone": st.none() | st.sampled_from(["Asia/Ho_Chi_Minh", "UTC"]),
            "source": st.sampled_from(["api", "Huế"]),
            "created_at": instants,
            "attributes": attributes | _near_attributes,
            "consents": st.lists(
                _consents, max_size=4, unique_by=lambda one: (one["channel"], one["purpose"], one["at"])
            ),
            "addresses": st.lists(_addresses, max_size=2, unique_by=lambda one: (one["channel"], one["value"])),
            "events": st.lists(_events, max_size=4),
            "outcomes": st.lists(_outcomes, max_size=4),
            "segments": st.lists(st.sampled_from(SEGMENTS), unique=True),
        }
    )


def person(
    document: Mapping[str, Any],
    *,
    profile_id: int = 1,
    ext_id: str = "kh-1",
    active: bool = True,
    answers: Mapping[Leaf, bool] | None = None,
) -> Person:
    """Give the person whom a document of `people()` describes."""
    return Person(
        profile_id=profile_id,
        ext_id=ext_id,
        active=active,
        answers=answers or {},
        **{key: document[key] for key in ("name", "locale", "zone", "source", "created_at", "attributes")},
        consents=tuple(
            Consent(_channel(one["channel"]), one["purpose"], one["granted"], one["at"]) for one in document["consents"]
        ),
        reachable=frozenset(Channel(one["channel"]) for one in document["addresses"] if one["valid"]),
        events=tuple(Occurrence(one["type"], one["at"], one["attributes"]) for one in document["events"]),
        results=tuple(
            Result(OutcomeType(one["type"]), one["at"], one["campaign"], _channel(one["channel"]))
            for one in document["outcomes"]
        ),
        segments=frozenset(document["segments"]),
    )


def _channel(channel: str | None) -> Channel | None:
    return None if channel is None else Channel(channel)
