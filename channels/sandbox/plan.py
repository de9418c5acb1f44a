"""What people do with a message in the sandbox, derived from a hash of its event_id so that runs can be repeated."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.errors import InvalidInput
from rules.words import OutcomeType

# Share of messages, or of those that had the previous outcome. E-mail: within the averages that senders publish.
DEFAULT_CHANCES: Mapping[str, float] = {
    "bounced": 0.01,
    "read": 0.35,
    "clicked": 0.12,
    "visited": 0.8,
    "bought": 0.15,
    "unsubscribed": 0.005,
    "complained": 0.001,
    "replied": 0.03,
    "kicked": 0.005,
}
PUSHES = frozenset({"app_push", "web_push"})
# Channels where an accepted message is there at once, and people answer in the same place.
SOCIAL = frozenset({"zalo_oa", "zalo_template", "facebook"})
PURCHASE_VND = 500_000
# Seconds after sending: the earliest and the latest.
DELAYS: Mapping[OutcomeType, tuple[float, float]] = {
    OutcomeType.BOUNCED: (0.5, 3.0),
    OutcomeType.DELIVERED: (0.2, 2.0),
    OutcomeType.READ: (2.0, 20.0),
    OutcomeType.CLICKED: (20.0, 30.0),
    OutcomeType.REPLIED: (5.0, 30.0),
    OutcomeType.UNSUBSCRIBED: (20.0, 40.0),
    OutcomeType.COMPLAINED: (20.0, 40.0),
    OutcomeType.VISITED: (21.0, 31.0),
    OutcomeType.BOUGHT: (31.0, 60.0),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One outcome that will come, `delay_s` after the message."""

    type: OutcomeType
    delay_s: float
    value: float | None = None
    """Money, if somebody bought."""


class Chances:
    """How likely each outcome is; the same seed and event_id always give the same plan."""

    def __init__(self, chances: Mapping[str, float], *, seed: int, delay_scale: float) -> None:
        """Raise InvalidInput for an unknown outcome or a chance outside 0..1."""
        unknown = chances.keys() - DEFAULT_CHANCES.keys()
        if unknown or any(not 0 <= chance <= 1 for chance in chances.values()):
            raise InvalidInput(
                "A chance is wrong.", remedy=f"Give a share from 0 to 1 for {', '.join(DEFAULT_CHANCES)}."
            )
        self._chances = {**DEFAULT_CHANCES, **chances}
        self._seed = seed
        self._delay_scale = delay_scale

    def plan(self, event_id: str, channel: str) -> list[Step]:
        """Give the coming outcomes of one message; a bot only hears of replies and blocks, and a push never bounces."""
        if channel == "telegram":
            wanted = [("replied", OutcomeType.REPLIED), ("kicked", OutcomeType.UNSUBSCRIBED)]
            return [self._step(event_id, kind) for name, kind in wanted if self._happens(event_id, name)]
        if channel not in PUSHES | SOCIAL and self._happens(event_id, "bounced"):
            return [self._step(event_id, OutcomeType.BOUNCED)]
        kinds = [OutcomeType.DELIVERED]
        if self._happens(event_id, "read"):
            kinds.append(OutcomeType.READ)
            later = (OutcomeType.CLICKED, OutcomeType.UNSUBSCRIBED, OutcomeType.COMPLAINED)
            if channel in SOCIAL:
                later = (OutcomeType.CLICKED, OutcomeType.UNSUBSCRIBED, OutcomeType.REPLIED)
            kinds += [kind for kind in later if self._happens(event_id, kind.value)]
        if OutcomeType.CLICKED in kinds and self._happens(event_id, "visited"):
            kinds.append(OutcomeType.VISITED)
            kinds += [OutcomeType.BOUGHT] if self._happens(event_id, "bought") else []
        return [self._step(event_id, kind) for kind in kinds]

    def steps(self, event_id: str, asked: Sequence[tuple[OutcomeType, float | None]]) -> list[Step]:
        """Give the outcomes that were asked for, in order, each with its value."""
        latest = 0.0
        ordered = []
        for kind, value in asked:
            latest = max(latest, self._step(event_id, kind).delay_s)
            ordered.append(Step(kind, latest, value))
        return ordered

    def _happens(self, event_id: str, name: str) -> bool:
        return self._share(event_id, name) < self._chances[name]

    def _step(self, event_id: str, kind: OutcomeType) -> Step:
        earliest, latest = DELAYS[kind]
        share = self._share(event_id, f"delay {kind}")
        value = round(PURCHASE_VND * (0.2 + share)) if kind is OutcomeType.BOUGHT else None
        return Step(kind, (earliest + (latest - earliest) * share) * self._delay_scale, value)

    def _share(self, event_id: str, name: str) -> float:
        digest = hashlib.blake2b(f"{self._seed}|{name}|{event_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64
