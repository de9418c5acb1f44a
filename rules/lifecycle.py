"""The life cycles as data: for each state, the states that may follow."""

from collections.abc import Mapping

from rules.errors import Conflict

TRANSITIONS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "delivery": {
        # Sent without being sent again: an answer tells that an attempt nobody was sure of arrived.
        "queued": frozenset({"sending", "sent", "expired", "cancelled", "failed"}),
        # Back to queued: the provider asked to try later, or de-duplicates and its answer was lost.
        "sending": frozenset({"sent", "failed", "uncertain", "queued", "dead", "expired"}),
        "uncertain": frozenset({"sent", "failed", "queued"}),
        "failed": frozenset({"queued"}),
        "dead": frozenset({"queued"}),
        "sent": frozenset({"failed"}),  # A bounce arrives after the provider accepted the message.
        "expired": frozenset(),
        "cancelled": frozenset(),
    },
    "run": {
        "pending": frozenset({"running", "paused", "cancelled", "finished"}),
        "running": frozenset({"paused", "cancelled", "finished"}),
        "paused": frozenset({"running", "cancelled"}),
        "finished": frozenset(),
        "cancelled": frozenset(),
    },
    "task": {
        "queued": frozenset({"thinking", "cancelled", "failed"}),
        "thinking": frozenset({"awaiting_approval", "acting", "succeeded", "failed", "cancelled"}),
        "awaiting_approval": frozenset({"acting", "cancelled", "failed"}),
        "acting": frozenset({"succeeded", "failed", "cancelled"}),
        "succeeded": frozenset(),
        "failed": frozenset({"queued"}),
        "cancelled": frozenset(),
    },
    "campaign": {
        "draft": frozenset({"active", "ended"}),
        "active": frozenset({"paused", "ended"}),
        "paused": frozenset({"active", "ended"}),
        "ended": frozenset(),
    },
    "template": {
        "draft": frozenset({"approved", "retired"}),
        "approved": frozenset({"retired"}),
        "retired": frozenset(),
    },
}


def advance(machine: str, state: str, to: str) -> str:
    """Give `to` if it may follow `state`; raises Conflict naming what may. An unknown machine is a KeyError."""
    following = TRANSITIONS[machine].get(state, frozenset())
    if to in following:
        return to
    allowed = ", ".join(sorted(following)) or "nothing"
    raise Conflict(f"A {machine} that is {state} cannot become {to}.", remedy=f"From {state} it can become: {allowed}.")
