"""Why a rule holds for one person or does not."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from rules.conditions import Explained, Language, nodes, parse
from rules.conditions.person import Occurrence, Person, Result
from rules.facts import Consent
from rules.words import Channel, OutcomeType
from tests.rules.conditions_strategies import NOW, TODAY, people, person, rules
from tests.rules.strategies import quick

_AT = datetime(2026, 2, 1, tzinfo=UTC)
_SOMEONE = Person(
    profile_id=1,
    ext_id="kh-1",
    created_at=_AT,
    attributes={"city": "Huế", "n": Decimal("1.5"), "tags": [*range(30)], "deep": {"a": {"b": None}}},
    consents=(Consent(None, "marketing", granted=False, at=_AT),),
    reachable=frozenset([Channel.EMAIL, Channel.CHAT]),
    events=(Occurrence("purchase", _AT), Occurrence("purchase", _AT - timedelta(days=1))),
    results=(Result(OutcomeType.CLICKED, _AT),),
    segments=frozenset(["vip", "b"]),
)


def _explained(document: Any, someone: Person = _SOMEONE, language: Language = Language.EN) -> Explained:
    return parse(document).explain(someone, now=NOW, today=TODAY, language=language)


_FOUND: list[tuple[dict[str, Any], bool, dict[str, Any], str, str]] = [
    ({"attribute": "city", "is": "Vinh"}, False, {"value": "Huế"}, 'found "Huế"', 'thấy "Huế"'),
    ({"attribute": "n", "at_least": 1}, True, {"value": 1.5}, "found 1.5", "thấy 1,5"),
    ({"attribute": "none", "exists": True}, False, {}, "nothing is there", "không có giá trị"),
    (
        {"attribute": ["deep", "a"], "exists": True},
        True,
        {"value": {"b": None}},
        'found {"b": null}',
        'thấy {"b": null}',
    ),
    ({"attribute": "tags", "contains": 29}, True, {"value": [*range(20)]}, "", ""),
    (
        {"profile": "created_at", "in_last_days": 1},
        False,
        {"value": "2026-02-01T00:00:00+00:00"},
        "found 1 February 2026",
        "thấy ngày 01/02/2026",
    ),
    (
        {"consent": "marketing", "channel": "email"},
        False,
        {"consent": {"channel": None, "granted": False, "at": "2026-02-01T00:00:00+00:00"}},
        "withdrew on 1 February 2026 on every channel",
        "đã rút lại ngày 01/02/2026 qua mọi kênh",
    ),
    ({"consent": "news"}, False, {"consent": None}, "no consent covers it", "không có sự đồng ý nào áp dụng"),
    (
        {"reachable": "email"},
        True,
        {"channels": ["chat", "email"]},
        "found chat and e-mail",
        "thấy trò chuyện và e-mail",
    ),
    (
        {"event": "purchase", "count": {"at_least": 3}},
        False,
        {"count": 2, "newest": "2026-02-01T00:00:00+00:00"},
        "counted 2, the newest on 1 February 2026",
        "đếm được 2, lần mới nhất ngày 01/02/2026",
    ),
    ({"outcome": "read"}, False, {"count": 0}, "counted 0", "đếm được 0"),
    ({"segment": "vip"}, True, {"segments": ["b", "vip"]}, 'found "b" and "vip"', 'thấy "b" và "vip"'),
    ({"graph": "x"}, False, {"answer": None}, "the database has not been asked", "chưa hỏi cơ sở dữ liệu"),
]


@pytest.mark.parametrize(("document", "holds", "evidence", "english", "vietnamese"), _FOUND)
def test_a_condition_tells_what_was_found(
    document: dict[str, Any], evidence: dict[str, Any], english: str, vietnamese: str, *, holds: bool
) -> None:
    explained = _explained(document)
    assert (explained.holds, dict(explained.evidence)) == (holds, evidence)
    assert explained.text == parse(document).text()
    if english:
        assert explained.found == english
        assert _explained(document, language=Language.VI).found == vietnamese


def test_a_group_tells_of_each_part() -> None:
    explained = _explained(
        {"all": [{"any": [{"segment": "vip"}, {"segment": "x"}]}, {"not": {"segment": "b"}}, {"any": []}]}
    )
    assert explained.text == "all of these hold"
    assert [part.holds for part in explained.parts] == [True, False, False]
    assert [part.holds for part in explained.parts[0].parts] == [True, False]
    assert explained.parts[1].parts[0].holds
    assert explained.parts[2].text == "nobody"


def test_somebody_inactive_is_told_so_first() -> None:
    someone = Person(profile_id=1, ext_id="a", created_at=_AT, active=False)
    explained = _explained({"all": []}, someone)
    assert not explained.holds
    assert [(part.text, part.holds) for part in explained.parts] == [
        ("the profile is active", False),
        ("everyone", True),
    ]


@quick
@given(rules(answers=True), people())
def test_what_is_explained_is_what_holds(document: dict[str, Any], someone: dict[str, Any]) -> None:
    rule, asked = parse(document), person(someone)
    for language in Language:
        explained = rule.explain(asked, now=NOW, today=TODAY, language=language)
        assert explained.holds is rule.holds(asked, now=NOW, today=TODAY)
        assert json.loads(json.dumps(explained.to_document(), ensure_ascii=False, allow_nan=False))


@quick
@given(rules(answers=True), people())
def test_each_condition_of_the_rule_is_explained_once(document: dict[str, Any], someone: dict[str, Any]) -> None:
    def texts(explained: Explained) -> list[str]:
        if explained.parts:
            return [one for part in explained.parts for one in texts(part)]
        return [explained.text] if explained.evidence or explained.found else []

    rule = parse(document)
    explained = rule.explain(person(someone), now=NOW, today=TODAY)
    assert len(texts(explained)) == len(rule.leaves())
    assert all(isinstance(leaf, nodes.Leaf) for leaf in rule.leaves())
