"""An answer against its label: the same calls, the right tool with other arguments, another tool, or nothing usable.

Texts are equal without regard to capital letters, accents and blanks: "hang vang" is "Hạng vàng". Conditions are equal
when they are the same rule, in whichever order and form. What an asker leaves to the model is not compared: the reason
of do_nothing, and a new record's key and name where the request does not say them.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.evaluation.dataset import Intent
from engine.tenants import ALL_SCOPES
from engine.think.contract import Call
from engine.tools import check
from engine.tools.rule import RULED, rule_of
from rules.conditions.fold import fold
from rules.errors import InvalidInput

NOTHING = "(no valid call)"
_RULE = frozenset({"match", "conditions", "rule"})
_NAMED_BY_ASKER = frozenset(
    {("create_segment", "key"), ("create_segment", "name"), ("create_campaign", "key"), ("create_campaign", "name")}
)
_NO_MARKS = dict.fromkeys(range(0x300, 0x370)) | {ord("đ"): "d"}


class Grade(StrEnum):
    """What came of one request."""

    EXACT = "exact"
    WRONG_ARGUMENT = "wrong_argument"
    WRONG_TOOL = "wrong_tool"
    """Another tool, or more or fewer calls."""
    INVALID = "invalid"
    """No call could be read of the answer, or one that a task would refuse."""
    REFUSED = "refused"
    """The model answered, and not with a call that is allowed."""
    UNANSWERED = "unanswered"
    """It was away, or took too long."""


@dataclass(frozen=True, slots=True)
class Graded:
    """`arguments`: (tool, argument) -> (right, compared), of calls whose tool is right; `pairs`: (meant, answered)."""

    grade: Grade
    arguments: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    pairs: Sequence[tuple[str, str]] = ()


def grade(intent: Intent, calls: Sequence[Call]) -> Graded:
    """Compare calls that a model gave with those that are meant; the order of several calls counts."""
    meant = [one.name for one in intent.calls]
    if check(calls, ALL_SCOPES):
        return Graded(Grade.INVALID, pairs=[(name, NOTHING) for name in meant])
    given = [one.name for one in calls]
    if meant != given:
        return Graded(Grade.WRONG_TOOL, pairs=_pairs(meant, given))
    right: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    for wanted, answered in zip(intent.calls, calls, strict=True):
        for name, is_right in _arguments(intent, wanted, answered).items():
            seen[wanted.name, name] += 1
            right[wanted.name, name] += is_right
    reached = Grade.EXACT if right.total() == seen.total() else Grade.WRONG_ARGUMENT
    arguments = {place: (right[place], count) for place, count in seen.items()}
    return Graded(reached, arguments, [(name, name) for name in meant])


def unusable(intent: Intent, reached: Grade) -> Graded:
    """Give what counts where there are no calls to compare."""
    return Graded(reached, pairs=[(one.name, NOTHING) for one in intent.calls])


def _pairs(meant: Sequence[str], given: Sequence[str]) -> list[tuple[str, str]]:
    """Pair tools that are in both, then what is left in order; calls too few are paired with nothing."""
    both = Counter(meant) & Counter(given)
    left = list((Counter(given) - both).elements())
    missing = list((Counter(meant) - both).elements())
    left += [NOTHING] * (len(missing) - len(left))
    return [(name, name) for name in both.elements()] + list(zip(missing, left, strict=False))


def _arguments(intent: Intent, wanted: Call, answered: Call) -> dict[str, bool]:
    """Tell for each argument that the label or the answer has whether they agree; one too many is wrong too."""
    one, other = _canonical(wanted), _canonical(answered)
    names = sorted(name for name in one.keys() | other.keys() if _is_compared(intent, wanted, name))
    return {name: name in one and name in other and one[name] == other[name] for name in names}


def _is_compared(intent: Intent, wanted: Call, name: str) -> bool:
    if (wanted.name, name) == ("do_nothing", "reason"):
        return False
    if (wanted.name, name) in _NAMED_BY_ASKER:
        return _plain(wanted.arguments[name]) in _plain(intent.text)
    return True


def _canonical(call: Call) -> dict[str, Any]:
    """Write arguments so that equal ones mean the same."""
    arguments = {name: _plain_value(value) for name, value in call.arguments.items() if name not in _RULE}
    if call.name in RULED:
        arguments["conditions"] = _canonical_rule(call.arguments)
    return arguments


def _canonical_rule(arguments: Mapping[str, Any]) -> Any:
    try:
        rule = rule_of(arguments)
    except InvalidInput:
        return None
    return _sorted(rule)


def _sorted(rule: Any) -> Any:
    """Sort what is under "all" and "any", one condition is the same under either; "not is" is "is_not"."""
    if not isinstance(rule, Mapping):
        return _plain_value(rule)
    for word in ("all", "any"):
        if rule.keys() == {word} and isinstance(rule[word], list):
            parts = sorted((_sorted(part) for part in rule[word]), key=lambda part: json.dumps(part, sort_keys=True))
            return parts[0] if len(parts) == 1 else {word: parts}
    match rule:
        case {"not": {"attribute": name, "is": value}}:
            return _sorted({"attribute": name, "is_not": value})
    return {name: _sorted(value) for name, value in rule.items()}


def _plain_value(value: Any) -> Any:
    match value:
        case str():
            return _plain(value)
        case list():
            return [_plain_value(one) for one in value]
        case Mapping():
            return {name: _plain_value(one) for name, one in value.items()}
        case _:
            return value


def _plain(text: str) -> str:
    folded = fold(unicodedata.normalize("NFC", text))
    return " ".join(unicodedata.normalize("NFD", folded).translate(_NO_MARKS).split())
