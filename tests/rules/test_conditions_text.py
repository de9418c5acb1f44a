"""Rules in words, in both languages."""

import re
from string import Formatter
from typing import Any, get_args

import pytest
from hypothesis import given

from rules.conditions import Language, nodes, parse
from rules.conditions.phrases import PHRASES
from rules.words import Channel, OutcomeType
from tests.rules.conditions_strategies import rules
from tests.rules.strategies import quick

_A: dict[str, Any] = {"attribute": "a"}
# Condition, English, Vietnamese.
_SAID: list[tuple[dict[str, Any], str, str]] = [
    ({"all": []}, "everyone", "tất cả mọi người"),
    ({"any": []}, "nobody", "không ai"),
    ({"not": {"segment": "staff"}}, 'not (is in the segment "staff")', 'không phải (thuộc phân khúc "staff")'),
    ({"attribute": "city", "is": "Huế"}, 'city is "Huế"', 'city là "Huế"'),
    ({**_A, "is": None}, "a is null", "a là rỗng (null)"),
    ({**_A, "is_not": True}, "a is not true", "a không phải là đúng"),
    ({**_A, "in": ["x", "y"]}, 'a is one of "x" or "y"', 'a là một trong "x" hoặc "y"'),
    ({**_A, "not_in": [1, 2, 3]}, "a is none of 1, 2 or 3", "a không thuộc 1, 2 hoặc 3"),
    ({**_A, "more_than": 1_000_000.5}, "a is more than 1,000,000.5", "a lớn hơn 1.000.000,5"),
    ({"attribute": "orders", "at_least": 3}, "orders is at least 3", "orders ít nhất là 3"),
    ({**_A, "less_than": -1e23}, "a is less than -1e+23", "a nhỏ hơn -1e+23"),
    ({**_A, "at_most": 2.0}, "a is at most 2", "a nhiều nhất là 2"),
    ({**_A, "between": [1000, 2000]}, "a is from 1,000 to 2,000", "a từ 1.000 đến 2.000"),
    ({"attribute": ["address", "tags"], "contains": "x"}, 'address.tags contains "x"', 'address.tags có chứa "x"'),
    (
        {**_A, "contains_any": ["x", "y"]},
        'a contains at least one of "x" or "y"',
        'a có chứa ít nhất một trong "x" hoặc "y"',
    ),
    ({**_A, "contains_none": ["x"]}, 'a contains none of "x"', 'a không chứa giá trị nào trong "x"'),
    ({"attribute": "ngày sinh", "includes": "x"}, '"ngày sinh" has "x" in its text', '"ngày sinh" có đoạn chữ "x"'),
    ({**_A, "starts_with": "x"}, 'a starts with "x"', 'a bắt đầu bằng "x"'),
    ({**_A, "ends_with": 'x"\n'}, 'a ends with "x\\"\\n"', 'a kết thúc bằng "x\\"\\n"'),
    ({**_A, "exists": True}, "a is there", "a có trong hồ sơ"),
    ({**_A, "exists": False}, "a is not there", "a không có trong hồ sơ"),
    ({**_A, "is_empty": True}, "a is empty", "a để trống"),
    ({**_A, "is_empty": False}, "a is not empty", "a không để trống"),
    ({**_A, "before": "2026-05-01"}, "a is before 1 May 2026", "a trước ngày 01/05/2026"),
    (
        {**_A, "after": "2026-05-01T09:00+07:00"},
        "a is after 1 May 2026, 09:00 (UTC+07:00)",
        "a sau 09:00 (UTC+07:00) ngày 01/05/2026",
    ),
    ({**_A, "before": {"days_ago": 30}}, "a is more than 30 days ago", "a cách đây hơn 30 ngày"),
    ({**_A, "after": {"days_ago": 1}}, "a is later than 1 day ago", "a sau thời điểm cách đây 1 ngày"),
    ({**_A, "before": {"days_ago": -2}}, "a is earlier than 2 days from now", "a trước thời điểm 2 ngày nữa"),
    ({**_A, "after": {"days_ago": -2}}, "a is more than 2 days from now", "a sau hơn 2 ngày nữa"),
    ({**_A, "before": {"days_ago": 0}}, "a is before now", "a trước lúc này"),
    ({**_A, "after": {"days_ago": 0}}, "a is after now", "a sau lúc này"),
    ({**_A, "in_last_days": 30}, "a is in the last 30 days", "a trong 30 ngày qua"),
    ({**_A, "in_next_days": 1}, "a is in the next day", "a trong 1 ngày tới"),
    ({**_A, "anniversary_in_days": 0}, "the anniversary of a is today", "ngày kỷ niệm của a là hôm nay"),
    (
        {**_A, "anniversary_in_days": 7},
        "the anniversary of a is within the next 7 days",
        "ngày kỷ niệm của a trong 7 ngày tới",
    ),
    ({"profile": "locale", "is": "vi"}, 'the language is "vi"', 'ngôn ngữ là "vi"'),
    (
        {"consent": "marketing", "channel": "email"},
        'agreed to "marketing" by e-mail',
        'đồng ý nhận "marketing" qua e-mail',
    ),
    (
        {"consent": "marketing", "granted": False},
        'withdrew the consent to "marketing" on every channel',
        'đã rút lại đồng ý nhận "marketing" qua mọi kênh',
    ),
    ({"segment": "vip"}, 'is in the segment "vip"', 'thuộc phân khúc "vip"'),
    ({"reachable": "app_push"}, "can be reached by app push", "liên hệ được qua thông báo ứng dụng"),
    ({"event": "purchase"}, 'did "purchase"', 'có sự kiện "purchase"'),
    (
        {"event": "purchase", "count": {"at_least": 2}, "in_last_days": 30},
        'did "purchase" at least 2 times in the last 30 days',
        'có sự kiện "purchase" ít nhất 2 lần trong 30 ngày qua',
    ),
    ({"event": "a", "count": {"at_most": 0}}, 'never did "a"', 'chưa từng có sự kiện "a"'),
    ({"event": "a", "count": {"at_most": 1}}, 'did "a" at most once', 'có sự kiện "a" nhiều nhất 1 lần'),
    ({"event": "a", "count": {"at_most": 3}}, 'did "a" at most 3 times', 'có sự kiện "a" nhiều nhất 3 lần'),
    ({"event": "a", "count": {"at_least": 0}}, 'did "a" any number of times', 'có sự kiện "a" với số lần bất kỳ'),
    (
        {"event": "a", "count": {"at_least": 1, "at_most": 1}},
        'did "a" exactly once',
        'có sự kiện "a" đúng 1 lần',
    ),
    (
        {"event": "a", "count": {"at_least": 2, "at_most": 2}},
        'did "a" exactly 2 times',
        'có sự kiện "a" đúng 2 lần',
    ),
    (
        {"event": "a", "count": {"at_least": 2, "at_most": 3}},
        'did "a" from 2 to 3 times',
        'có sự kiện "a" từ 2 đến 3 lần',
    ),
    (
        {"event": ["a", "b"], "where": {"currency": "VND", "n": 1}, "after": "2026-01-01", "before": {"days_ago": 2}},
        'did "a" or "b" with currency "VND" and n 1 after 1 January 2026 more than 2 days ago',
        'có sự kiện "a" hoặc "b" với currency là "VND" và n là 1 sau ngày 01/01/2026 cách đây hơn 2 ngày',
    ),
    (
        {"event": "a", "recency": {"at_least_days": 7, "at_most_days": 30}},
        'did "a", the newest from 7 days to 30 days ago',
        'có sự kiện "a", lần mới nhất cách đây từ 7 ngày đến 30 ngày',
    ),
    (
        {"event": "a", "recency": {"at_least_days": 1}},
        'did "a", the newest at least 1 day ago',
        'có sự kiện "a", lần mới nhất cách đây ít nhất 1 ngày',
    ),
    (
        {"event": "a", "recency": {"at_most_days": 0}},
        'did "a", the newest at most 0 days ago',
        'có sự kiện "a", lần mới nhất cách đây nhiều nhất 0 ngày',
    ),
    (
        {"outcome": ["read", "clicked"], "campaign": "tet", "channel": "email", "in_last_days": 1},
        'read a message or clicked in a message in the campaign "tet" by e-mail in the last day',
        'đã đọc tin hoặc bấm vào tin trong chiến dịch "tet" qua e-mail trong 1 ngày qua',
    ),
    (
        {"outcome": "bought", "count": {"at_most": 0}},
        "never bought after a message",
        "chưa từng mua hàng sau khi nhận tin",
    ),
    (
        {"graph": "bought_product", "with": {"product": "x"}},
        'is found by the graph pattern "bought_product" with product "x"',
        'được mẫu đồ thị "bought_product" tìm thấy với product là "x"',
    ),
    (
        {"graph": {"cypher": "MATCH (p) RETURN p"}},
        'is found by the graph query "MATCH (p) RETURN p"',
        'được truy vấn đồ thị "MATCH (p) RETURN p" tìm thấy',
    ),
    (
        {"like": {"segment": "vip"}, "nearest": 1000},
        'is among the 1,000 who are most like the segment "vip"',
        'thuộc 1.000 người giống phân khúc "vip" nhất',
    ),
    (
        {"like": {"text": "biển"}, "within": 0.5},
        'is like the text "biển", within a distance of 0.5',
        'giống đoạn văn "biển", trong khoảng cách 0,5',
    ),
    (
        {"like": {"profile": "kh-1"}, "within": 0},
        'is like the profile "kh-1", within a distance of 0',
        'giống hồ sơ "kh-1", trong khoảng cách 0',
    ),
]


@pytest.mark.parametrize(("document", "english", "vietnamese"), _SAID, ids=[said for _, said, _ in _SAID])
def test_a_condition_is_said(document: dict[str, Any], english: str, vietnamese: str) -> None:
    rule = parse(document)
    assert rule.text() == english
    assert rule.text("vi") == vietnamese


def test_every_kind_of_condition_and_every_test_is_in_the_table() -> None:
    trees = [parse(document).tree for document, *_ in _SAID]
    assert {type(tree) for tree in trees} == set(get_args(nodes.Node))
    assert {tree.test for tree in trees if isinstance(tree, nodes.Attribute)} == {*nodes.Test}


def test_the_whole_is_one_sentence_with_brackets_where_and_meets_or() -> None:
    often = {"event": "purchase", "count": {"at_least": 2}, "in_last_days": 30}
    rule = parse(
        {
            "all": [
                {"attribute": "city", "is": "Huế"},
                {"any": [{"attribute": "orders", "at_least": 3}, {"all": [often]}]},
            ]
        }
    )
    assert rule.text() == (
        'city is "Huế" and (orders is at least 3 or did "purchase" at least 2 times in the last 30 days)'
    )
    assert rule.text(Language.VI) == (
        'city là "Huế" và (orders ít nhất là 3 hoặc có sự kiện "purchase" ít nhất 2 lần trong 30 ngày qua)'
    )


def test_what_is_long_is_cut() -> None:
    said = parse({"attribute": "a", "in": [*range(1000)]}).text(Language.VI)
    assert said.endswith("6, 7 hoặc 992 giá trị khác")
    assert len(parse({"attribute": "a", "is": "x" * 2_000}).text()) < 250


def test_a_name_cannot_pretend_to_be_a_condition() -> None:
    assert parse({"attribute": "a is 1 or b", "is": 2}).text() == '"a is 1 or b" is 2'


@quick
@given(rules(answers=True))
def test_every_rule_can_be_said_on_one_line_in_both_languages(document: dict[str, Any]) -> None:
    for language in Language:
        said = parse(document).text(language)
        assert said
        assert "\n" not in said


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_both_languages_have_the_same_phrases() -> None:
    english, vietnamese = PHRASES[Language.EN], PHRASES[Language.VI]
    assert english.keys() == vietnamese.keys()
    assert {key for key in english if _places(english[key]) != _places(vietnamese[key])} == set()
    assert {*Channel, *OutcomeType, *nodes.Column} <= english.keys()


def test_vietnamese_is_not_english() -> None:
    names = {*Channel, "recency both", "span last"}
    same = {
        key
        for key, said in PHRASES[Language.VI].items()
        if said == PHRASES[Language.EN][key] and re.search("[a-z]", re.sub(r"{\w+}", "", said)) and key not in names
    }
    assert same == set()
