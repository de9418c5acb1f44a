"""Gates: how freely each channel may be called, by all workers; asked once per claim, told once per group of results.

The arithmetic is in rules/limits.py and rules/circuit.py; here the rows are read, locked and written. A working channel
without a limit is only read: its claims wait for nobody.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from channels import registry
from engine.db import Transaction
from engine.queries import queries
from rules.circuit import Circuit, CircuitState, Heard, is_out, learn, may_call, pause_reason, probe
from rules.errors import LeoError
from rules.limits import UNLIMITED, Pace, allowed, free_at, spend
from rules.words import Channel, Lane

_SQL = queries("dispatch")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One channel: `failover` is its rank among those that stand in for each other."""

    channel_id: int
    kind: str
    is_connected: bool
    failover: int | None
    pace: Pace
    spent_until: datetime | None
    circuit: Circuit

    @property
    def is_shared(self) -> bool:
        """Whether a claim changes it."""
        return self.is_connected and (self.pace.is_limited or self.circuit.state is not CircuitState.WORKING)


@dataclass(frozen=True, slots=True)
class Opening:
    """Up to `most` of a channel's messages may be sent, through that channel or another."""

    channel_id: int
    through_id: int
    most: int
    recipient_s: float | None

    def to_row(self) -> dict[str, Any]:
        return {
            "channel_id": self.channel_id,
            "through_id": self.through_id,
            "most": self.most,
            "recipient_s": self.recipient_s,
        }


@dataclass(frozen=True, slots=True)
class Gates:
    """The tenant's gates as one claim found them."""

    gates: Mapping[int, Gate]
    openings: tuple[Opening, ...]
    lane: Lane
    now: datetime

    @property
    def circuits(self) -> dict[int, Circuit]:
        return {channel_id: gate.circuit for channel_id, gate in self.gates.items()}

    def has_stand_in(self, channel_id: int) -> bool:
        """Whether another provider could send this one's messages."""
        gate = self.gates[channel_id]
        return gate.failover is not None and any(
            one.kind == gate.kind and one.failover is not None and one.is_connected and one is not gate
            for one in self.gates.values()
        )

    def again_at(self, taken: Mapping[int, int]) -> datetime | None:
        """Give when more may be sent than was taken (by channel), if only the gates were in the way."""
        used_up = {opening.through_id for opening in self.openings if taken.get(opening.through_id, 0) >= opening.most}
        return min((self._free_at(self.gates[one], taken.get(one, 0)) for one in used_up), default=None)

    def _free_at(self, gate: Gate, taken: int) -> datetime:
        spent_until = spend(gate.pace, gate.spent_until, self.now, taken) if taken else gate.spent_until
        at = free_at(gate.pace, spent_until, self.now, lane=self.lane)
        return at if gate.circuit.held_until is None else max(at, gate.circuit.held_until)


async def open_gates(conn: Transaction, *, lane: Lane, now: datetime, most: int) -> Gates:
    """Read the tenant's gates, and lock those that a claim in this lane changes."""
    rows = await (await conn.execute(_SQL["gates"])).fetchall()
    gates = {row["channel_id"]: _gate(row) for row in rows}
    shared = sorted(channel_id for channel_id, gate in gates.items() if gate.is_shared)
    if shared:
        locked = await (await conn.execute(_SQL["lock_gates"], {"channel_ids": shared})).fetchall()
        for row in locked:
            gate = gates[row["channel_id"]]
            gates[row["channel_id"]] = replace(gate, spent_until=row["spent_until"], circuit=_circuit(row))
    openings = [_opening(gate, gates.values(), lane=lane, now=now, most=most) for gate in gates.values()]
    return Gates(gates, tuple(one for one in openings if one is not None), lane, now)


async def take(conn: Transaction, gates: Gates, taken: Mapping[int, int]) -> None:
    """Write down what a claim took, by channel; the gates are locked."""
    rows = []
    for channel_id, count in taken.items():
        gate = gates.gates[channel_id]
        if gate.is_shared:
            circuit = gate.circuit
            if circuit.state is not CircuitState.WORKING:
                circuit = probe(circuit, gates.now)
            rows.append(_row(channel_id, spend(gate.pace, gate.spent_until, gates.now, count), circuit))
    if rows:
        await conn.execute(_SQL["save_gates"], {"rows": Jsonb(rows)})


async def tell(conn: Transaction, heard: Mapping[int, Sequence[Heard]], *, now: datetime) -> None:
    """Write down what channels answered, in order; a channel whose credential is refused is paused."""
    if not heard:
        return
    locked = await (await conn.execute(_SQL["lock_gates"], {"channel_ids": sorted(heard)})).fetchall()
    rows = []
    for row in locked:
        channel_id, before = row["channel_id"], _circuit(row)
        after = learn(before, heard[channel_id], now)
        reason = pause_reason(before, heard[channel_id])
        if reason is not None:
            await pause_channel(conn, channel_id=channel_id, reason=reason)
            after = replace(after, reason=reason)
        elif after.state is CircuitState.BROKEN and before.state is not CircuitState.BROKEN:
            log.warning("channel is left alone", extra={"channel": channel_id, "reason": after.reason})
        rows.append(_row(channel_id, row["spent_until"], after))
    await conn.execute(_SQL["save_gates"], {"rows": Jsonb(rows)})


async def pause_channel(conn: Transaction, *, channel_id: int, reason: str) -> None:
    """Send nothing through a channel until it is resumed or connected anew; `reason` is shown with it."""
    row = await (await conn.execute(_SQL["pause_channel"], {"channel_id": channel_id, "reason": reason})).fetchone()
    if row is not None:
        extra = {"channel": channel_id, "name_of_channel": row["name"], "reason": reason}
        log.error("channel paused: %s", reason.partition(":")[0], extra=extra)


async def resume_channel(conn: Transaction, *, channel_id: int) -> bool:
    """Send through a channel again at once, whatever held it; False if there is no such channel."""
    row = await (await conn.execute(_SQL["resume_channel"], {"channel_id": channel_id})).fetchone()
    if row is not None:
        log.info("channel resumed", extra={"channel": channel_id, "name_of_channel": row["name"]})
    return row is not None


def taken_by(channel_ids: Sequence[int]) -> dict[int, int]:
    """Count what was taken, by channel."""
    return dict(Counter(channel_ids))


def _opening(gate: Gate, gates: Any, *, lane: Lane, now: datetime, most: int) -> Opening | None:
    """Give where a channel's messages may go: through the first of its group that works, otherwise through itself."""
    through = gate
    if gate.failover is not None:
        group = sorted(
            (one for one in gates if one.kind == gate.kind and one.failover is not None and one.is_connected),
            key=lambda one: (one.failover, one.channel_id),
        )
        through = next((one for one in group if not is_out(one.circuit, now)), gate)
    if not through.is_connected:
        return None
    free = allowed(through.pace, through.spent_until, now, lane=lane)
    calls = may_call(through.circuit, now)
    count = min(number for number in (most, free, calls) if number is not None)
    return Opening(gate.channel_id, through.channel_id, count, through.pace.recipient_s)


def _gate(row: DictRow) -> Gate:
    settings = {name: row[name] for name in ("provider", "limits") if row[name] is not None}
    try:
        pace = registry.pace(Channel(row["kind"]), settings)
    except LeoError:
        pace = UNLIMITED  # its adapter cannot be made either, and that error says what is wrong
    return Gate(
        channel_id=row["channel_id"],
        kind=row["kind"],
        is_connected=row["status"] == "connected",
        failover=row["failover"],
        pace=pace,
        spent_until=row["spent_until"],
        circuit=_circuit(row),
    )


def _circuit(row: DictRow) -> Circuit:
    return Circuit(
        state=CircuitState(row["circuit"]),
        held_until=row["held_until"],
        failures=row["failures"],
        breaks=row["breaks"],
        slowdowns=row["slowdowns"],
        denials=row["denials"],
        reason=row["reason"],
    )


def _row(channel_id: int, spent_until: datetime | None, circuit: Circuit) -> dict[str, Any]:
    return {
        "channel_id": channel_id,
        "spent_until": _iso(spent_until),
        "circuit": circuit.state,
        "held_until": _iso(circuit.held_until),
        "failures": circuit.failures,
        "breaks": circuit.breaks,
        "slowdowns": circuit.slowdowns,
        "denials": circuit.denials,
        "reason": circuit.reason,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
