"""A segment's rule asked of one person."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import ANY_EVENT, Rule, nodes, parse
from rules.conditions.nodes import Attribute, Not, Pattern
from rules.conditions.person import Occurrence, Person, Result
from rules.errors import InvalidInput
from rules.facts import Consent
from rules.words import Channel, OutcomeType
from tests.rules.conditions_strategies import NOW, TODAY, people, person, rules
from tests.rules.strategies import json_values, quick

_DAY = timedelta(days=1)


def _person(**known: Any) -> Person:
    return Person(**{"profile_id": 1, "ext_id": "kh-1", "created_at": NOW - 10 * _DAY, **known})


def _holds(document: Any, **known: Any) -> bool:
    return parse(document).holds(_person(**known), now=NOW, today=TODAY)


# Test, what it asks for, values for which it holds, values for which it does not. Absent is asked of all, below.
_TESTS: list[tuple[str, Any, list[Any], list[Any]]] = [
    ("is", "Huế", ["Huế"], ["huế", "Hue", ["Huế"], None]),
    ("is", 1, [1, 1.0, Decimal("1.00")], [True, "1", 2, [1]]),
    ("is", 0.1, [0.1, Decimal("0.1")], [Decimal("0.10000000000000001")]),
    ("is", 10**23, [1e23, Decimal("1E+23")], [10**23 + 1]),
    ("is", True, [True], [1, "true", False]),
    ("is", None, [None], ["", 0, False]),
    ("is", "", [""], [None, []]),
    ("is_not", 1, [True, "1", None], [1.0]),
    ("in", ["a", 1, None], ["a", 1.0, None], ["b", True, ["a"]]),
    ("not_in", ["a", 1], ["b", True, None], ["a", 1.0]),
    ("more_than", 3, [3.1, Decimal("3.0001"), 10**23], [3, "5", True, None, [5]]),
    ("at_least", 3, [3, 3.0, 4], [2.9, "5", True]),
    ("less_than", 3, [2, -1, Decimal("2.9999")], [3, "1", False, None]),
    ("at_most", 3, [3, -5], [3.1, "1", None]),
    ("between", [1, 3], [1, 2.5, 3.0], [0.9, 3.1, "2", True]),
    ("contains", "VIP", [["a", "VIP"]], ["VIP", ["vip"], [["VIP"]], {"VIP": 1}, []]),
    ("contains", 1, [[1.0]], [[True], ["1"], 1]),
    ("contains_any", ["a", 1], [["a"], [2, 1]], [["b"], "a", [], [True]]),
    ("contains_none", ["a", 1], [["b"], "a", [], None], [["a"], [1.0]]),
    ("includes", "ĐỐC", ["Phó Giám đốc", "đốc"], ["doc", ["đốc"], None, 5]),
    ("starts_with", "CRM-", ["crm-1", "CRM-"], ["x crm-1", "crm", None]),
    ("ends_with", ".VN", ["a@b.vn"], ["a@b.com", 5]),
    ("includes", "İ", ["İ"], ["i"]),
    ("exists", True, [None, "", 0, []], []),
    ("is_empty", True, [None, "", [], {}], [0, False, " ", [None], {"a": 1}]),
    ("is_empty", False, [0, False, " "], [None, "", [], {}]),
    ("before", "2026-03-01", ["2026-02-28T23:59:59.999999Z", "0001-01-01"], ["2026-03-01", "2026-02-31", 5, None]),
    ("after", "2026-03-01T00:00+07:00", ["2026-02-28T17:00:00.000001", "2026-03-01"], ["2026-02-28T17:00", "x"]),
    ("before", {"days_ago": 7}, ["2026-02-22T05:29:59.999999Z"], ["2026-02-22T05:30Z"]),
    ("after", {"days_ago": -7}, ["2026-03-08T05:30:00.000001Z"], ["2026-03-08T05:30Z"]),
    ("in_last_days", 7, ["2026-02-22T05:30Z", "2026-03-01T05:30Z"], ["2026-02-22T05:29Z", "2026-03-01T05:31Z"]),
    ("in_next_days", 7, ["2026-03-08T05:30Z", "2026-03-01T05:30Z"], ["2026-03-08T05:31Z", "2026-03-01T05:29Z"]),
    ("anniversary_in_days", 0, ["1990-03-01", "2030-03-01T23:00-09:00"], ["1990-03-02", "1990-02-28", "03-01", 5]),
    ("anniversary_in_days", 364, ["1990-02-27", "1992-02-28", "1992-02-29"], ["x"]),
    ("anniversary_in_days", 363, ["1990-02-27"], ["1992-02-28", "1992-02-29"]),
]


@pytest.mark.parametrize(
    ("test", "wanted", "yes", "no"), _TESTS, ids=[f"{index} {one[0]}" for index, one in enumerate(_TESTS)]
)
def test_an_attribute_is_compared(test: str, wanted: Any, yes: list[Any], no: list[Any]) -> None:
    condition = {"attribute": ["of", "it"], test: wanted}
    assert [value for value in yes if not _holds(condition, attributes={"of": {"it": value}})] == []
    assert [value for value in no if _holds(condition, attributes={"of": {"it": value}})] == []


def test_every_test_is_in_the_table() -> None:
    assert {test for test, *_ in _TESTS} == {*nodes.Test}


@pytest.mark.parametrize("attributes", [{}, {"of": None}, {"of": []}, {"of": [{"it": 1}]}, {"of": "it"}, {"it": 1}])
@pytest.mark.parametrize(("test", "wanted"), {(one[0], repr(one[1])): one[:2] for one in _TESTS}.values())
def test_what_is_absent_passes_no_test_but_the_negative_ones(
    test: str, wanted: Any, attributes: dict[str, Any]
) -> None:
    negative = test in {"is_not", "not_in", "contains_none"} or (test, wanted) == ("is_empty", True)
    assert _holds({"attribute": ["of", "it"], test: wanted}, attributes=attributes) is negative
    assert _holds({"attribute": "absent", "exists": False})


def test_a_name_with_a_point_is_one_name() -> None:
    assert _holds({"attribute": "a.b", "is": 1}, attributes={"a.b": 1, "a": {"b": 2}})


def test_text_is_composed_as_what_is_stored_is() -> None:
    assert _holds({"attribute": "tha\u0300nh", "is": "Hue\u0302\u0301"}, attributes={"thành": "Huế"})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"profile": "ext_id", "starts_with": "KH-"}, True),
        ({"profile": "locale", "is": "vi"}, True),
        ({"profile": "zone", "exists": True}, False),
        ({"profile": "zone", "is_not": "UTC"}, True),
        ({"profile": "zone", "is_empty": True}, True),
        ({"profile": "name", "in": ["a", "Lê Thị Ánh"]}, True),
        ({"profile": "name", "ends_with": "ÁNH"}, True),
        ({"profile": "source", "not_in": ["csv"]}, True),
        ({"profile": "created_at", "in_last_days": 10}, True),
        ({"profile": "created_at", "in_last_days": 9.99}, False),
        ({"profile": "created_at", "before": "2026-03-01"}, True),
        ({"profile": "created_at", "anniversary_in_days": 354}, False),
        ({"profile": "created_at", "anniversary_in_days": 355}, True),
    ],
)
def test_a_field_of_the_profile_is_compared(condition: dict[str, Any], *, holds: bool) -> None:
    assert _holds(condition, locale="vi", name="Lê Thị Ánh") is holds


_EMAIL = Consent(Channel.EMAIL, "marketing", granted=True, at=NOW)
_WITHDRAWN = Consent(Channel.EMAIL, "marketing", granted=False, at=NOW)
_EVERYWHERE = Consent(None, "marketing", granted=False, at=NOW + _DAY)


@pytest.mark.parametrize(
    ("consents", "granted", "withdrawn"),
    [
        ((), False, False),
        ((_EMAIL,), True, False),
        ((_EMAIL, _WITHDRAWN), False, True),
        ((_WITHDRAWN, _EMAIL), False, True),
        ((_EMAIL, _EVERYWHERE), False, True),
        ((Consent(Channel.TELEGRAM, "marketing", granted=False, at=NOW + _DAY), _EMAIL), True, False),
        ((Consent(None, "newsletter", granted=False, at=NOW + _DAY), _EMAIL), True, False),
    ],
)
def test_the_newest_consent_that_covers_the_channel_counts(
    consents: tuple[Consent, ...], *, granted: bool, withdrawn: bool
) -> None:
    asked = {"consent": "marketing", "channel": "email"}
    assert _holds(asked, consents=consents) is granted
    assert _holds({**asked, "granted": False}, consents=consents) is withdrawn


def test_consent_for_every_channel_is_not_that_for_one() -> None:
    assert not _holds({"consent": "marketing"}, consents=(_EMAIL,))
    assert _holds({"consent": "marketing", "granted": False}, consents=(_EMAIL, _EVERYWHERE))


def test_reach_is_a_valid_address() -> None:
    assert _holds({"reachable": "email"}, reachable=frozenset([Channel.EMAIL]))
    assert not _holds({"reachable": "chat"}, reachable=frozenset([Channel.EMAIL]))


_EVENTS = (
    Occurrence("purchase", NOW - 40 * _DAY, {"currency": "VND", "value": 5}),
    Occurrence("purchase", NOW - 7 * _DAY, {"currency": "VND"}),
    Occurrence("purchase", NOW - _DAY, {"currency": "USD"}),
    Occurrence("view", NOW),
    Occurrence("view", NOW + timedelta(microseconds=1)),
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"event": "purchase"}, True),
        ({"event": "refund"}, False),
        ({"event": "refund", "count": {"at_most": 0}}, True),
        ({"event": "purchase", "count": {"at_most": 2}}, False),
        ({"event": "purchase", "count": {"at_least": 3}}, True),
        ({"event": "purchase", "count": {"at_least": 4}}, False),
        ({"event": "view", "count": {"at_least": 2}}, False),
        ({"event": ["view", "purchase", "view"], "count": {"at_least": 4, "at_most": 4}}, True),
        ({"event": "purchase", "in_last_days": 7, "count": {"at_least": 2}}, False),
        ({"event": "purchase", "in_last_days": 7.01, "count": {"at_least": 2}}, True),
        ({"event": "purchase", "before": {"days_ago": 40}}, False),
        ({"event": "purchase", "before": {"days_ago": 39.9}}, True),
        ({"event": "purchase", "after": "2026-02-01", "before": "2026-02-25"}, True),
        ({"event": "purchase", "where": {"currency": "VND"}, "count": {"at_least": 2}}, True),
        (
            {"event": "purchase", "where": {"currency": "VND", "value": 5.0}, "count": {"at_least": 1, "at_most": 1}},
            True,
        ),
        ({"event": "purchase", "where": {"absent": None}}, False),
        ({"event": "purchase", "recency": {"at_least_days": 1, "at_most_days": 1}}, True),
        ({"event": "purchase", "recency": {"at_least_days": 2}}, False),
        ({"event": "purchase", "recency": {"at_least_days": 7}, "where": {"currency": "VND"}}, True),
        ({"event": "refund", "recency": {"at_most_days": 7}, "count": {"at_most": 5}}, False),
    ],
)
def test_events_are_counted(condition: dict[str, Any], *, holds: bool) -> None:
    assert _holds(condition, events=_EVENTS) is holds


_RESULTS = (
    Result(OutcomeType.CLICKED, NOW - _DAY, "tet", Channel.EMAIL),
    Result(OutcomeType.CLICKED, NOW - 9 * _DAY, "tet", Channel.CHAT),
    Result(OutcomeType.READ, NOW, "xuan", Channel.EMAIL),
    Result(OutcomeType.BOUGHT, NOW + _DAY, "tet", Channel.EMAIL),
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"outcome": "clicked", "campaign": "tet", "count": {"at_least": 2}}, True),
        ({"outcome": ["clicked", "read"], "channel": "email", "count": {"at_least": 2}}, True),
        ({"outcome": "clicked", "campaign": "xuan"}, False),
        ({"outcome": "clicked", "in_last_days": 7, "count": {"at_least": 2}}, False),
        ({"outcome": "bought"}, False),
        ({"outcome": "bought", "count": {"at_most": 0}}, True),
    ],
)
def test_outcomes_are_counted(condition: dict[str, Any], *, holds: bool) -> None:
    assert _holds(condition, results=_RESULTS) is holds


def test_membership_is_of_the_segment_with_the_key() -> None:
    assert _holds({"segment": "vip"}, segments=frozenset(["vip"]))
    assert not _holds({"segment": "VIP"}, segments=frozenset(["vip"]))


def test_what_only_the_database_can_answer_is_answered_with_the_person() -> None:
    document = {"any": [{"graph": "bought", "with": {"n": 1}}, {"like": {"segment": "vip"}, "nearest": 10}]}
    for leaf in parse(document).leaves():
        assert _holds(document, answers={leaf: True})
    assert not _holds(document)


def test_a_pattern_asked_with_true_is_not_the_one_asked_with_1() -> None:
    ones = {Pattern("p", None, (("x", value),)) for value in (1, True, 1.0, "1")}
    assert len(ones) == 4
    assert Attribute(("a",), nodes.Test.IS, 1) != Attribute(("a",), nodes.Test.IS, wanted=True)


def test_groups_hold_as_logic_has_it() -> None:
    yes: dict[str, Any] = {"all": []}
    no: dict[str, Any] = {"any": []}
    assert _holds(yes)
    assert not _holds(no)
    assert _holds({"all": [yes, {"not": no}, {"any": [no, yes]}]})
    assert not _holds({"all": [yes, no]})


def test_the_day_of_a_timestamp_is_that_in_utc() -> None:
    late = datetime(2000, 3, 2, 3, tzinfo=timezone(timedelta(hours=7)))
    assert _holds({"profile": "created_at", "anniversary_in_days": 0}, created_at=late)


def test_only_an_active_profile_satisfies_a_rule() -> None:
    assert not _holds({"all": []}, active=False)


@quick
@given(rules(answers=True), people())
def test_not_is_the_opposite(document: dict[str, Any], someone: dict[str, Any]) -> None:
    asked = person(someone)
    rule = parse(document)
    negated = Rule(Not(rule.tree), {"not": document})
    assert negated.holds(asked, now=NOW, today=TODAY) is not rule.holds(asked, now=NOW, today=TODAY)


@quick
@given(st.lists(rules(answers=True), max_size=3), people())
def test_not_all_is_any_not(parts: list[dict[str, Any]], someone: dict[str, Any]) -> None:
    trees = tuple(parse(part).tree for part in parts)
    not_all = Rule(Not(nodes.All(trees)), {})
    any_not = Rule(nodes.Any_(tuple(Not(tree) for tree in trees)), {})
    asked = person(someone)
    assert not_all.holds(asked, now=NOW, today=TODAY) is any_not.holds(asked, now=NOW, today=TODAY)


_OPPOSITES = {"is": "is_not", "in": "not_in", "contains_any": "contains_none"}


@quick
@given(st.sampled_from(sorted(_OPPOSITES)), st.lists(json_values, min_size=1, max_size=3), people())
def test_a_negative_test_is_the_opposite_of_its_positive_one(
    test: str, wanted: list[Any], someone: dict[str, Any]
) -> None:
    scalars = [one for one in wanted if not isinstance(one, list | dict)] or ["Huế"]
    asked = scalars[0] if test == "is" else scalars
    for name in ("city", "tags"):
        try:
            positive = parse({"attribute": name, test: asked})
        except InvalidInput:
            continue
        negative = parse({"attribute": name, _OPPOSITES[test]: asked})
        assert positive.holds(person(someone), now=NOW, today=TODAY) is not negative.holds(
            person(someone), now=NOW, today=TODAY
        )


def test_a_rule_says_what_it_refers_to() -> None:
    rule = parse(
        {
            "all": [
                {"event": ["a", "b"]},
                {"any": [{"not": {"event": "c"}}, {"outcome": "clicked"}, {"segment": "vip"}]},
                {"like": {"segment": "new"}, "nearest": 5},
                {"like": {"text": "biển"}, "within": 0.5},
            ]
        }
    )
    assert rule.event_types() == {"a", "b", "c"}
    assert rule.segments() == {"vip", "new"}
    assert len(rule.leaves()) == 6
    assert parse({"graph": "friends"}).event_types() == {ANY_EVENT}
