"""A trace for human readers: each journey as a tree of its steps, with times and reasons in words."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from engine.trace import Journey, Step, Trace
from rules.verdicts import Verdict

# The width of "decision", the longest name of a step.
_NAME_WIDTH = 9


def drawn(trace: Trace, *, tenant: str) -> RenderableType:
    """Give the whole trace as something rich can print."""
    root = trace.root
    heading = Text.assemble((f"{root.kind} {root.record_id} ", "bold"), root.title, (f"   tenant {tenant}", "dim"))
    if not trace.journeys:
        return Group(heading, Text("It led to no decision.", style="yellow"))
    count = len(trace.journeys)
    noted = Text(f"{count} {'journey' if count == 1 else 'journeys'}, newest first; times are UTC", style="dim")
    return Group(heading, noted, *(_tree(journey) for journey in trace.journeys))


def _tree(journey: Journey) -> Tree:
    decision = next((step for step in journey.steps if step.step == "decision"), None)
    detail = (decision.detail if decision else None) or {}
    tree = Tree(
        Text.assemble(
            (f"decision {journey.decision_id}", "bold cyan"),
            f"  campaign {detail.get('campaign')}, run {detail.get('run_id')} ({detail.get('run_kind')})",
            (f", archived {journey.archived_at:%Y-%m-%d}" if journey.archived_at else "", "dim"),
        )
    )
    for step in journey.steps:
        branch = tree.add(_line(step))
        for note in _notes(step):
            branch.add(note)
    return tree


def _line(step: Step) -> Text:
    name = (f"{step.step:<{_NAME_WIDTH}}", "bold")
    if step.is_absent:
        return Text.assemble(name, ("none: ", "yellow"), (step.why or "", "dim"))
    number = f"  #{step.record_id}"
    return Text.assemble(name, (_time(step.at), "green"), "  ", step.what or "", (number, "dim"))


def _notes(step: Step) -> Iterator[Text]:
    if step.is_absent:
        return
    if step.why:
        yield Text(step.why)
    detail = step.detail or {}
    if step.step == "decision":
        yield from (_candidate(verdict) for verdict in detail.get("candidates") or ())
        yield Text(
            f"policy version {detail.get('policy_version')}, inputs {str(detail.get('inputs_hash'))[:16]}", "dim"
        )
    if step.step == "delivery":
        yield from (_attempt(attempt) for attempt in detail.get("attempts") or ())
        yield Text(f"event id {detail.get('event_id')}", style="dim")
    if step.step == "outcome" and detail.get("value") is not None:
        yield Text(f"value {detail['value']:g}", style="dim")


def _candidate(document: Mapping[str, Any]) -> Text:
    verdict = Verdict.from_document(document)
    candidate = verdict.candidate
    words = (candidate.action.value.replace("_", " "), candidate.channel, candidate.template_name)
    name = " ".join(word for word in words if word)
    if verdict.eligible:
        return Text.assemble(("could ", "green"), name, (f"  score {verdict.score or 0:.2f}", "dim"))
    return Text.assemble(("could not ", "red"), name, (": " + " ".join(r.text for r in verdict.reasons), "dim"))


def _attempt(attempt: Mapping[str, Any]) -> Text:
    told = " ".join(str(attempt[key]) for key in ("status", "code", "detail") if attempt.get(key))
    at = datetime.fromisoformat(attempt["at"])
    return Text(f"attempt {attempt['number']} {attempt['phase']} {_time(at)}  {told}", style="dim")


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
