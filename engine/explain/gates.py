"""The words of a policy for one gate: what it asks, as the policy that refused has it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rules.conditions import Explained, Language
from rules.facts import Facts
from rules.policy import Policy
from rules.policy.parts import Requirement
from rules.policy.say import say
from rules.verdicts import Reason
from rules.words import Gate

EN, VI = Language.EN, Language.VI

# Gates that no policy writes about: they ask the same under every one.
_ALWAYS: Final[Mapping[Gate, Mapping[Language, str]]] = {
    Gate.NOT_APPROVED: {
        EN: "Only approved templates are sent, by channels that are connected.",
        VI: "Chỉ gửi mẫu tin đã duyệt, qua kênh đã kết nối.",
    },
    Gate.UNKNOWN_PROFILE: {
        EN: "A profile that was merged or deleted receives nothing.",
        VI: "Hồ sơ đã gộp hoặc đã xoá không nhận gì.",
    },
    Gate.SUPPRESSION: {
        EN: "Nobody on the suppression list is written to.",
        VI: "Không gửi cho ai trong danh sách không liên hệ.",
    },
    Gate.UNREACHABLE: {EN: "A valid address on the channel is needed.", VI: "Cần có địa chỉ hợp lệ trên kênh."},
    Gate.INCOMPLETE: {
        EN: "Nothing is sent that could not be written for the person.",
        VI: "Không gửi tin mà không đủ dữ liệu của khách để viết.",
    },
    Gate.DUPLICATE: {
        EN: "A person, and an address, is written to once.",
        VI: "Mỗi người, mỗi địa chỉ chỉ nhận một lần.",
    },
    Gate.CAMPAIGN_WINDOW: {
        EN: "Nothing goes out before the campaign starts or after it ends.",
        VI: "Không gửi trước khi chiến dịch bắt đầu hoặc sau khi kết thúc.",
    },
    # The share is the campaign's or the policy's; what it means is the same.
    Gate.CONTROL_GROUP: {
        EN: "The control group receives nothing, so that the effect of writing can be measured.",
        VI: "Nhóm đối chứng không nhận gì, để đo được tác dụng của việc gửi tin.",
    },
    Gate.BUDGET: {
        EN: "Nothing goes out beyond the campaign's budget.",
        VI: "Không gửi vượt ngân sách của chiến dịch.",
    },
}


_LAYERS: Final = frozenset({Gate.ELIGIBILITY, Gate.APPLICABILITY, Gate.SUITABILITY})


def rule_text(policy: Policy | None, reason: Reason, language: Language) -> str:
    """Give the rule that refused, in the words of its policy; where that is no more, the reason's own."""
    if reason.gate in _ALWAYS:
        return _ALWAYS[reason.gate][language]
    if policy is None:
        return reason.text
    if reason.gate in _LAYERS:
        return _layer_text(policy, reason, language)
    return " ".join(one.text for one in say(policy, language) if one.layer == reason.gate)


def conditions(
    policy: Policy | None, facts: Facts, reason: Reason, at: datetime, language: Language
) -> list[Explained]:
    """Explain what a layer's rule asked, condition by condition, from the facts it was asked of."""
    if policy is None or facts.person is None or reason.gate not in _LAYERS:
        return []
    today = at.astimezone(ZoneInfo(policy.zone)).date()
    return [
        one.rule.explain(facts.person, now=at, today=today, language=language) for one in _requirements(policy, reason)
    ]


def _layer_text(policy: Policy, reason: Reason, language: Language) -> str:
    said = [f"{one.name}: {one.rule.text(language)}" for one in _requirements(policy, reason)]
    return "; ".join(said) or reason.text


def _requirements(policy: Policy, reason: Reason) -> list[Requirement]:
    """Give what the layer asks by the name that stands in the reason's evidence."""
    named = reason.evidence.get("rule")
    return [one for one in policy.requirements if one.layer is reason.gate and one.name == named]
