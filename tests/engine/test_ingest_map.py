"""A field map: any document of an ArangoDB becomes a person, and a wrong map is refused with its place."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ingest import fieldmap, people
from engine.ingest.arango import _is_vietnamese
from engine.ingest.fields import FieldMap
from engine.ingest.page import rows_of
from rules.conditions.querybuilder import convert
from rules.errors import InvalidInput

LEO_CDP = fieldmap.load()
# The letters that carry tones, each as it is without one; and no tone, grave, acute, hook, tilde, dot.
BASES = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
MARKS = ("", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323")
LAN: dict[str, Any] = {
    "_key": "5tQe1yq0mVx2ZkPn8sWb3L",
    "_rev": "_kA1b2C3---",
    "status": 1,
    "rootProfileId": "",
    "firstName": "Lan Anh",
    "middleName": "",
    "lastName": "Nguyễn",
    "primaryLanguage": "vi",
    "primaryEmail": "Lan.Anh@Hoa.VN",
    "primaryPhone": "0901 000 042",
    "identities": ["email:lan.anh@hoa.vn", "zalo:7123456780400042", "fcm_tokens:tok-2", "visitor:3jK"],
    "socialMediaProfiles": {"zalo": "7123456780400042", "facebook": "9988"},
    "notificationUserIds": {"fcm": ["tok-1"], "pushalert": ["sub-1"]},
    "receiveEmail": 1,
    "receiveSMS": 0,
    "receiveWebPush": -1,
    "receiveAds": 1,
    "inSegments": [{"id": "seg1", "name": "A"}, {"id": "seg2", "name": "A"}],
    "dataLabels": ["VIP"],
    "contentKeywords": [],
    "livingCity": "Huế",
    "totalLeadScore": 0,
    "topEngagedTouchpointIds": ["tp1", "tp2", "tp1"],
    "purchasedItems": [{"itemId": "sku-1", "name": "Hoa hồng"}, {"name": "nothing"}],
    "updatedAt": "2026-03-25T05:59:23.694Z",
}


def read(*documents: dict[str, Any], fields: FieldMap = LEO_CDP, known: set[str] | None = None) -> people.People:
    return people.read(documents, fields, known=known or set())


def first(found: people.People) -> dict[str, Any]:
    """Give the first person with its attributes as a document."""
    one = found.persons[0]
    return {**one, "a": json.loads(one["a"])}


def test_a_document_of_leo_cdp_becomes_a_person() -> None:
    assert first(read(LAN)) == {
        "p": 1,
        "k": "5tQe1yq0mVx2ZkPn8sWb3L",
        "n": "Nguyễn Lan Anh",
        "l": "vi",
        "z": None,
        "s": "active",
        "v": "_kA1b2C3---",
        "r": None,
        "t": "2026-03-25T05:59:23.694Z",
        "m": ["seg1", "seg2"],
        "a": {
            "city": "Huế",
            "labels": ["VIP"],
            "cdp_segments": ["seg1", "seg2"],
            "total_lead_score": 0,
            "cdp_status": 1,
        },
    }


def test_addresses_come_from_fields_maps_and_prefixed_identities_each_once() -> None:
    found = {(channel, value) for _, channel, value, _ in read(LAN).addresses}
    assert found == {
        ("email", "lan.anh@hoa.vn"),
        ("zalo_template", "+84901000042"),
        ("zalo_oa", "7123456780400042"),
        ("facebook", "9988"),
        ("app_push", "tok-1"),
        ("app_push", "tok-2"),
        ("web_push", "sub-1"),
    }


def test_consent_is_what_the_map_calls_granted_or_withdrawn_and_a_presumed_one_is_none() -> None:
    said = {(channel, purpose): granted for _, channel, purpose, granted, _ in read(LAN).consents}
    assert said == {("email", "marketing"): True, ("web_push", "marketing"): False}


def test_of_somebody_known_what_says_nothing_is_told_too() -> None:
    consents = read(LAN, known={LAN["_key"]}).consents
    said = {(channel, purpose): granted for _, channel, purpose, granted, _ in consents}
    assert said[("zalo_template", "marketing")] is None


def test_relations_name_their_targets_once_and_those_that_lead_nowhere_are_counted() -> None:
    found = read(LAN)
    assert [kind for _, kind, _ in found.relations] == ["ENGAGED", "ENGAGED", "BOUGHT"]
    assert list(found.target_places) == [("Touchpoint", "tp1"), ("Touchpoint", "tp2"), ("Product", "sku-1")]
    assert found.target_names == {3: "Hoa hồng"}
    assert found.mended == {"a relation leads nowhere": 1}


@pytest.mark.parametrize(("status", "root", "becomes"), [(1, "", "active"), (0, "", "deleted"), (-44, None, "deleted")])
def test_who_is_not_active_at_the_source_is_not_active_here(status: int, root: str | None, becomes: str) -> None:
    assert read({**LAN, "status": status, "rootProfileId": root}).persons[0]["s"] == becomes


def test_a_loser_is_out_and_names_its_survivor_whatever_its_status() -> None:
    person = read({**LAN, "status": 1, "rootProfileId": "winner"}).persons[0]
    assert (person["s"], person["r"]) == ("deleted", "winner")


def test_who_names_itself_as_survivor_survives() -> None:
    person = read({**LAN, "rootProfileId": LAN["_key"]}).persons[0]
    assert (person["s"], person["r"]) == ("active", None)


@pytest.mark.parametrize("key", [None, "", 7, "x" * 256, ["a"]])
def test_a_document_without_a_usable_key_is_refused_and_the_others_are_taken(key: Any) -> None:
    found = read({**LAN, "_key": key}, LAN)
    assert found.keys == [LAN["_key"]]
    assert found.refused == {"the document has no usable _key": 1}


def test_what_cannot_be_used_is_left_out_and_counted_and_the_person_is_taken() -> None:
    broken = {
        **LAN,
        "firstName": {"vi": "Lan"},
        "primaryLanguage": ["vi"],
        "updatedAt": "yesterday",
        "livingCity": "x" * 40_000,
        "purchasedItems": {},
        "topEngagedTouchpointIds": "tp1",
    }
    found = read(broken)
    assert found.persons[0]["n"] == "Nguyễn"
    assert found.persons[0]["l"] is None
    assert found.persons[0]["t"] is None
    assert "city" not in first(found)["a"]
    assert found.mended == {
        "a name is no text": 1,
        "the locale is no text": 1,
        "the time of change is none": 1,
        "an attribute is too long": 1,
        "relations are no list": 1,
    }


def test_an_address_that_is_none_is_kept_with_its_reason() -> None:
    found = read({"_key": "a", "primaryPhone": "abc", "primaryEmail": "a@b"})
    assert [address[1:3] for address in found.addresses] == [("email", "a@b"), ("zalo_template", "abc")]
    assert all(reason for *_, reason in found.addresses)
    assert sum(found.addresses_invalid.values()) == 2


def test_another_collection_of_other_fields_is_mapped_by_a_map_of_ones_own() -> None:
    shop = fieldmap.read(
        {
            "collection": "customers",
            "profile": {"name": "full_name", "updated_at": "changed"},
            "attributes": {"tier": "loyalty.tier", "channels": "contacts.*"},
            "address": [{"channel": "email", "path": "contacts.mail"}],
        }
    )
    found = read(
        {"_key": "9", "full_name": "Minh", "loyalty": {"tier": 2}, "contacts": {"mail": "m@hoa.vn"}}, fields=shop
    )
    assert shop.fields == ("_key", "_rev", "changed", "contacts", "full_name", "loyalty")
    assert (found.persons[0]["n"], found.persons[0]["s"]) == ("Minh", "active")
    assert first(found)["a"] == {"tier": 2, "channels": ["m@hoa.vn"]}
    assert [value for _, _, value, _ in found.addresses] == ["m@hoa.vn"]


def test_the_maps_of_the_page_are_read_and_give_what_it_says() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "ingest.md").read_text(encoding="utf-8")
    ours, shop = (fieldmap.load(fieldmap.parse(text)) for text in re.findall(r"```toml\n(.+?)```", page, re.DOTALL))
    assert {"loyalty_tier", "city"} <= set(ours.attributes.names)
    customer, action = (json.loads(text) for text in re.findall(r"```json\n(.+?)```", page, re.DOTALL))
    found = read(customer, fields=shop)
    assert first(found) == {
        "p": 1,
        "k": "42",
        "n": "Trần Thị Mai",
        "l": "vi",
        "z": None,
        "s": "active",
        "v": None,
        "r": None,
        "t": "2026-05-01T09:00:00Z",
        "m": None,
        "a": {"city": "Huế", "spent": 1250000},
    }
    assert {(channel, value) for _, channel, value, _ in found.addresses} == {
        ("email", "mai@khach.example"),
        ("zalo_template", "+84905550077"),
    }
    assert found.addresses_invalid.total() == 0
    assert [consent[1:4] for consent in found.consents] == [(None, "marketing", True)]
    assert sorted(found.target_places) == [("Product", "am-dat"), ("Topic", "tra-o-long")]
    assert (shop.segments, shop.touchpoints, shop.metrics) == (None, None, None)
    assert shop.event is not None
    assert (shop.event.collection, action[shop.event.type_field], shop.event.profile(action)) == (
        "actions",
        "basket_left",
        "42",
    )


def test_a_source_changes_the_delivered_map_in_parts() -> None:
    changed = fieldmap.load({"attributes": {"tier": "extAttributes.tier", "city": False}, "event": False})
    names = set(changed.attributes.names)
    assert "tier" in names
    assert "city" not in names
    assert "labels" in names
    assert changed.event is None
    assert changed.print != LEO_CDP.print


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"atributes": {}}, "the map has 'atributes'"),
        ({"profile": {"nmae": "x"}}, "profile has 'nmae'"),
        ({"attributes": {"Tier": "x"}}, "attributes.Tier"),
        ({"attributes": {"tier": "a..b"}}, "attributes.tier"),
        ({"attributes": {"tier": "a; DROP"}}, "attributes.tier"),
        ({"address": [{"channel": "sms", "path": "x"}]}, "address 1.channel"),
        ({"address": [{"channel": "email"}]}, "address 1.path"),
        ({"consent": [{"path": "x", "yes": 1}]}, "consent 1 has 'yes'"),
        ({"relation": [{"kind": "KNOWS", "path": "x"}]}, "relation 1.kind"),
        ({"status": {"active": "often"}}, "status.active"),
        ({"profile": {"ext_id": "crmRefId"}}, "profile.ext_id"),
        ({"profile": {"updated_at": "a.b"}}, "profile.updated_at"),
        ({"collection": "a b"}, "the map.collection"),
        ({"segments": []}, "segments"),
    ],
)
def test_a_wrong_map_is_refused_with_the_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput, match="The field map is wrong") as refused:
        fieldmap.load(changes)
    assert place in refused.value.message


def test_a_rule_of_the_cdp_is_converted_with_the_names_that_the_map_gives() -> None:
    asked = {"field": "livingCity", "operator": "equal", "value": "Huế"}
    rule = convert({"condition": "AND", "rules": [asked]}, attributes=LEO_CDP.held)
    assert "'city'" in str(rule)
    assert "living_city" not in str(rule)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


DOCUMENTS = st.fixed_dictionaries(
    {"_key": st.text(min_size=1, max_size=5) | JSON}, optional=dict.fromkeys(LEO_CDP.fields[1:], JSON)
)


@given(st.lists(DOCUMENTS, max_size=4))
def test_no_document_whatever_it_holds_stops_a_page(documents: list[dict[str, Any]]) -> None:
    found = read(*documents)
    assert len(found.keys) + sum(found.refused.values()) == len(documents)
    assert all(type(json.loads(one["a"])) is dict for one in found.persons)
    rows_of(found, "{}")


def test_of_several_fields_for_one_consent_the_first_that_says_something_holds() -> None:
    fields = fieldmap.read(
        {
            "collection": "people",
            "profile": {"ext_id": "_key", "updated_at": "updatedAt"},
            "consent": [
                {"channel": "email", "path": "mails", "granted": [1], "withdrawn": [-1]},
                {"channel": "email", "path": "letters", "granted": [1], "withdrawn": [-1]},
            ],
        }
    )
    said: list[dict[str, Any]] = [
        {"_key": "a", "mails": -1, "letters": 1},
        {"_key": "b", "letters": 1},
        {"_key": "c"},
    ]
    consents = read(*said, fields=fields, known={"c"}).consents
    assert [(place, granted) for place, _, _, granted, _ in consents] == [(1, False), (2, True), (3, None)]


# What is on either side of what counts as composed.
NEAR = st.sampled_from(
    "aZ \u00e2\u01b0\u1eb1\u1e9b\u00bf\u01bf\u01c0\u0301\u0340\u1e80\u1eff\u1f71\u2000\u212b\uac00\U0001f600"
)


@given(st.text(NEAR | st.characters()))
def test_what_is_known_for_vietnamese_by_its_bytes_is_composed(text: str) -> None:
    if _is_vietnamese(text.encode(errors="replace")):
        assert unicodedata.is_normalized("NFC", text)


def test_every_vietnamese_letter_is_known_by_its_bytes() -> None:
    letters = unicodedata.normalize("NFC", "".join(base + mark for base in BASES for mark in MARKS))
    assert _is_vietnamese(f"{letters}đĐ 0123 {{}}".encode())
    assert not _is_vietnamese(unicodedata.normalize("NFD", "Nguyễn").encode())
