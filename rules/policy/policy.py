"""A policy as the gates use it: its document is read once, so that nothing is looked up again per person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from rules.conditions import Rule
from rules.consent import Basis
from rules.policy import read, values
from rules.policy.default import DEFAULT_POLICY
from rules.policy.parts import Arbitration, Cap, QuietHours, Requirement, SendingHours, Weights, Window
from rules.words import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`requirements` are the conditions of all layers, in the order of the funnel.

    `fallback` is how long after a message was queued another channel may take over if it failed; None: never.
    """

    version: int
    zone: str
    required_consent: bool
    purposes: Mapping[str, Basis]
    requirements: tuple[Requirement, ...]
    quiet_hours: QuietHours | None
    sending_hours: tuple[SendingHours, ...]
    windows: Mapping[Channel, Window]
    caps: tuple[Cap, ...]
    yields: timedelta | None
    control_share: float
    costs: Mapping[Channel, float]
    fallback: timedelta | None
    arbitration: Arbitration
    weights: Weights
    document: Mapping[str, Any] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, version: int = 0) -> Self:
        """Read a document; fields it leaves out come from DEFAULT_POLICY. Raises InvalidInput naming the field."""
        values.only(values.mapping("document", document), DEFAULT_POLICY)
        whole = {**DEFAULT_POLICY, **document}
        return cls(
            version=version,
            zone=values.zone("zone", whole["zone"]),
            required_consent=values.boolean("required_consent", whole["required_consent"]),
            purposes=read.purposes("purposes", whole["purposes"]),
            requirements=tuple(one for layer in read.LAYERS for one in read.requirements(layer, whole[layer])),
            quiet_hours=read.quiet_hours("quiet_hours", whole["quiet_hours"]),
            sending_hours=values.many("sending_hours", whole["sending_hours"], read.sending_hours),
            windows=read.windows("windows", whole["windows"]),
            caps=values.many("caps", whole["caps"], read.cap),
            yields=read.yields("yields", whole["yields"]),
            control_share=values.share("control_share", whole["control_share"]),
            costs=read.costs("costs", whole["costs"]),
            fallback=read.fallback("fallback", whole["fallback"]),
            arbitration=read.arbitration("arbitration", whole["arbitration"]),
            weights=read.weights("weights", whole["weights"]),
            document=document,
        )

    @property
    def longest_window(self) -> timedelta:
        """How far back earlier contacts matter."""
        return max((cap.window for cap in self.caps), default=timedelta(0))

    @property
    def needs_person(self) -> bool:
        """Whether it has conditions on the person, so that `Facts.person` has to be gathered."""
        return bool(self.requirements)

    @property
    def names_templates(self) -> bool:
        """Whether a gate may answer differently for another template on the same channel."""
        return any(one.scope.templates for one in self.requirements) or any(
            window.exempt_templates for window in self.windows.values()
        )

    def rules(self) -> tuple[Rule, ...]:
        """Give the conditions of all layers, for whoever gathers what they look at."""
        return tuple(one.rule for one in self.requirements)

    def basis(self, purpose: str) -> Basis:
        """Give the legal basis of a purpose; if no consent is required, an unnamed purpose is legitimate interest."""
        named = self.purposes.get(purpose)
        if named is not None:
            return named
        return Basis.CONSENT if self.required_consent else Basis.LEGITIMATE_INTEREST
