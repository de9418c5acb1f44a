"""A policy in plain words, English and Vietnamese: what a marketer and an auditor read before it is switched on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from rules.conditions import Language
from rules.consent import Basis
from rules.policy.parts import Cap, CapScope, Requirement, Scope
from rules.policy.policy import Policy
from rules.words import Gate

_EN: Mapping[str, str] = {
    "consent": "Messages for {purpose} need a granted consent.",
    "contract": "Messages for {purpose} belong to a contract: no consent is needed, a withdrawal counts.",
    "legal_obligation": "Messages for {purpose} are a legal obligation: they need no consent and go out all the same.",
    "legitimate_interest": "Messages for {purpose} go out until the person withdraws.",
    "other purposes": "any other purpose",
    "requirement": "{name}: {rule}{scope}.",
    "scope": " (only for {what})",
    "channels": "channels {listed}",
    "templates": "templates {listed}",
    "campaigns": "campaigns {listed}",
    "purposes": "purposes {listed}",
    "except": " except for {what}",
    "quiet": "Nobody is disturbed from {start} to {end} of their own day; what is held waits until then.",
    "no quiet": "There are no quiet hours.",
    "sending": "Messages{scope} go out only from {start} to {end} of the person's day.{source}",
    "window": "On {channel} messages go out only within {span} after the person was last heard there{exempt}.{source}",
    "source": " Source: {source}.",
    "cap": "At most {limit} in any {span} {within}{scope}.",
    "calendar cap": "At most {limit} in each {per} of the person's calendar {within}{scope}.",
    "overall": "over all campaigns and channels",
    "campaign": "of one campaign",
    "channel": "on one channel",
    "message": "1 message",
    "messages": "{count} messages",
    "day": "day",
    "week": "week",
    "month": "month",
    "hours": "{count} hours",
    "1 hour": "1 hour",
    "days": "{count} days",
    "1 day": "1 day",
    "minutes": "{count} minutes",
    "yields": "A campaign waits while one of higher priority that is due within {span} could take the last place.",
    "no yields": "Campaigns do not wait for those of higher priority.",
    "control": "{share} of all people get nothing from any campaign, so that its effect can be measured.",
    "no control": "Nobody is held back from all campaigns.",
    "cost": "A message on {channel} costs {amount}.",
    "order": "Who chooses, in this order: {order}; each has {seconds} s for a person.",
    "hours budget": "A run whose models would need more than {hours} hours does not start.",
    "cost budget": "A run whose models would cost more than {cost} does not start.",
    "zone": "Where no person says otherwise, the time zone is {zone}.",
}
_VI: Mapping[str, str] = {
    "consent": "Tin cho mục đích {purpose} cần có sự đồng ý.",
    "contract": "Tin cho mục đích {purpose} thuộc hợp đồng: không cần đồng ý, nhưng rút lại vẫn có hiệu lực.",
    "legal_obligation": "Tin cho mục đích {purpose} là nghĩa vụ pháp lý: không cần đồng ý và vẫn được gửi.",
    "legitimate_interest": "Tin cho mục đích {purpose} được gửi cho đến khi khách từ chối.",
    "other purposes": "khác",
    "requirement": "{name}: {rule}{scope}.",
    "scope": " (chỉ cho {what})",
    "channels": "kênh {listed}",
    "templates": "mẫu tin {listed}",
    "campaigns": "chiến dịch {listed}",
    "purposes": "mục đích {listed}",
    "except": " trừ {what}",
    "quiet": "Không làm phiền ai từ {start} đến {end} theo giờ của họ; tin bị giữ sẽ chờ đến lúc đó.",
    "no quiet": "Không có giờ yên tĩnh.",
    "sending": "Tin{scope} chỉ được gửi từ {start} đến {end} theo giờ của khách.{source}",
    "window": "Trên {channel} chỉ gửi trong vòng {span} kể từ lần cuối khách tương tác ở đó{exempt}.{source}",
    "source": " Nguồn: {source}.",
    "cap": "Nhiều nhất {limit} trong mỗi {span} bất kỳ {within}{scope}.",
    "calendar cap": "Nhiều nhất {limit} trong mỗi {per} theo lịch của khách {within}{scope}.",
    "overall": "tính trên mọi chiến dịch và kênh",
    "campaign": "của một chiến dịch",
    "channel": "trên một kênh",
    "message": "1 tin",
    "messages": "{count} tin",
    "day": "ngày",
    "week": "tuần",
    "month": "tháng",
    "hours": "{count} giờ",
    "1 hour": "1 giờ",
    "days": "{count} ngày",
    "1 day": "1 ngày",
    "minutes": "{count} phút",
    "yields": "Chiến dịch chờ khi một chiến dịch ưu tiên cao hơn, đến hạn trong {span}, có thể lấy suất cuối cùng.",
    "no yields": "Chiến dịch không chờ chiến dịch ưu tiên cao hơn.",
    "control": "{share} số người không nhận gì từ mọi chiến dịch, để đo được hiệu quả.",
    "no control": "Không ai bị giữ lại khỏi mọi chiến dịch.",
    "cost": "Một tin trên {channel} tốn {amount}.",
    "order": "Ai chọn, theo thứ tự: {order}; mỗi bên có {seconds} giây cho một người.",
    "hours budget": "Lượt chạy mà mô hình cần hơn {hours} giờ sẽ không bắt đầu.",
    "cost budget": "Lượt chạy mà mô hình tốn hơn {cost} sẽ không bắt đầu.",
    "zone": "Khi không rõ múi giờ của khách thì dùng {zone}.",
}
WORDS: Mapping[Language, Mapping[str, str]] = {Language.EN: _EN, Language.VI: _VI}
_LAYERS = (Gate.ELIGIBILITY, Gate.APPLICABILITY, Gate.SUITABILITY)


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of a policy; `layer` is the gate that asks it, or what it is about."""

    layer: str
    text: str


def say(policy: Policy, language: Language) -> tuple[Said, ...]:
    """Say a policy sentence by sentence, in the order of the funnel."""
    return tuple(_Speaker(policy, WORDS[language], language).all())


class _Speaker:
    def __init__(self, policy: Policy, words: Mapping[str, str], language: Language) -> None:
        self._policy, self._words, self._language = policy, words, language

    def all(self) -> Iterator[Said]:
        yield Said("zone", self._say("zone", zone=self._policy.zone))
        yield from (Said(Gate.CONSENT, text) for text in self._bases())
        for layer in _LAYERS:
            asked = [one for one in self._policy.requirements if one.layer is layer]
            yield from (Said(layer, self._requirement(one)) for one in asked)
        yield Said(Gate.CONTROL_GROUP, self._control())
        yield from (Said(Gate.BUDGET, text) for text in self._costs())
        yield from (Said(Gate.FREQUENCY_CAP, self._cap(cap)) for cap in self._policy.caps)
        yield Said(Gate.PRIORITY, self._yields())
        yield from (Said(Gate.PROVIDER_WINDOW, text) for text in self._windows())
        yield from (Said(Gate.SENDING_HOURS, text) for text in self._sending())
        yield Said(Gate.QUIET_HOURS, self._quiet())
        yield from (Said("arbitration", text) for text in self._arbitration())

    def _say(self, key: str, **parts: object) -> str:
        return self._words[key].format(**parts)

    def _bases(self) -> Iterator[str]:
        for purpose, basis in sorted(self._policy.purposes.items()):
            yield self._say(basis, purpose=purpose)
        other = Basis.CONSENT if self._policy.required_consent else Basis.LEGITIMATE_INTEREST
        yield self._say(other, purpose=self._words["other purposes"])

    def _requirement(self, one: Requirement) -> str:
        return self._say(
            "requirement", name=one.name, rule=one.rule.text(self._language), scope=self._only(_parts(one.scope))
        )

    def _only(self, parts: Mapping[str, frozenset[str] | None]) -> str:
        what = self._what(parts)
        return self._say("scope", what=what) if what else ""

    def _what(self, parts: Mapping[str, frozenset[str] | None]) -> str:
        said = [self._say(name, listed=", ".join(sorted(values))) for name, values in parts.items() if values]
        return ", ".join(said)

    def _control(self) -> str:
        share = self._policy.control_share
        return self._say("control", share=f"{share * 100:g}%") if share else self._words["no control"]

    def _costs(self) -> Iterator[str]:
        for channel, amount in sorted(self._policy.costs.items()):
            yield self._say("cost", channel=channel, amount=f"{amount:g}")

    def _cap(self, cap: Cap) -> str:
        within = self._words[{CapScope.OVERALL: "overall"}.get(cap.scope, str(cap.scope))]
        limit = self._words["message"] if cap.limit == 1 else self._say("messages", count=cap.limit)
        scope = self._only({"channels": cap.channels, "purposes": cap.purposes})
        if cap.per is not None:
            return self._say("calendar cap", limit=limit, per=self._words[cap.per], within=within, scope=scope)
        return self._say("cap", limit=limit, span=self._span(cap.window), within=within, scope=scope)

    def _yields(self) -> str:
        span = self._policy.yields
        return self._words["no yields"] if span is None else self._say("yields", span=self._span(span))

    def _windows(self) -> Iterator[str]:
        for channel, window in sorted(self._policy.windows.items()):
            exempt = self._what({"templates": window.exempt_templates, "purposes": window.exempt_purposes})
            yield self._say(
                "window",
                channel=channel,
                span=self._span(window.length),
                exempt=self._say("except", what=exempt) if exempt else "",
                source=self._source(window.source),
            )

    def _sending(self) -> Iterator[str]:
        for hours in self._policy.sending_hours:
            yield self._say(
                "sending",
                scope=self._only({"channels": hours.channels, "purposes": hours.purposes}),
                start=f"{hours.start:%H:%M}",
                end=f"{hours.end:%H:%M}",
                source=self._source(hours.source),
            )

    def _quiet(self) -> str:
        quiet = self._policy.quiet_hours
        if quiet is None:
            return self._words["no quiet"]
        return self._say("quiet", start=f"{quiet.start:%H:%M}", end=f"{quiet.end:%H:%M}")

    def _arbitration(self) -> Iterator[str]:
        given = self._policy.arbitration
        yield self._say("order", order=", ".join(given.order), seconds=f"{given.within_ms / 1000:g}")
        if given.most_hours is not None:
            yield self._say("hours budget", hours=f"{given.most_hours:g}")
        if given.most_cost is not None:
            yield self._say("cost budget", cost=f"{given.most_cost:g}")

    def _source(self, source: str | None) -> str:
        return "" if source is None else self._say("source", source=source.rstrip("."))

    def _span(self, span: timedelta) -> str:
        minutes = span.total_seconds() / 60
        if minutes % 1440 == 0:
            return self._words["1 day"] if minutes == 1440 else self._say("days", count=f"{minutes / 1440:g}")  # noqa: PLR2004
        if minutes % 60 == 0:
            return self._words["1 hour"] if minutes == 60 else self._say("hours", count=f"{minutes / 60:g}")  # noqa: PLR2004
        return self._say("minutes", count=f"{minutes:g}")


def _parts(scope: Scope) -> Mapping[str, frozenset[str] | None]:
    return {
        "channels": scope.channels,
        "templates": scope.templates,
        "campaigns": scope.campaigns,
        "purposes": scope.purposes,
    }
