"""What is allowed right now: for each channel, every gate against writing to a person about anything.

The gates are asked as in `decide`, with one candidate per channel, under the tenant's default policy. What a campaign
adds (its window, its control group, its budget, its own policy) is answered by why-not.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from engine.db import Transaction
from engine.explain.gates import rule_text
from engine.facts import gather
from engine.journey.timeline import person_of
from engine.queries import queries
from rules.conditions import Language
from rules.decide import weigh
from rules.errors import NotFound
from rules.facts import Campaign, Candidate, candidates
from rules.policy import Policy
from rules.verdicts import Reason, Verdict
from rules.words import Action, Channel

_SQL = queries("journey")


@dataclass(frozen=True, slots=True)
class OnChannel:
    """`wait_until` is when it will be allowed by itself; None if it is allowed, or never will be by itself."""

    channel: Channel
    is_connected: bool
    is_allowed: bool
    wait_until: datetime | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    ext_id: str
    purpose: str
    at: datetime
    policy: Policy
    channels: tuple[OnChannel, ...]

    @property
    def policy_version(self) -> int:
        return self.policy.version

    def rule(self, reason: Reason, language: Language) -> str:
        """Give the rule that refuses, in the policy's words."""
        return rule_text(self.policy, reason, language)


async def allowed(
    conn: Transaction, *, tenant_id: UUID, ext_id: str, purpose: str = "marketing", at: datetime | None = None
) -> Allowed:
    """Say for each channel whether a message for `purpose` may be sent to a person now; raises NotFound."""
    now = at or datetime.now(UTC)
    person = await person_of(conn, ext_id)
    grounds = await (await conn.execute(_SQL["grounds"])).fetchone()
    if grounds is None:
        raise NotFound(f"There is no tenant {tenant_id}.", remedy="Use the key of one that is there.")
    policy = Policy.parse(grounds["policy"] or {}, version=grounds["policy_version"] or 0)
    connected = {Channel(kind) for kind in grounds["channels"]}
    facts = await gather(
        conn,
        profile_ids=[person.profile_id],
        purpose=purpose,
        now=now,
        zone=(grounds["policy"] or {}).get("zone") or grounds["zone"],
        locale=grounds["locale"],
        contacts_window=policy.longest_window,
        heard_on=policy.windows.keys() & connected,
    )
    offered = candidates([(channel, 0, "", 0) for channel in Channel])
    verdicts = weigh(facts[0], offered, Campaign(campaign_id=0, name="", purpose=purpose), policy, now)
    return Allowed(
        ext_id=person.ext_id,
        purpose=purpose,
        at=now,
        policy=policy,
        channels=tuple(
            _on_channel(verdict, connected) for verdict in verdicts if verdict.candidate.action is Action.SEND
        ),
    )


def _on_channel(verdict: Verdict, connected: set[Channel]) -> OnChannel:
    channel = _channel(verdict.candidate)
    is_connected = channel in connected
    return OnChannel(
        channel=channel,
        is_connected=is_connected,
        is_allowed=verdict.eligible and is_connected,
        wait_until=verdict.wait_until,
        reasons=verdict.reasons,
    )


def _channel(candidate: Candidate) -> Channel:
    if candidate.channel is None:
        raise ValueError("a message has a channel")
    return candidate.channel
