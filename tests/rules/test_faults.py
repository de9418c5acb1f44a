"""What is wrong is named by its kind, and each kind is said in each language."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from rules.circuit import Sign
from rules.conditions import parse
from rules.errors import InvalidInput
from rules.faults import SENTENCES, Fault, Said, in_policy, in_rule
from rules.policy import Policy

ROOT = Path(__file__).parents[2]
SAVED = {f"{one}.{kind}" for one in ("campaign", "segment", "template") for kind in ("taken", "changed", "gone")}
# Which function's first constant is a kind, and of which family: by the file that it stands in.
MAKERS = {
    ("rules/conditions", "wrong"): "rule.",
    ("rules/policy", "wrong"): "policy.",
    ("graph/guard", "refuse"): "cypher.",
    ("graph/guard", "refuse_here"): "cypher.",
    ("engine/explorer/values.py", "_refused"): "query.",
    ("engine/templates/liquid.py", "refusal"): "template.",
    ("engine/templates/check.py", "refusal"): "template.",
    ("engine/templates", "Unfit"): "filter.",
    ("channels/content/fields.py", "_fault"): "",
    ("channels/tokens/facebook.py", "_later"): "token.facebook_",
    ("channels/tokens/facebook.py", "_ended"): "token.facebook_",
    ("channels/tokens/zalo.py", "_later"): "token.zalo_",
    ("", "Fault"): "",
}
# Named by a value: a part, a unit, a channel, and what is stored of a channel before a colon.
NAMES = {"part", "count", "shape", "medium"}
BY_VALUE = {f"channel.{kind}" for kind in ("paused", "grant_ended", "provider_down", *Sign)} - {
    "channel.alive",
    "channel.down",
}


def named(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def constants(node: ast.expr) -> Iterator[str]:
    """Give the texts that an argument can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.IfExp):
        yield from constants(node.body)
        yield from constants(node.orelse)


def kinds() -> Iterator[str]:
    """Give every kind that the code names: of `Fault(kind)`, and of what makes one of a family."""
    for folder in ("rules", "graph", "channels", "engine", "api"):
        for file in (ROOT / folder).rglob("*.py"):
            place = file.relative_to(ROOT).as_posix()
            if place.startswith("rules/faults/"):
                continue
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(call, ast.Call):
                    continue
                called = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
                for (prefix, maker), family in MAKERS.items():
                    if called == maker and place.startswith(prefix):
                        given = call.args[1:2] if maker == "wrong" else call.args[:1]
                        yield from (f"{family}{kind}" for one in given for kind in constants(one))


def marks() -> Iterator[str]:
    """Give the kinds of the signs that the guard does not take."""
    for node in ast.walk(ast.parse((ROOT / "graph" / "guard" / "tokens.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_WHY_NOT":
            assert isinstance(node.value, ast.Dict)
            for pair in node.value.values:
                assert isinstance(pair, ast.Tuple)
                yield from (f"cypher.{kind}" for kind in constants(pair.elts[0]))


def test_every_kind_that_is_named_is_said_and_no_other() -> None:
    said = {kind for kind in SENTENCES if kind.partition(".")[0] not in NAMES}
    assert {*kinds(), *marks()} | SAVED | BY_VALUE == said


@pytest.mark.parametrize("kind", [kind for kind in SENTENCES if kind.partition(".")[0] not in NAMES])
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


def test_a_fault_is_stored_and_said_later() -> None:
    inner = Fault("token.zalo_refuses", "token", {"what": Fault("token.refresh"), "said": "-14 expired"})
    fault = Fault("token.cut_off", "token", {"at": "2026-05-01 09:00:00", "why": inner})
    assert Fault.read(json.loads(json.dumps(fault.document()))) == fault
    assert "Zalo không nhận mã gia hạn" in fault.say().vi


def test_a_stored_fault_of_another_version_is_none_that_could_be_said() -> None:
    unknown = {"kind": "token.of_tomorrow", "where": "", "values": {}}
    assert Fault.read(None) is None
    assert Fault.read(unknown) is None
    assert Fault.read({"kind": "token.cut_off", "where": "", "values": {"at": "", "why": unknown}}) is None
