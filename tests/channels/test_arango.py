"""The sandbox's CDP answers what the real python-arango asks: pages, cursors, logins, and refusals."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from arango.connection import JwtConnection
from arango.exceptions import AQLQueryExecuteError, JWTAuthError, ServerConnectionError
from arango.request import Request

from channels.sandbox.arango import traps
from channels.sandbox.arango.catalogue import SEGMENTS
from tests.channels.arango_reader import ODD, PLAIN, Reader, gone, reading, time_of
from tests.channels.sandbox_process import SandboxProcess

SEGMENT = SEGMENTS[3][0]


# --- pages ---


@pytest.mark.parametrize("n", [97, 1000])
async def test_pages_by_time_give_each_person_once_and_in_order(odd: Reader, n: int) -> None:
    pages = [page async for page in odd.changed(n)]
    places = [(time_of(person), person["_key"]) for page in pages for person in page]
    assert places == sorted(set(places))
    assert len(places) == 6_000
    assert {len(page) for page in pages[:-1]} == {n}


async def test_pages_by_key_give_each_key_and_revision_once_and_in_order(odd: Reader) -> None:
    found: list[dict[str, str]] = []
    while page := await odd.ask("profile_keys", key=found[-1]["_key"] if found else "", n=777):
        found += page
    people = await odd.people()
    assert [one["_key"] for one in found] == sorted(people)
    assert {one["_key"]: one["_rev"] for one in found} == {key: one["_rev"] for key, one in people.items()}


async def test_the_members_of_a_segment_are_the_active_people_whose_document_names_it(odd: Reader) -> None:
    people = await odd.people()
    for segment in {SEGMENT, *(key for key, *_ in traps.SEGMENTS)}:
        found: list[str] = []
        while page := await odd.ask("segment_members", segment=segment, key=found[-1] if found else "", n=100):
            found += page
        assert found == sorted(key for key, one in people.items() if _is_member(one, segment))


async def test_pages_of_a_segment_by_offset_give_each_reachable_person_once_with_their_touchpoints(odd: Reader) -> None:
    people = await odd.people()
    found: list[dict[str, Any]] = []
    while page := await odd.ask("segment_page", segment=SEGMENT, start=len(found), n=250):
        found += page
    reachable = [
        key
        for key, one in people.items()
        if SEGMENT in [listed["id"] for listed in one.get("inSegments") or []]
        and (one.get("primaryEmail") or one.get("primaryPhone"))
    ]
    assert sorted(one["_key"] for one in found) == sorted(reachable)
    assert len(reachable) > 250
    for one in found[:100]:
        (asked,) = await odd.ask("profiles_by_key", keys=[one["_key"]])
        assert [joined["id"] for joined in one["topEngagedTouchpoints"]] == asked["topEngagedTouchpointIds"]
        assert one["primaryPhone"] == asked["primaryPhone"]
    assert set(found[0]["topEngagedTouchpoints"][0]) == {"id", "hostname", "name", "url", "parentId"}


async def test_a_page_by_offset_shows_who_has_joined_since(plain: Reader, sandbox: SandboxProcess) -> None:
    before = await _members(plain)
    joiner = next(key for key, one in (await plain.people()).items() if not _is_member(one, SEGMENT))
    await sandbox.ask(f"arango/worlds/{PLAIN}/changes", [{"op": "join", "key": joiner, "segment": SEGMENT}])
    assert await _members(plain) == before | {joiner}


async def _members(reader: Reader) -> set[str]:
    return {one["_key"] for one in await reader.ask("segment_page", segment=SEGMENT, start=0, n=300)}


def _is_member(person: Mapping[str, Any], segment: str) -> bool:
    return person["status"] > 0 and segment in [one["id"] for one in person.get("inSegments") or []]


@pytest.mark.parametrize("metrics", [[], ["purchase", "no-such-metric"]])
async def test_pages_of_events_give_each_event_of_the_metrics_once_and_in_order(
    odd: Reader, sandbox: SandboxProcess, metrics: list[str]
) -> None:
    found: list[dict[str, Any]] = []
    ts = key = ""
    while page := await odd.ask("events_changed", ts=ts, key=key, n=500, metrics=metrics):
        found += page
        ts, key = page[-1]["createdAt"], page[-1]["_key"]
    places = [(one["createdAt"], one["_key"]) for one in found]
    assert places == sorted(set(places))
    if metrics:
        assert {one["metricName"] for one in found} == set(metrics)
    else:
        assert len(found) == (await sandbox.ask(f"arango/worlds/{ODD}"))["documents"]["cdp_trackingevent"]


async def test_every_event_of_an_ordinary_world_is_one_of_its_people(plain: Reader) -> None:
    people = await plain.people()
    found = await plain.ask("events_changed", ts="", key="", n=5_000, metrics=[])
    assert len(found) == 600
    assert {one["refProfileId"] for one in found} <= people.keys()
    assert {one["metricName"] for one in found} <= {one["_key"] for one in await plain.ask("metrics")}


async def test_documents_by_key_are_those_that_are_there(odd: Reader) -> None:
    people = await odd.people()
    some = [*list(people)[::50], "nobody", "zzNobodyIsHere0000000z"]
    assert await odd.ask("profiles_by_key", keys=some) == [people[key] for key in some[:-2]]
    touched = next(one for one in people.values() if len(one.get("topEngagedTouchpointIds") or []) > 1000)
    touchpoints = await odd.ask("touchpoints_by_key", keys=[*touched["topEngagedTouchpointIds"], "nowhere"])
    assert [one["_key"] for one in touchpoints] == touched["topEngagedTouchpointIds"]


async def test_segments_that_are_not_active_are_not_told(odd: Reader) -> None:
    told = {one["_key"] for one in await odd.ask("segments")}
    assert told == {key for key, _, status, _ in SEGMENTS} | {key for key, _, status in traps.SEGMENTS if status > 0}


async def test_named_fields_are_all_that_is_answered(odd: Reader) -> None:
    fields = ["_key", "updatedAt", "primaryEmail", "noSuchField", "inSegments"]
    whole = await odd.ask("profiles_changed", ts="", key="", n=6_000)
    found = await odd.ask("profiles_changed", ts="", key="", n=6_000, fields=fields, updated="updatedAt")
    assert found == [{name: one[name] for name in fields if name in one} for one in whole]


async def test_a_person_is_a_whole_document_of_leo_cdp(plain: Reader) -> None:
    response = await plain.send(_cursor_request(n=100))
    assert 2_500 <= len(response.raw_body.encode()) / 100 <= 3_200
    named = {
        *("_key", "_id", "_rev", "rootProfileId", "crmRefId", "type", "status", "dataContext", "schemaType"),
        *("mergeCode", "identities", "primaryEmail", "secondaryEmails", "primaryPhone", "secondaryPhones"),
        *("primaryLanguage", "firstName", "middleName", "lastName", "gender", "age", "ageGroup", "livingCity"),
        *("livingCountry", "livingLocation", "locationCode", "socialMediaProfiles", "notificationUserIds"),
        *("receiveEmail", "receiveSMS", "receiveWebPush", "receiveAppPush", "receiveAds", "inSegments"),
        *("inJourneyMaps", "funnelStage", "dataLabels", "contentKeywords", "mediaChannels", "behavioralEvents"),
        *("eventStatistics", "totalLeadScore", "totalProspectScore", "totalEngagementScore", "totalCLV"),
        *("totalTransactionValue", "churnScore", "topEngagedTouchpointIds", "lastSeenIp", "extAttributes"),
        *("createdAt", "updatedAt"),
    }
    for person in response.body["result"]:
        assert named <= person.keys()
        assert person["_id"] == f"cdp_profile/{person['_key']}"
        assert len(person["_key"]) == 22


def _cursor_request(n: int) -> Request:
    values = {"ts": "", "key": "", "n": n}
    return Request("post", "/_api/cursor", data={"query": "/* leo:profiles_changed */", "bindVars": values})


async def test_two_databases_of_one_seed_have_the_same_keys_and_another_seed_has_others(
    sandbox: SandboxProcess, plain: Reader
) -> None:
    keys = set(await plain.people())
    for seed, are_same in ((1, True), (2, False)):
        await sandbox.ask("arango/worlds", {"database": "other", "people": 300, "traps": False, "seed": seed})
        async with reading(sandbox, "other") as other:
            assert (set(await other.people()) == keys) is are_same


async def test_a_million_people_are_there_without_being_made(sandbox: SandboxProcess) -> None:
    made = await sandbox.ask("arango/worlds", {"database": "large", "people": 1_000_000, "traps": True})
    assert made["truth"]["people"]["all"] == 1_000_000
    async with reading(sandbox, "large") as reader:
        middle = await reader.ask("profile_keys", key="E", n=1_000)
        person = await reader.person(middle[-1]["_key"])
        assert person is not None
        later = await reader.ask("profiles_changed", ts=person["updatedAt"], key=person["_key"], n=1_000)
        assert [len({one["_key"] for one in page}) for page in (middle, later)] == [1_000, 1_000]
        assert min(one["updatedAt"] for one in later) > person["updatedAt"]
        members = await reader.ask("segment_members", batch=10**6, segment=SEGMENT, key="", n=10**6)
        assert len(members) == made["truth"]["segments"][SEGMENT]


# --- cursors and errors ---


async def test_an_answer_that_is_larger_than_a_batch_comes_through_a_cursor(
    plain: Reader, sandbox: SandboxProcess
) -> None:
    whole = await plain.ask("profiles_changed", ts="", key="", n=250)
    assert await plain.ask("profiles_changed", ts="", key="", n=250, batch=40) == whole
    assert (await sandbox.ask("arango/stats"))["requests"] == {"next_page": 6, "profiles_changed": 2}
    assert (await sandbox.ask("arango/stats"))["documents"] == 500

    def counted() -> tuple[int | None, bool | None, bool | None, bool | None]:
        cursor = plain.cursor("profiles_changed", batch=100, count=True, ts="", key="", n=250)
        return cursor.count(), cursor.has_more(), cursor.close(), cursor.close(ignore_missing=True)

    assert await asyncio.to_thread(counted) == (250, True, True, False)


async def test_older_clients_put_for_the_next_page(plain: Reader) -> None:
    cursor = await asyncio.to_thread(lambda: plain.cursor("profiles_changed", batch=200, ts="", key="", n=250))
    page = (await plain.send(Request("put", f"/_api/cursor/{cursor.id}"))).body
    assert (page["code"], page["error"], page["hasMore"], len(page["result"])) == (200, False, False, 50)


async def test_a_cursor_is_of_its_database_and_ends_with_its_last_page(plain: Reader, sandbox: SandboxProcess) -> None:
    cursor = await asyncio.to_thread(lambda: plain.cursor("profiles_changed", batch=200, ts="", key="", n=250))
    async with reading(sandbox, "leo_cdp") as other:
        await gone(lambda: type(cursor)(other.db.conn, {"id": cursor.id, "hasMore": True, "result": []}).fetch())
    await asyncio.to_thread(cursor.fetch)
    await gone(cursor.fetch)


@pytest.mark.parametrize(
    ("query", "values", "codes"),
    [
        ("FOR p IN cdp_profile RETURN p", {}, (400, 1501)),
        ("/* leo:everything */ RETURN 1", {}, (400, 1501)),
        ("/* leo:segments */ RETURN 1", {"@segments": "cdp_persona"}, (404, 1203)),
        ("/* leo:profile_keys */ RETURN 1", {"key": ""}, (400, 1551)),
        ("/* leo:profile_keys */ RETURN 1", {"key": 1, "n": 1}, (400, 1553)),
        ("/* leo:profile_keys */ RETURN 1", {"key": "", "n": -1}, (400, 1553)),
        ("/* leo:profiles_changed */ RETURN 1", {"ts": "", "key": "", "n": 10**6}, (500, 32)),
        ("/* leo:profiles_changed */ RETURN 1", {"ts": "", "key": "", "n": 1, "updated": "createdAt"}, (400, 1501)),
    ],
)
async def test_what_cannot_be_answered_is_refused_as_the_server_does(
    plain: Reader, query: str, values: dict[str, Any], codes: tuple[int, int]
) -> None:
    with pytest.raises(AQLQueryExecuteError) as caught:
        await asyncio.to_thread(lambda: plain.db.aql.execute(query, bind_vars=values))
    assert (caught.value.http_code, caught.value.error_code) == codes
    assert caught.value.error_message


# --- logins ---


async def test_a_password_or_a_token_opens_a_database_and_nothing_else_does(sandbox: SandboxProcess) -> None:
    await sandbox.ask("arango/worlds", {"database": "shut", "people": 10, "username": "leo", "password": "Secret:1"})
    async with reading(sandbox, "shut", username="leo", password="Secret:1") as reader:
        client = reader.client
        assert await asyncio.to_thread(reader.db.version) == "3.11.14"
        assert await asyncio.to_thread(reader.db.has_collection, "cdp_profile")
        for username, password in (("leo", ""), ("root", "Secret:1"), ("leo", "secret:1")):
            with pytest.raises(ServerConnectionError) as caught:
                await asyncio.to_thread(client.db, "shut", username, password, verify=True)
            assert (caught.value.http_code, caught.value.error_code) == (401, 11)
        by_token = await asyncio.to_thread(client.db, "shut", "leo", "Secret:1", verify=True, auth_method="jwt")
        assert await asyncio.to_thread(by_token.version) == "3.11.14"
        with pytest.raises(JWTAuthError):
            await asyncio.to_thread(client.db, "shut", "leo", "wrong", auth_method="jwt")
        # Somebody of another database, and one who signs for himself.
        root = await asyncio.to_thread(client.db, "leo_cdp", "root", "", auth_method="jwt")
        assert isinstance(root.conn, JwtConnection)
        token = root.conn._token
        assert token
        for other in (token, f"{token[:-4]}AAAA", "a.b.c", ""):
            with pytest.raises(ServerConnectionError):
                await asyncio.to_thread(client.db, "shut", superuser_token=other, verify=True)


async def test_a_database_that_is_not_there_is_told_so(sandbox: SandboxProcess) -> None:
    async with reading(sandbox, "nowhere") as reader:
        with pytest.raises(AQLQueryExecuteError) as caught:
            await reader.ask("segments")
    assert (caught.value.http_code, caught.value.error_code) == (404, 1228)
