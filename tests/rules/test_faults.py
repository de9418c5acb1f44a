"""What is wrong is named by its kind, and each kind is said in each language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from rules.conditions import parse
from rules.errors import InvalidInput
from rules.faults import SENTENCES, Fault, Said, in_policy, in_rule
from rules.policy import Policy

ROOT = Path(__file__).parents[2]
SAVED = {f"{one}.{kind}" for one in ("campaign", "segment", "template") for kind in ("taken", "changed", "gone")}
FAMILIES = {"rules/conditions": "rule", "rules/policy": "policy"}


def named(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def kinds() -> Iterator[str]:
    """Give every kind that the code names: of `wrong(place, kind)`, and of `Fault(kind)`."""
    for folder in ("rules", "graph", "engine", "api"):
        for file in (ROOT / folder).rglob("*.py"):
            family = next((prefix for place, prefix in FAMILIES.items() if place in file.as_posix()), None)
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or not call.args:
                    continue
                if call.func.id == "wrong" and family:
                    (kind,) = [one.value for one in call.args[1:2] if isinstance(one, ast.Constant)]
                    yield f"{family}.{kind}"
                if call.func.id == "Fault" and isinstance(call.args[0], ast.Constant):
                    yield str(call.args[0].value)


def test_every_kind_that_is_named_is_said_and_no_other() -> None:
    assert {*kinds()} | SAVED == {*SENTENCES}


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_kind_says_as_much_in_vietnamese_as_in_english(kind: str) -> None:
    english, vietnamese = SENTENCES[kind]
    assert named(english) <= named(vietnamese)
    assert re.search("[ăâđêôơưạảấầẩậắặẹếềểệịọốồộớờợụủứừữựýỳàáãèéìíòóõùúũ]", vietnamese.lower())


def test_numbers_are_written_as_each_language_writes_them() -> None:
    said = in_rule("rule.all[0].is", "too_long", most=2_048).say()
    assert "2,048" in said.en
    assert "2.048" in said.vi


def test_what_is_inside_a_fault_is_said_in_its_language() -> None:
    inner = in_rule("rule.al", "no_object")
    said = in_policy("eligibility[0].when", "no_rule", why=inner).say()
    assert said == Said(
        "Policy field eligibility[0].when cannot be read: In a segment's rule, rule.al is no object.",
        "Trong chính sách, eligibility[0].when không đọc được: "
        "Trong quy tắc của phân khúc, rule.al không phải là đối tượng JSON.",
    )


@pytest.mark.parametrize(
    ("rule", "where", "kind"),
    [
        ({"all": [{"attribute": "city", "is": {}}]}, "rule.all[0].is", "rule.no_scalar"),
        ({"event": "bought", "where": {"": 1}}, "rule", "rule.no_text"),
        ([], "rule", "rule.no_object"),
    ],
)
def test_a_fault_of_a_rule_says_where_it_is(rule: object, where: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(rule)
    fault = refused.value.fault
    assert fault is not None
    assert (fault.where, fault.kind, fault.say().en) == (where, kind, refused.value.message)


def test_a_fault_of_a_policy_says_which_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        Policy.parse({"caps": [{"limit": "many", "days": 1}]})
    fault = refused.value.fault
    assert fault is not None
    assert (fault.where, fault.kind) == ("policy.caps[0].limit", "policy.no_whole_number")


def test_braces_in_what_was_sent_stay_as_they_are() -> None:
    assert "{evil}" in Fault("segment.unknown", "segment", {"key": "{evil}"}).say().vi
