"""A world of the sandbox's CDP changes while it is read, as LEO CDP's own does, and is put back."""

from collections.abc import Mapping
from typing import Any

import pytest

from channels.sandbox.arango.catalogue import SEGMENTS
from tests.channels.arango_reader import PLAIN, Reader
from tests.channels.sandbox_process import SandboxProcess

SEGMENT = SEGMENTS[3][0]


async def manifest(sandbox: SandboxProcess) -> dict[str, Any]:
    return dict(await sandbox.ask(f"arango/worlds/{PLAIN}"))


async def change(sandbox: SandboxProcess, *changes: Mapping[str, Any]) -> None:
    assert await sandbox.ask(f"arango/worlds/{PLAIN}/changes", list(changes)) == {"changed": len(changes)}


def _is_member(person: Mapping[str, Any]) -> bool:
    return SEGMENT in [one["id"] for one in person["inSegments"]]


async def _two(reader: Reader) -> tuple[dict[str, Any], dict[str, Any]]:
    page = await reader.ask("profiles_changed", ts="", key="", n=20)
    return page[3], page[17]


async def test_joining_and_leaving_alter_the_segments_and_the_revision_alone(
    plain: Reader, sandbox: SandboxProcess
) -> None:
    person, _ = await _two(plain)
    key, before = person["_key"], (await manifest(sandbox))["truth"]["segments"]
    await change(sandbox, {"op": "leave", "segment": SEGMENT, "key": key})
    left = await plain.person(key)
    assert left is not None
    assert not _is_member(left)
    await change(sandbox, {"op": "join", "segment": SEGMENT, "key": key})
    joined = await plain.person(key)
    assert joined is not None
    assert _is_member(joined)
    assert len({person["_rev"], left["_rev"], joined["_rev"]}) == 3
    for one in (left, joined):
        assert {name for name in one if one[name] != person[name]} <= {"_rev", "inSegments"}
    members = await plain.ask("segment_members", segment=SEGMENT, key="", n=300)
    assert key in members
    assert len(members) == before[SEGMENT] + (not _is_member(person))


async def test_who_is_touched_or_updated_comes_again_after_everybody_else(
    plain: Reader, sandbox: SandboxProcess
) -> None:
    first, second = await _two(plain)
    last = [page async for page in plain.changed()][-1][-1]
    place = {"ts": last["updatedAt"], "key": last["_key"], "n": 10}
    assert not await plain.ask("profiles_changed", **place)
    await change(
        sandbox,
        {"op": "touch", "key": first["_key"]},
        {"op": "update", "key": second["_key"], "fields": {"firstName": "Khác"}, "at": "2099-01-01T00:00:00.000Z"},
    )
    touched, updated = await plain.ask("profiles_changed", **place)
    assert {name for name in touched if touched[name] != first[name]} == {"_rev", "updatedAt"}
    assert {name for name in updated if updated[name] != second[name]} == {"_rev", "updatedAt", "firstName"}
    assert updated["updatedAt"] == "2099-01-01T00:00:00.000Z"
    assert len(await plain.people()) == 300


async def test_people_come_merge_and_go(plain: Reader, sandbox: SandboxProcess) -> None:
    loser, winner = await _two(plain)
    await change(
        sandbox,
        {"op": "insert", "document": {"_key": "newcomer", "primaryEmail": "moi@khach.example", "inSegments": []}},
        {"op": "merge", "loser": loser["_key"], "winner": winner["_key"]},
    )
    lost = await plain.person(loser["_key"])
    assert lost is not None
    assert (lost["status"], lost["mergeCode"], lost["rootProfileId"]) == (0, 11, winner["_key"])
    assert (await manifest(sandbox))["truth"]["people"] == {"active": 300, "all": 301, "merged": 1}
    await change(sandbox, {"op": "remove", "key": winner["_key"]}, {"op": "remove", "key": "newcomer"})
    assert await plain.person(winner["_key"]) is None
    assert winner["_key"] not in [one["_key"] for one in await plain.ask("profile_keys", key="", n=1000)]
    assert (await manifest(sandbox))["truth"]["people"] == {"active": 298, "all": 299, "deleted": 1}


async def test_events_come_too(plain: Reader, sandbox: SandboxProcess) -> None:
    event = {"_key": "clicked", "metricName": "email-click", "refProfileId": "somebody"}
    await change(sandbox, {"op": "insert", "collection": "cdp_trackingevent", "document": event})
    found = await plain.ask("events_changed", ts="", key="", n=1000, metrics=["email-click"])
    assert found[-1]["_key"] == "clicked"
    assert found[-1]["_id"] == "cdp_trackingevent/clicked"


@pytest.mark.parametrize(
    "wrong",
    [
        {"op": "fly"},
        {"op": "touch", "key": "nobody"},
        {"op": "touch"},
        {"op": "insert", "document": {"_key": ""}},
        {"op": "merge", "loser": "nobody", "winner": "nobody"},
        ["touch"],
    ],
)
async def test_a_change_that_cannot_be_made_says_which(plain: Reader, sandbox: SandboxProcess, wrong: Any) -> None:
    first, _ = await _two(plain)
    answer = await sandbox.ask(f"arango/worlds/{PLAIN}/changes", [{"op": "touch", "key": first["_key"]}, wrong])
    assert answer["error"] == "invalid_input"
    assert "Change 1" in answer["detail"]


async def test_a_reset_undoes_every_change(plain: Reader, sandbox: SandboxProcess) -> None:
    before, told = await plain.people(), await manifest(sandbox)
    keys = list(before)
    await change(sandbox, {"op": "remove", "key": keys[0]}, {"op": "touch", "key": keys[1]})
    await sandbox.ask("faults", {"channel": "arango", "status": 503, "times": 9})
    await sandbox.reset()
    assert await plain.people() == before
    assert await manifest(sandbox) == told


@pytest.mark.parametrize(
    "document",
    [
        {"people": 0},
        {"people": 10, "traps": True},
        {"people": "many"},
        {"database": "a/b"},
        {"planets": 9},
        {"until": "soon"},
        [],
    ],
)
async def test_a_world_that_makes_no_sense_is_refused(sandbox: SandboxProcess, document: Any) -> None:
    assert (await sandbox.ask("arango/worlds", document))["error"] == "invalid_input"


async def test_a_world_that_is_not_there_is_told_so(sandbox: SandboxProcess) -> None:
    assert (await sandbox.ask("arango/worlds/nowhere"))["error"] == "not_found"
