"""The one answer to why somebody did not get something, and how it is said in English and Vietnamese."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from engine.explain.funnel import first_reason
from engine.explain.plan import Plan
from engine.explain.sentences import arbiter_name, ended_as, moment, stopped_by
from engine.explain.stored import Stored
from engine.segments import Explanation
from rules.conditions import Explained, Language
from rules.verdicts import CHOSEN, Decision, Verdict
from rules.words import Action, CampaignStatus, Channel, DeliveryStatus, Gate

EN, VI = Language.EN, Language.VI


class Answer(StrEnum):
    """In the order in which they are looked for."""

    SENT = "sent"
    ON_ITS_WAY = "on_its_way"
    MAY_HAVE_ARRIVED = "may_have_arrived"
    NOT_SENT = "not_sent"
    OTHER_CHOSEN = "other_chosen"
    WAITS = "waits"
    HELD_BACK = "held_back"
    CHOSE_NOTHING = "chose_nothing"
    NOT_ACTIVE = "not_active"
    TO_BE_DECIDED = "to_be_decided"
    NOT_IN_SEGMENT = "not_in_segment"
    NOT_IN_SNAPSHOT = "not_in_snapshot"
    NOT_OFFERED = "not_offered"
    WOULD_CHOOSE_OTHER = "would_choose_other"
    WOULD_WAIT = "would_wait"
    WOULD_BE_HELD = "would_be_held"
    WOULD_SEND = "would_send"


_SENTENCES: Final[Mapping[Answer, Mapping[Language, str]]] = {
    Answer.SENT: {
        EN: "{person} was sent {what} at {at} (decision {decision}).",
        VI: "{person} đã được gửi {what} lúc {at} (quyết định {decision}).",
    },
    Answer.ON_ITS_WAY: {
        EN: "It was decided at {at} to send {person} {what} (decision {decision}), and the message is on its way.",
        VI: "Lúc {at} đã quyết định gửi {what} cho {person} (quyết định {decision}), tin đang chờ gửi.",
    },
    Answer.MAY_HAVE_ARRIVED: {
        EN: "{person} was sent {what} (decided at {at}, decision {decision}), and nobody knows whether it arrived.",
        VI: "Đã gửi {what} cho {person} (quyết định {decision} lúc {at}), nhưng không rõ tin có đến nơi hay không.",
    },
    Answer.NOT_SENT: {
        EN: "It was decided at {at} to send {person} {what} (decision {decision}), and it did not arrive: {why}.",
        VI: "Lúc {at} đã quyết định gửi {what} cho {person} (quyết định {decision}), nhưng tin không đến nơi: {why}.",
    },
    Answer.OTHER_CHOSEN: {
        EN: "{person} was sent {what} instead (decision {decision}): {why}.",
        VI: "{person} được gửi {what} thay vào đó (quyết định {decision}): {why}.",
    },
    Answer.WAITS: {
        EN: "It was decided at {at} to wait until {until} (decision {decision}): {why}.",
        VI: "Lúc {at} đã quyết định chờ đến {until} (quyết định {decision}): {why}.",
    },
    Answer.HELD_BACK: {
        EN: "It was decided at {at} not to write (decision {decision}): {why}.",
        VI: "Lúc {at} đã quyết định không gửi (quyết định {decision}): {why}.",
    },
    Answer.CHOSE_NOTHING: {
        EN: "It was allowed, and {arbiter} chose to do nothing at {at} (decision {decision}).",
        VI: "Được phép gửi, nhưng lúc {at} {arbiter} đã chọn không làm gì (quyết định {decision}).",
    },
    Answer.NOT_ACTIVE: {
        EN: "The campaign {campaign} is {status}: it decides for nobody.",
        VI: "Chiến dịch {campaign} đang ở trạng thái {status}: chưa quyết định cho ai.",
    },
    Answer.TO_BE_DECIDED: {
        EN: "Nothing is decided yet: it is due at {until}.",
        VI: "Chưa có quyết định: sẽ quyết định lúc {until}.",
    },
    Answer.NOT_IN_SEGMENT: {
        EN: "{person} is not in the segment {segment}: {why}.",
        VI: "{person} không thuộc phân khúc {segment}: {why}.",
    },
    Answer.NOT_IN_SNAPSHOT: {
        EN: "{person} is in the segment now, but was not when it was frozen at {at}; the next activation has them.",
        VI: "{person} hiện thuộc phân khúc, nhưng chưa thuộc lúc chốt danh sách ({at}); lần kích hoạt sau sẽ có.",
    },
    Answer.NOT_OFFERED: {
        EN: "The campaign {campaign} has no approved template for {asked}.",
        VI: "Chiến dịch {campaign} không có mẫu tin đã duyệt cho {asked}.",
    },
    Answer.WOULD_CHOOSE_OTHER: {
        EN: "Nothing is decided yet; now {what} would be chosen instead: {why}.",
        VI: "Chưa có quyết định; nếu quyết định bây giờ sẽ chọn {what}: {why}.",
    },
    Answer.WOULD_WAIT: {
        EN: "Nothing is decided yet; now it would wait until {until}: {why}.",
        VI: "Chưa có quyết định; nếu quyết định bây giờ sẽ chờ đến {until}: {why}.",
    },
    Answer.WOULD_BE_HELD: {
        EN: "Nothing is decided yet; now it would be held back: {why}.",
        VI: "Chưa có quyết định; nếu quyết định bây giờ sẽ không gửi: {why}.",
    },
    Answer.WOULD_SEND: {
        EN: "Nothing has asked for a decision yet; now {what} would be sent.",
        VI: "Chưa có yêu cầu quyết định; nếu quyết định bây giờ sẽ gửi {what}.",
    },
}
_OUTSCORED: Final[Mapping[Language, str]] = {
    EN: "it was allowed too, and {arbiter} preferred the other",
    VI: "phương án này cũng được phép, nhưng {arbiter} chọn phương án kia",
}
_STATUS: Final[Mapping[CampaignStatus, str]] = {
    CampaignStatus.DRAFT: "nháp",
    CampaignStatus.ACTIVE: "đang chạy",
    CampaignStatus.PAUSED: "tạm dừng",
    CampaignStatus.ENDED: "đã kết thúc",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked about: a channel, a template's key, or (both None) anything of the campaign."""

    channel: Channel | None = None
    template: str | None = None

    @property
    def is_anything(self) -> bool:
        return self.channel is None and self.template is None

    def among(self, verdicts: tuple[Verdict, ...]) -> list[Verdict]:
        """Give the verdicts on what was asked about."""
        return [
            one
            for one in verdicts
            if one.candidate.action is Action.SEND
            and self.channel in {None, one.candidate.channel}
            and self.template in {None, one.candidate.template_name}
        ]

    def __str__(self) -> str:
        return " ".join(word for word in (self.template, self.channel) if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known when the answer is looked for; `frozen_at` and `is_frozen` are of the newest snapshot."""

    plan: Plan
    decided: Stored | None
    would: Decision
    segment: Explanation | None
    frozen_at: datetime | None
    is_frozen: bool
    due_at: datetime | None
    wanted: Wanted

    @property
    def settled(self) -> Stored | None:
        """The newest decision, where no list was frozen since."""
        if self.decided is None or self.frozen_at is None or self.decided.decided_at >= self.frozen_at:
            return self.decided
        return None

    @property
    def is_due(self) -> bool:
        """Something is to be decided soon, other than what a decision waits for."""
        waits = self.settled is not None and self.settled.decision.action is Action.WAIT
        return self.due_at is not None and self.plan.status is CampaignStatus.ACTIVE and not waits


def answer(case: Case) -> Answer:
    """Give what counts most: what was decided, else what stands before deciding, else what would be decided."""
    if case.is_due:
        return Answer.TO_BE_DECIDED
    if case.settled is not None:
        found = _of(case.settled.decision, case.wanted, is_decided=True)
        return _came_of(case.settled) if found is Answer.SENT else found
    return _before(case) or _of(case.would, case.wanted, is_decided=False)


def _came_of(told: Stored) -> Answer:
    """Say what became of a message that was to be sent: deciding it is not sending it."""
    statuses = {one["status"] for one in told.deliveries}
    if DeliveryStatus.SENT in statuses:
        return Answer.SENT
    if DeliveryStatus.UNCERTAIN in statuses:
        return Answer.MAY_HAVE_ARRIVED
    return Answer.ON_ITS_WAY if statuses & {DeliveryStatus.QUEUED, DeliveryStatus.SENDING} else Answer.NOT_SENT


def _before(case: Case) -> Answer | None:
    if case.plan.status is not CampaignStatus.ACTIVE:
        return Answer.NOT_ACTIVE
    if case.segment is not None and not case.segment.holds and not case.plan.waits_for_leavers:
        return Answer.NOT_IN_SEGMENT
    return Answer.NOT_IN_SNAPSHOT if case.frozen_at is not None and not case.is_frozen else None


def _of(decision: Decision, wanted: Wanted, *, is_decided: bool) -> Answer:
    asked = wanted.among(decision.verdicts)
    if not asked and not wanted.is_anything:
        return Answer.NOT_OFFERED
    if decision.action is Action.SEND:
        if any(one.candidate == decision.chosen for one in asked):
            return Answer.SENT if is_decided else Answer.WOULD_SEND
        return Answer.OTHER_CHOSEN if is_decided else Answer.WOULD_CHOOSE_OTHER
    if decision.action is Action.WAIT:
        return Answer.WAITS if is_decided else Answer.WOULD_WAIT
    if is_decided and decision.reason == CHOSEN:
        return Answer.CHOSE_NOTHING
    return Answer.HELD_BACK if is_decided else Answer.WOULD_BE_HELD


def sentence(found: Answer, case: Case, language: Language, *, person: str, zone: str) -> str:
    """Say the answer; times are in the person's zone."""
    told = case.settled
    decision = case.would if told is None else told.decision
    at = case.frozen_at if told is None else told.decided_at
    until = case.due_at if found is Answer.TO_BE_DECIDED else decision.wait_until
    status = case.plan.status
    return _SENTENCES[found][language].format(
        person=person,
        campaign=case.plan.key,
        status=_STATUS[status] if language is VI else status,
        decision=None if told is None else told.decision_id,
        arbiter=arbiter_name(decision.arbiter, language),
        what=_chosen(decision),
        asked=case.wanted,
        segment=case.plan.segment_key,
        at="" if at is None else moment(at, zone, language),
        until="" if until is None else moment(until, zone, language),
        why=_why(found, case, decision, language),
    )


def _why(found: Answer, case: Case, decision: Decision, language: Language) -> str:
    if found is Answer.NOT_IN_SEGMENT and case.segment is not None:
        return "; ".join(_failing(case.segment.explained))
    if found in {Answer.OTHER_CHOSEN, Answer.WOULD_CHOOSE_OTHER}:
        verdicts = case.wanted.among(decision.verdicts)
        if any(one.eligible for one in verdicts):
            return _OUTSCORED[language].format(arbiter=arbiter_name(decision.arbiter, language))
        reasons = [reason for one in verdicts if (reason := first_reason(one)) is not None]
        return "; ".join(dict.fromkeys(stopped_by(reason.gate, language) for reason in reasons))
    if found is Answer.NOT_SENT and case.settled is not None:
        ended = [ended_as(one["status"], one["code"], language) for one in case.settled.deliveries]
        return "; ".join(dict.fromkeys(ended)) or ended_as(None, None, language)
    return "" if decision.reason == CHOSEN else stopped_by(Gate(decision.reason), language)


def _failing(explained: Explained) -> list[str]:
    """Give the conditions that do not hold, in words, each with what was found."""
    if explained.holds:
        return []
    inner = [said for part in explained.parts for said in _failing(part)]
    if inner:
        return inner
    # "None of these" fails by what does hold.
    found = explained.found or ", ".join(part.text for part in explained.parts)
    return [f"{explained.text} ({found})" if found else explained.text]


def _chosen(decision: Decision) -> str:
    chosen = decision.chosen
    if chosen is None or decision.action is not Action.SEND:
        return ""
    return f"{chosen.template_name} ({chosen.channel})"
