"""Paging by arithmetic gives what sorting everything would give, whatever was changed."""

from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sandbox.arango import people
from channels.sandbox.arango.collection import Collection
from channels.sandbox.arango.cursors import Cursors
from channels.sandbox.arango.generated import Generated, read, stamp
from channels.sandbox.arango.keys import COHORTS, LENGTH, Keys

UNTIL_MS = 1_774_396_800_000
COUNT = 2_500
KEYS = Keys("people:1", COUNT)
MARKED = "497ChuAh3ycYQ92GaH9NEx"
_TEXTS = st.text("0AZaz", max_size=4) | st.text(max_size=4)


GENERATED = Generated(
    "people", seed=1, count=30, until_ms=UNTIL_MS, days=300, make=partial(people.person, 1), own=people.own
)


def collection() -> Collection:
    return Collection(GENERATED, time_field="updatedAt", marks=people.marks)


def test_a_number_and_its_key_lead_to_each_other() -> None:
    keys = [KEYS.key(number) for number in range(COUNT)]
    assert [KEYS.number(key) for key in keys] == list(range(COUNT))
    assert {len(key) for key in keys} == {LENGTH}
    assert all(key.isascii() and key.isalnum() for key in keys)
    assert Keys("people:1", 10).key(7) == KEYS.key(7)
    assert KEYS.number(KEYS.key(COUNT)) is None


@given(_TEXTS, st.integers(0, COUNT - 1))
def test_the_order_of_keys_needs_no_list_of_them(text: str, number: int) -> None:
    everything = sorted(map(KEYS.key, range(COUNT)))
    for after in (text, KEYS.key(number), KEYS.key(number)[: len(text)]):
        assert [KEYS.key(one) for one in KEYS.after(after)] == [key for key in everything if key > after]
    assert KEYS.number(text) is None


def test_people_who_follow_each_other_in_time_do_not_in_keys() -> None:
    keys = [KEYS.key(number) for number in range(COHORTS)]
    assert 400 < sum(first < second for first, second in pairwise(keys)) < 600


_CHANGES: st.SearchStrategy[list[tuple[str, int | str, Any, bool]]] = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove"]),
        st.integers(0, 40) | st.text("0Zz", min_size=1, max_size=2),
        st.sampled_from([None, "", 5, [], "2025-09-01T00:00:00.000Z", stamp(UNTIL_MS), "zz"]),
        st.booleans(),
    ),
    max_size=30,
)


@given(_CHANGES, st.integers(1, 7))
def test_pages_are_those_of_a_sorted_list_after_any_changes(changes: list[tuple[str, Any, Any, bool]], n: int) -> None:
    world = collection()
    model = {one["_key"]: one for one in map(GENERATED.document, range(30))}
    for number, (kind, who, at, is_in) in enumerate(changes):
        key = KEYS.key(who) if isinstance(who, int) else who
        if kind == "remove":
            assert world.remove(key) is (model.pop(key, None) is not None)
        else:
            segments = [{"id": MARKED}] if is_in else []
            model[key] = {"_key": key, "_rev": str(number), "updatedAt": at, "status": 1, "inSegments": segments}
            world.put(model[key])
    # What has a list for a time comes after every text, where no page by time begins.
    timed = [one for one in model.values() if not isinstance(one["updatedAt"], list)]
    assert _by_time(world, n) == sorted(timed, key=lambda one: (_time(one), one["_key"]))
    assert world.revisions("", 999) == sorted((key, one["_rev"]) for key, one in model.items())
    assert world.marked(MARKED, "", 999) == sorted(key for key, one in model.items() if MARKED in people.marks(one))
    assert len(world) == len(model)
    assert {key: world.get(key) for key in model} == model


def _by_time(world: Collection, n: int) -> list[Any]:
    found: list[Any] = []
    ts = key = ""
    while page := [read(text) for text in world.changed(ts, key, n, None)]:
        found += page
        ts, key = _time(page[-1]), page[-1]["_key"]
    return found


def _time(document: Any) -> str:
    return document["updatedAt"] if isinstance(document["updatedAt"], str) else ""


def test_half_a_character_is_written_as_it_was_put() -> None:
    world = collection()
    document = {"_key": "half", "_rev": "1", "updatedAt": "2026", "firstName": "\ud83d", "lastName": "Ánh\u0000"}
    world.put(document)
    assert world.get("half") == document


@pytest.mark.parametrize(("seconds", "is_there"), [(29, True), (31, False)])
def test_a_cursor_lives_for_its_time_after_each_use(seconds: int, is_there: bool) -> None:  # noqa: FBT001
    now = [0.0]
    cursors = Cursors(clock=lambda: now[0])
    cursor = cursors.open(list("abc"), database="d", query="q", batch=1, ttl_s=30)
    now[0] = 20
    assert cursors.find(cursor.cursor_id, "d") is cursor
    now[0] += seconds
    assert (cursors.find(cursor.cursor_id, "d") is cursor) is is_there
