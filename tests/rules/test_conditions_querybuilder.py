"""What a segment of LEO CDP asks for, said in our rules."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import parse
from rules.conditions.querybuilder import convert
from rules.conditions.querybuilder.operators import OPERATORS
from rules.errors import InvalidInput
from tests.rules.strategies import json_values, quick

_MIDNIGHT = "T00:00:00+00:00"


def _rule(field: str, operator: str, value: Any = None, kind: str = "string") -> dict[str, Any]:
    return {"id": field, "field": field, "type": kind, "input": "text", "operator": operator, "value": value}


def _group(*rules: Any, condition: str = "AND", negated: bool = False) -> dict[str, Any]:
    return {"condition": condition, "rules": [*rules], "not": negated, "valid": True}


def _city(**test: Any) -> dict[str, Any]:
    return {"attribute": "living_city", **test}


_ONE = [
    (_rule("livingCity", "equal", "Huế"), _city(**{"is": "Huế"})),
    (_rule("livingCity", "not_equal", "Huế"), _city(is_not="Huế")),
    (_rule("livingCity", "in", ["Huế", "Vinh"]), _city(**{"in": ["Huế", "Vinh"]})),
    (_rule("livingCity", "not_in", "Huế, Vinh"), _city(not_in=["Huế", "Vinh"])),
    (_rule("livingCity", "begins_with", "H"), _city(starts_with="H")),
    (_rule("livingCity", "not_begins_with", "H"), {"not": _city(starts_with="H")}),
    (_rule("livingCity", "ends_with", "ế"), _city(ends_with="ế")),
    (_rule("livingCity", "not_ends_with", "ế"), {"not": _city(ends_with="ế")}),
    (_rule("livingCity", "contains", "u"), {"any": [_city(includes="u"), _city(contains="u")]}),
    (_rule("livingCity", "not_contains", "u"), {"not": {"any": [_city(includes="u"), _city(contains="u")]}}),
    (_rule("livingCity", "is_empty"), _city(is_empty=True)),
    (_rule("livingCity", "is_not_empty"), _city(is_empty=False)),
    (_rule("livingCity", "is_null"), {"any": [_city(**{"is": None}), _city(exists=False)]}),
    (_rule("livingCity", "is_not_null"), {"not": {"any": [_city(**{"is": None}), _city(exists=False)]}}),
    (_rule("totalLeadScore", "less", 5, "integer"), {"attribute": "total_lead_score", "less_than": 5}),
    (_rule("totalLeadScore", "less_or_equal", "5", "integer"), {"attribute": "total_lead_score", "at_most": 5}),
    (_rule("totalCLV", "greater", "5.5", "double"), {"attribute": "total_clv", "more_than": 5.5}),
    (_rule("totalCLV", "greater_or_equal", 5, "double"), {"attribute": "total_clv", "at_least": 5}),
    (_rule("age", "between", [18, 25], "integer"), {"attribute": "age", "between": [18, 25]}),
    (
        _rule("age", "not_between", [18, 25], "integer"),
        {"any": [{"attribute": "age", "less_than": 18}, {"attribute": "age", "more_than": 25}]},
    ),
    (_rule("dataLabels", "contains_any", "VIP, B2B"), {"attribute": "data_labels", "contains_any": ["VIP", "B2B"]}),
    (
        _rule("productKeywords#1", "not_contains_any", ["tea"]),
        {"attribute": "product_keywords", "contains_none": ["tea"]},
    ),
    (_rule("applicationIDs", "contains_any", ["a"]), {"attribute": "application_ids", "contains_any": ["a"]}),
    (_rule("inSegments", "contains_any", ["497Chu"]), {"attribute": "cdp_segments", "contains_any": ["497Chu"]}),
    (_rule("_key", "equal", "abc"), {"profile": "ext_id", "is": "abc"}),
    (_rule("primaryLanguage", "is_null"), {"profile": "locale", "exists": False}),
    (_rule("primaryLanguage", "contains", "v"), {"profile": "locale", "includes": "v"}),
    (_rule("primaryEmail", "is_not_empty"), {"reachable": "email"}),
    (_rule("primaryPhone", "is_empty"), {"not": {"reachable": "zalo_template"}}),
    (_rule("receiveEmail", "equal", "1", "integer"), {"consent": "marketing", "channel": "email", "granted": True}),
    (
        _rule("receiveSMS", "equal", -1, "integer"),
        {"consent": "marketing", "channel": "zalo_template", "granted": False},
    ),
    (_rule("receiveAds", "not_equal", -1, "integer"), {"not": {"consent": "ads", "granted": False}}),
    (_rule("referrerChannels", "has_key", "zalo.me"), {"attribute": ["referrer_channels", "zalo.me"], "exists": True}),
    (_rule("lastTouchpoint__name", "sub_field_equals", "Web"), {"attribute": ["last_touchpoint", "name"], "is": "Web"}),
    (
        _rule("lastTouchpoint__url", "sub_field_contains", "vn"),
        {"attribute": ["last_touchpoint", "url"], "includes": "vn"},
    ),
    (
        _rule("cdp_profile__inJourneyMaps", "in_journey_map", ["J1", "0"]),
        {"attribute": "cdp_journeys", "contains": "J1"},
    ),
    (
        _rule("eventStatistics", "event_in_journey", "J1#page-view#>=#3"),
        {"attribute": ["event_statistics", "J1-page-view"], "at_least": 3},
    ),
    (
        _rule("createdAt", "greater_or_equal", "2026-05-01", "date"),
        {"attribute": "cdp_created_at", "after": "2026-04-30T23:59:59.999999+00:00"},
    ),
    (
        _rule("createdAt", "less", "2026-05-01", "date"),
        {"attribute": "cdp_created_at", "before": f"2026-05-01{_MIDNIGHT}"},
    ),
    (
        _rule("createdAt", "not_equal", "2026-05-01", "date"),
        {
            "not": {
                "all": [
                    {"attribute": "cdp_created_at", "after": "2026-04-30T23:59:59.999999+00:00"},
                    {"attribute": "cdp_created_at", "before": f"2026-05-02{_MIDNIGHT}"},
                ]
            }
        },
    ),
    (
        _rule("createdAt#1", "exactly_after", ["3", "months"]),
        {"attribute": "cdp_created_at", "after": {"days_ago": 90}},
    ),
    (_rule("createdAt#1", "before", [1, "years"]), {"attribute": "cdp_created_at", "before": {"days_ago": 365}}),
    (_rule("dateOfBirth#1", "after", ["7", "days"]), {"attribute": "date_of_birth", "anniversary_in_days": 7}),
    (
        _rule("dateOfBirth", "compare_month_and_day_with_now", "2026-05-01", "date"),
        {"attribute": "date_of_birth", "anniversary_in_days": 0},
    ),
    (
        _rule("dateOfBirth", "is_valid_date", None, "date"),
        {"attribute": "date_of_birth", "before": "9999-12-31T23:59:59.999999Z"},
    ),
]


@pytest.mark.parametrize(("rule", "ours"), _ONE, ids=[f"{rule['field']} {rule['operator']}" for rule, _ in _ONE])
def test_a_rule_about_a_profile(rule: dict[str, Any], ours: dict[str, Any]) -> None:
    assert convert(_group(rule)) == ours


_PURCHASE = _rule("cdp_trackingevent__metricName#1", "equal", "purchase")


def test_what_a_group_says_of_events_is_said_of_one_event() -> None:
    group = _group(
        _PURCHASE,
        _rule("livingCity", "equal", "Huế"),
        _rule("cdp_trackingevent__transactionCurrency", "data_equals", "VND"),
        _rule("cdp_trackingevent__createdAt#1", "exactly_after", [30, "exactly_days"]),
    )
    event = {"event": "purchase", "after": {"days_ago": 30}, "where": {"transaction_currency": "VND"}}
    assert convert(group) == {"all": [_city(**{"is": "Huế"}), event]}


def test_alternatives_are_events_of_their_own() -> None:
    view = _rule("cdp_trackingevent__metricName", "equal", "item-view")
    assert convert(_group(_PURCHASE, view, condition="OR")) == {"any": [{"event": "purchase"}, {"event": "item-view"}]}


def test_groups_nest_and_a_group_may_be_negated() -> None:
    inner = _group(_rule("a", "equal", 1), _rule("b", "equal", 2), condition="or", negated=True)
    negated = {"not": {"any": [{"attribute": "a", "is": 1}, {"attribute": "b", "is": 2}]}}
    assert convert(_group(_rule("c", "equal", 3), inner)) == {"all": [{"attribute": "c", "is": 3}, negated]}


def test_the_text_that_the_cdp_stores_is_the_same_as_its_document() -> None:
    group = _group(_PURCHASE, _rule("livingCity", "equal", "Huế"))
    assert convert(json.dumps(group)) == convert(group)


def test_a_field_map_says_which_attribute_holds_a_field() -> None:
    attributes = {"livingCity": "city", "cdp_trackingevent__refCampaignId": "campaign_id"}
    group = _group(
        _rule("livingCity", "equal", "Huế"), _PURCHASE, _rule("cdp_trackingevent__refCampaignId", "data_equals", "tet")
    )
    assert convert(group, attributes=attributes) == {
        "all": [{"attribute": "city", "is": "Huế"}, {"event": "purchase", "where": {"campaign_id": "tet"}}]
    }
    with pytest.raises(InvalidInput, match="not taken over"):
        convert(_group(_rule("livingWard", "equal", "1")), attributes=attributes)


_REFUSED = [
    (_rule("livingCity", "sounds_like", "x"), "operator"),
    (_rule("cdp_touchpoint__name", "data_equals", "x"), "another collection"),
    (_rule("cdp_trackingevent__metricName", "not_equal", "x"), "other metrics"),
    (_rule("cdp_trackingevent__transactionValue", "greater", 5, "double"), "otherwise than as equal"),
    (_rule("cdp_trackingevent__sourceIP", "data_equals", "x"), "without saying its metric"),
    (_rule("primaryEmail", "equal", "a@b.vn"), "address"),
    (_rule("receiveEmail", "equal", 2), "consent"),
    (_rule("inJourneyMaps", "in_journey_map", ["J1", "3"]), "stage"),
    (_rule("eventStatistics", "event_in_journey", "J1#x"), "needs a value"),
    (_rule("age", "between", [1], "integer"), "two values"),
    (_rule("age", "equal", "old", "integer"), "number"),
    (_rule("age", "in", []), "cannot be said"),
    (_rule("dateOfBirth", "less", "1/5/2026", "date"), "date"),
    (_rule("dateOfBirth#1", "before", ["7", "days"]), "birthday"),
    (_rule("createdAt#1", "after", ["7", "weeks"]), "unit"),
    (_rule("livingCity", "equal", {"x": 1}), "several values"),
    (_rule("livingCity", "equal", "\x00"), "cannot be stored"),
    ("text", "no rule"),
    (_group(condition="XOR"), "joined"),
    ({"rules": 1}, "no group"),
]


@pytest.mark.parametrize(("rule", "why"), _REFUSED, ids=[why for _, why in _REFUSED])
def test_what_cannot_be_said_is_refused_by_name_or_told_beside_the_rule(rule: Any, why: str) -> None:
    group = _group(_rule("a", "equal", 1), rule)
    with pytest.raises(InvalidInput, match=rf"rules\[1\].* {why}"):
        convert(group)
    ours, refused = convert(group, lenient=True)
    assert ours == {"attribute": "a", "is": 1}
    assert len(refused) == 1
    assert why in refused[0]


def test_one_event_is_not_of_two_metrics() -> None:
    other = _rule("cdp_trackingevent__metricName#2", "equal", "item-view")
    with pytest.raises(InvalidInput, match="two metrics"):
        convert(_group(_PURCHASE, other))


def test_a_rule_of_which_nothing_can_be_said_is_nobody_not_everyone() -> None:
    ours, refused = convert(_group(_rule("livingCity", "sounds_like", "x")), lenient=True)
    assert (ours, len(refused)) == ({"any": []}, 1)


def test_an_empty_group_is_everyone_as_in_the_cdp() -> None:
    assert convert(_group()) == {"all": []}


@pytest.mark.parametrize("document", ["", "{", "[" * 100_000, "1", None, [], {"rules": None}])
def test_what_is_no_group_is_refused(document: Any) -> None:
    with pytest.raises(InvalidInput):
        convert(document)


def test_a_hostile_depth_is_refused() -> None:
    document: dict[str, Any] = _rule("a", "equal", 1)
    for _ in range(100_000):
        document = _group(document)
    with pytest.raises(InvalidInput, match="deeper"):
        convert(document)


_fields = st.sampled_from(
    [
        *("livingCity", "age", "createdAt#1", "dateOfBirth", "primaryEmail", "receiveEmail", "receiveAds", "_key"),
        *(
            "cdp_trackingevent__metricName",
            "cdp_trackingevent__createdAt",
            "cdp_trackingevent__x",
            "inJourneyMaps",
            "a__b",
        ),
    ]
)
_values = (
    json_values
    | st.lists(json_values, max_size=3)
    | st.sampled_from(["2026-05-01", ["2026-05-01", "2026-05-02"], ["7", "days"], [1, "months"], "1", "J#m#>#2", "nan"])
)
_rules = st.builds(
    _rule,
    _fields | st.text(max_size=3),
    st.sampled_from(sorted(OPERATORS)) | st.text(max_size=3),
    _values,
    st.sampled_from(["string", "integer", "double", "date"]),
)
_groups = st.recursive(
    _rules | json_values,
    lambda inside: st.builds(
        lambda rules, condition, negated: _group(*rules, condition=condition, negated=negated),
        st.lists(inside, max_size=3),
        st.sampled_from(["AND", "OR"]),
        st.booleans(),
    ),
    max_leaves=8,
)


@quick
@given(_groups)
def test_whatever_is_converted_can_be_read(document: Any) -> None:
    ours, _ = convert(_group(document), lenient=True)
    assert parse(ours).document == ours
