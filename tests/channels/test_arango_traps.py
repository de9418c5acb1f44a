"""Every trap of the sandbox's CDP is planted as often as its manifest says; the truth it tells is what is served."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from channels.sandbox.arango import spellings, traps
from channels.sandbox.arango.truth import CONSENTS
from engine.addresses import clean
from rules.words import Channel
from tests.channels.arango_reader import ODD, Reader, time_of
from tests.channels.sandbox_process import SandboxProcess

Person = Mapping[str, Any]
ADDRESSED = [channel for channel in Channel if channel is not Channel.CHAT]


async def test_the_truth_is_what_is_served(odd: Reader, sandbox: SandboxProcess) -> None:
    people, told = await odd.people(), await sandbox.ask(f"arango/worlds/{ODD}")
    truth = told["truth"]
    active = [one for one in people.values() if _state(one, people) == "active"]
    for whom, of in (("all", list(people.values())), ("active", active)):
        assert truth[whom]["consents"] == {
            name: Counter("absent" if one.get(field) is None else str(one[field]) for one in of)
            for name, field in CONSENTS.items()
        }
        assert truth[whom]["addresses"] == {str(channel): _addresses(channel, of) for channel in ADDRESSED}
    states = Counter(_state(one, people) for one in people.values())
    assert truth["people"] == {**states, "all": told["documents"]["cdp_profile"]}
    refs = [ref["id"] for one in active for ref in one.get("inSegments") or []]
    assert truth["segments"] == Counter(refs)


@pytest.mark.parametrize(
    ("channel", "known"),
    [(Channel.EMAIL, spellings.KNOWN_MAILS), (Channel.ZALO_TEMPLATE, spellings.KNOWN_PHONES)],
)
def test_planted_addresses_are_what_the_product_makes_of_them(channel: Channel, known: Mapping[str, str]) -> None:
    cleaned = {text: clean(channel, text) for text in known}
    assert {text: None if one.reason else one.value for text, one in cleaned.items()} == known


@pytest.mark.parametrize("people", [traps.LEAST_PEOPLE, 1_000])
@pytest.mark.usefixtures("odd")
async def test_a_small_world_has_every_trap_too(sandbox: SandboxProcess, people: int) -> None:
    large = await sandbox.ask(f"arango/worlds/{ODD}")
    small = await sandbox.ask("arango/worlds", {"database": "small", "people": people, "traps": True})
    assert small["traps"] == large["traps"] | {"same_updated_at": people // 4}
    assert small["documents"]["cdp_profile"] == people


async def test_every_trap_of_people_is_planted_as_often_as_told(odd: Reader, sandbox: SandboxProcess) -> None:
    people, told = await odd.people(), (await sandbox.ask(f"arango/worlds/{ODD}"))["traps"]
    counted = {name: sum(map(is_caught, people.values())) for name, is_caught in _catches(people).items()}
    times = Counter(map(time_of, people.values()))
    counted |= {"no_updated_at": times.pop(""), "same_updated_at": max(times.values())}
    assert counted == {name: told[name] for name in counted}
    # What cannot be told from an ordinary person afterwards.
    plain = {"merge_winner", "mail_twice", "name_nfc", "segment_odd", "segment_unknown"}
    plain |= {f"consent_{name}_{value}" for name, value in product(CONSENTS, (-1, 0, 1))}
    assert {
        name for name in told if not name.startswith(("events_", "segments_", "touchpoints_n", "touchpoints_p"))
    } == (plain | counted.keys())


async def test_every_trap_of_events_is_planted_as_often_as_told(odd: Reader, sandbox: SandboxProcess) -> None:
    people, told = await odd.people(), (await sandbox.ask(f"arango/worlds/{ODD}"))["traps"]
    events = await odd.ask("events_changed", ts="", key="", n=50_000, metrics=[])
    year_ago = f"{datetime.now(UTC) - timedelta(days=366):%Y-%m-%d}"
    losers = {key for key, one in people.items() if one["rootProfileId"]}
    counted = {
        "events_old": sum(one["createdAt"] < year_ago for one in events),
        "events_unknown_profile": sum(one["refProfileId"] not in people for one in events),
        "events_unknown_metric": sum(one["metricName"] == "no-such-metric" for one in events),
        "events_same_created_at": max(Counter(one["createdAt"] for one in events).values()),
    }
    assert counted == {name: told[name] for name in counted}
    # A loser's earlier events are there beside those that were planted.
    assert sum(one["refProfileId"] in losers for one in events) >= told["events_of_loser"]


async def test_segments_and_touchpoints_have_theirs(odd: Reader, sandbox: SandboxProcess) -> None:
    told = (await sandbox.ask(f"arango/worlds/{ODD}"))["traps"]
    segments = await odd.ask("segments")
    assert Counter(one["status"] for one in segments) == {n: told[f"segments_status_{n}"] for n in (1, 2)}
    assert (told["segments_status_0"], told["segments_status_-4"]) == (1, 1)
    assert Counter(one["name"] for one in segments).most_common(1)[0][1] == told["segments_same_name"]
    assert sum(one["name"] is None for one in segments) == told["segments_name_null"]
    people = await odd.people()
    keys = {key for one in people.values() for key in one.get("topEngagedTouchpointIds") or []}
    touchpoints = await odd.ask("touchpoints_by_key", keys=sorted(keys))
    assert sum(one["name"] is None for one in touchpoints) == told["touchpoints_name_null"]
    assert sum(one["parentId"] is None for one in touchpoints) == told["touchpoints_parent_null"]


def _state(person: Person, people: Mapping[str, Person]) -> str:
    if person["rootProfileId"]:
        return "merged" if person["rootProfileId"] in people else "deleted"
    return "active" if person["status"] > 0 else "deleted"


def _addresses(channel: Channel, people: Sequence[Person]) -> Counter[str]:
    """Count as the product reads an address, not as the sandbox does."""
    found: Counter[str] = Counter()
    for person in people:
        cleaned = {clean(channel, str(text)) for text in _texts(channel, person) if text is not None}
        found.update("valid" if one.reason is None else "invalid" for one in cleaned if one.value)
    return found


def _texts(channel: Channel, person: Person) -> list[Any]:
    social, push = person.get("socialMediaProfiles") or {}, person.get("notificationUserIds") or {}
    named = [one.partition(":") for one in person.get("identities") or []]
    texts: Mapping[Channel, list[Any]] = {
        Channel.EMAIL: [person["primaryEmail"], *(person.get("secondaryEmails") or [])],
        Channel.ZALO_TEMPLATE: [person["primaryPhone"], *(person.get("secondaryPhones") or [])],
        Channel.ZALO_OA: [social.get("zalo"), *(value for kind, _, value in named if kind == "zalo")],
        Channel.FACEBOOK: [social.get("facebook")],
        Channel.TELEGRAM: [social.get("telegram")],
        Channel.APP_PUSH: [*push.get("fcm", []), *(value for kind, _, value in named if kind == "fcm_tokens")],
        Channel.WEB_PUSH: push.get("pushalert", []),
    }
    return texts[channel]


def _catches(people: Mapping[str, Person]) -> dict[str, Callable[[Person], bool]]:
    """Give for each trap how its people are told from all others, by their documents alone."""

    def at(key: str) -> tuple[str, str]:
        return time_of(people[key]), key

    def is_lost(one: Person, *, first: bool) -> bool:
        root = one["rootProfileId"]
        return root in people and not is_chained(one) and (at(one["_key"]) < at(root)) is first

    def is_chained(one: Person) -> bool:
        roots = {other["rootProfileId"] for other in people.values()}
        root = people.get(one["rootProfileId"])
        return root is not None and (bool(root["rootProfileId"]) or one["_key"] in roots)

    def reaches(one: Person) -> dict[Channel, int]:
        return {channel: len(texts) for channel in ADDRESSED if (texts := [t for t in _texts(channel, one) if t])}

    def has_first_name(one: Person, is_odd: Callable[[str], bool]) -> bool:
        return isinstance(one.get("firstName"), str) and is_odd(one["firstName"])

    return {
        "status_invalid": lambda one: one["status"] == -1,
        "status_removed": lambda one: one["status"] == -4,
        "status_dead": lambda one: one["status"] == -44,
        "status_inactive": lambda one: one["status"] == 0 and one["mergeCode"] == 0,
        "merge_loser_first": lambda one: is_lost(one, first=True),
        "merge_loser_last": lambda one: is_lost(one, first=False),
        "merge_chain": is_chained,
        "merge_root_missing": lambda one: bool(one["rootProfileId"]) and one["rootProfileId"] not in people,
        "name_null": lambda one: one.get("firstName") is None,
        "name_nfd": lambda one: has_first_name(one, lambda name: not unicodedata.is_normalized("NFC", name)),
        "name_emoji": lambda one: has_first_name(one, lambda name: max(name) > "\uffff"),
        "text_hostile": lambda one: list(one.get("extAttributes") or []) == [one.get("lastName")],
        "text_long": lambda one: any(len(str(one.get(name))) > 30_000 for name in ("firstName", "livingLocation")),
        "touchpoints_many": lambda one: len(one.get("topEngagedTouchpointIds") or []) == traps.MANY_TOUCHPOINTS,
        "number_as_text": lambda one: isinstance(one["age"], str),
        "text_as_number": lambda one: isinstance(one["primaryPhone"], int),
        "arrays_missing": lambda one: "inSegments" not in one,
        "arrays_null": lambda one: one.get("inSegments", []) is None,
        "phone_spelling": lambda one: one["primaryPhone"] in spellings.PHONE_SPELLINGS,
        "phone_garbage": lambda one: one["primaryPhone"] in spellings.NO_PHONES,
        "phone_old_prefix": lambda one: one["primaryPhone"] in spellings.OLD_PHONES,
        "mail_upper": lambda one: one["primaryEmail"] in spellings.UPPER_MAILS,
        "mail_spaced": lambda one: one["primaryEmail"] in spellings.SPACED_MAILS,
        "mail_idn": lambda one: one["primaryEmail"] in spellings.IDN_MAILS,
        "mail_garbage": lambda one: one["primaryEmail"] in spellings.NO_MAILS,
        "mail_empty": lambda one: not (one["primaryEmail"] or "").strip() and len(one.get("identities") or []) > 1,
        "only_zalo": lambda one: reaches(one) == {Channel.ZALO_OA: 2},
        "only_psid": lambda one: reaches(one) == {Channel.FACEBOOK: 1},
        "only_telegram": lambda one: reaches(one) == {Channel.TELEGRAM: 1},
        "only_push": lambda one: reaches(one) == {Channel.APP_PUSH: 1} and not one["identities"],
        "only_fcm_identity": lambda one: reaches(one) == {Channel.APP_PUSH: 1} and bool(one["identities"]),
        "no_address": lambda one: not reaches(one),
        "consent_absent": lambda one: "receiveEmail" not in one,
    }
