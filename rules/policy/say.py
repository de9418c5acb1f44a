"""A policy in plain words, English and Vietnamese: what a marketer and an auditor read before it takes effect."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from rules.conditions import Language
from rules.conditions import say as write
from rules.consent import Basis
from rules.policy.default import OTHER_CHANNELS_WEIGHT
from rules.policy.parts import Cap, Requirement
from rules.policy.phrases import PHRASES
from rules.policy.policy import Policy
from rules.policy.read import LAYERS
from rules.words import Arbiter, Channel, Gate

_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

_Parts: TypeAlias = Mapping[str, Collection[str] | None]


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of a policy; `layer` is the gate it belongs to, or "zone", "arbitration" or "fallback"."""

    layer: str
    text: str


def say(policy: Policy, language: str = Language.EN) -> tuple[Said, ...]:
    """Say everything that a policy demands, in the order of the funnel, in the given Language.

    Every language gets the same number of sentences, of the same layers.
    """
    return tuple(_Words(policy, Language(language)).all())


@dataclass(frozen=True, slots=True)
class _Words:
    policy: Policy
    language: Language

    def all(self) -> Iterator[Said]:
        yield Said("zone", self._say("zone", zone=self.policy.zone))
        yield from _of(Gate.CONSENT, self._bases())
        for layer in LAYERS:
            asked = (one for one in self.policy.requirements if one.layer is layer)
            yield from _of(layer, map(self._requirement, asked))
        yield Said(Gate.CONTROL_GROUP, self._control())
        yield from _of(Gate.BUDGET, self._costs())
        yield from _of(Gate.FREQUENCY_CAP, map(self._cap, self.policy.caps))
        yield Said(Gate.PRIORITY, self._yields())
        yield from _of(Gate.PROVIDER_WINDOW, self._windows())
        yield from _of(Gate.SENDING_HOURS, self._sending())
        yield Said(Gate.QUIET_HOURS, self._quiet())
        yield from _of("arbitration", self._arbitration())
        yield Said("fallback", self._fallback())

    def _bases(self) -> Iterator[str]:
        for purpose, basis in sorted(self.policy.purposes.items()):
            yield self._say(basis, purpose=write.quoted(purpose))
        other = Basis.CONSENT if self.policy.required_consent else Basis.LEGITIMATE_INTEREST
        yield self._say(other, purpose=self._say("other purposes" if self.policy.purposes else "all purposes"))

    def _requirement(self, one: Requirement) -> str:
        scope = one.scope
        only: _Parts = {
            "channels": scope.channels,
            "templates": scope.templates,
            "campaigns": scope.campaigns,
            "purposes": scope.purposes,
        }
        rule = one.rule.text(self.language)
        return self._say("requirement", name=write.quoted(one.name), rule=rule, scope=self._only(only))

    def _control(self) -> str:
        # Ten digits, because 0.07 times 100 is 7.000000000000001.
        share = float(f"{self.policy.control_share * 100:.10g}")
        return self._say("control", share=self._number(share)) if share else self._say("no control")

    def _costs(self) -> Iterator[str]:
        for channel, amount in sorted(self.policy.costs.items()):
            yield self._say("cost", channel=self._channel(channel), amount=self._number(amount))

    def _cap(self, cap: Cap) -> str:
        limit = self._say("message") if cap.limit == 1 else self._say("messages", count=self._number(cap.limit))
        scope = self._only({"channels": cap.channels, "purposes": cap.purposes})
        within = self._say(cap.scope)
        if cap.per is not None:
            return self._say("calendar cap", limit=limit, per=self._say(cap.per), within=within, scope=scope)
        return self._say("cap", limit=limit, span=self._span(cap.window), within=within, scope=scope)

    def _yields(self) -> str:
        patience = self.policy.yields
        return self._say("no yields") if patience is None else self._say("yields", span=self._span(patience))

    def _windows(self) -> Iterator[str]:
        for channel, window in sorted(self.policy.windows.items()):
            exempt = self._parts({"templates": window.exempt_templates, "purposes": window.exempt_purposes})
            yield self._say(
                "window",
                channel=self._channel(channel),
                span=self._span(window.length),
                exempt=self._say("except", what=write.listed(exempt, self.language)) if exempt else "",
                source=self._source(window.source),
            )

    def _sending(self) -> Iterator[str]:
        for hours in self.policy.sending_hours:
            scope = self._only({"channels": hours.channels, "purposes": hours.purposes})
            yield self._say(
                "sending",
                start=hours.start.isoformat("minutes"),
                end=hours.end.isoformat("minutes"),
                scope=scope,
                source=self._source(hours.source),
            )

    def _quiet(self) -> str:
        quiet = self.policy.quiet_hours
        if quiet is None:
            return self._say("no quiet")
        return self._say("quiet", start=quiet.start.isoformat("minutes"), end=quiet.end.isoformat("minutes"))

    def _arbitration(self) -> Iterator[str]:
        given = self.policy.arbitration
        order = self._say("then").join(self._say(arbiter) for arbiter in given.order)
        yield self._say("order", order=order)
        if given.order[0] is not Arbiter.SCORE:
            yield self._say("within", seconds=self._number(given.within_ms / 1000))
        if given.most_hours is not None:
            yield self._say("most hours", hours=self._number(given.most_hours))
        if given.most_cost is not None:
            yield self._say("most cost", cost=self._number(given.most_cost))
        yield self._weights()

    def _fallback(self) -> str:
        fallback = self.policy.fallback
        return self._say("no fallback") if fallback is None else self._say("fallback", span=self._span(fallback))

    def _weights(self) -> str:
        weights = self.policy.weights
        channels = [
            self._say("weight", channel=self._channel(channel), weight=self._number(weight))
            for channel, weight in sorted(weights.channel.items())
        ]
        channels.append(self._say("other weight", weight=self._number(OTHER_CHANNELS_WEIGHT)))
        return self._say(
            "weights",
            channels=", ".join(channels),
            engagement=self._number(weights.engagement),
            interest=self._number(weights.interest),
            fatigue=self._number(weights.fatigue),
            do_nothing=self._number(weights.do_nothing),
        )

    def _only(self, parts: _Parts) -> str:
        said = self._parts(parts)
        return self._say("scope", what=", ".join(said)) if said else ""

    def _parts(self, parts: _Parts) -> list[str]:
        said = []
        for name, values in parts.items():
            if values:
                written = [
                    self._channel(one) if isinstance(one, Channel) else write.quoted(one) for one in sorted(values)
                ]
                said.append(self._say(name, listed=write.listed(written, self.language)))
        return said

    def _source(self, source: str | None) -> str:
        if source is None:
            return ""
        plain = "".join(letter if letter.isprintable() else " " for letter in source)
        return self._say("source", source=plain.rstrip(". "))

    def _span(self, span: timedelta) -> str:
        """Write a length of time; a single day as 24 hours, because "in any day" would read as a calendar day."""
        if span > _DAY and not span % _DAY:
            return self._say("days", count=self._number(span / _DAY))
        if span == _HOUR:
            return self._say("1 hour")
        if not span % _HOUR:
            return self._say("hours", count=self._number(span / _HOUR))
        minutes = span / _MINUTE
        return self._say("1 minute") if minutes == 1 else self._say("minutes", count=self._number(minutes))

    def _channel(self, channel: Channel) -> str:
        return write.phrase(self.language, channel)

    def _number(self, value: float) -> str:
        return write.number(value, self.language)

    def _say(self, key: str, **places: str) -> str:
        return PHRASES[self.language][key].format(**places)


def _of(layer: str, texts: Iterable[str]) -> Iterator[Said]:
    return (Said(layer, text) for text in texts)
