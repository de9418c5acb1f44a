"""Explanations for a person to read: decisions, answers, forecasts and comparisons as tables."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.explain import Compared, DryRun, Explained, Forecast, Replayed, WhyNot
from engine.explain.decision import Told
from engine.explain.funnel import Stage, funnel, stages
from rules.conditions import Explained as Condition
from rules.verdicts import Verdict


def of_decision(found: Explained) -> RenderableType:
    """Show who was decided for, the funnel, each candidate, who chose, and whether it can be proven."""
    record, choice = found.record, found.record.decision.choice
    heading = Text.assemble(
        (f"decision {record.decision_id} ", "bold"),
        f"{record.ext_id}, campaign {record.campaign_key}, {record.decided_at:%Y-%m-%d %H:%M:%S} UTC",
    )
    shown: list[RenderableType] = [heading, Text(found.summary), of_funnel(found.funnel), _candidates(found.candidates)]
    arbiter = f"chosen by {record.decision.arbiter}"
    if choice is not None and choice.is_remembered:
        arbiter += ", from memory"
    for passed in choice.passed_over if choice is not None else ():
        arbiter += f"; {passed.arbiter} did not: {passed.why}"
    proof = "inputs are as hashed" if record.is_proven else "INPUTS ARE NOT AS HASHED"
    replayed = "replays the same" if found.replay.is_same else f"replays otherwise: {', '.join(found.replay.changed)}"
    policy = f"policy {record.policy_key or 'of the code'} version {record.policy_version}"
    shown.append(Text(f"{arbiter}\n{policy}; {proof} ({record.inputs_hash.hex()[:16]}); {replayed}", style="dim"))
    return Group(*shown)


def of_funnel(found: Iterable[Stage]) -> RenderableType:
    """Show the gates that stopped a candidate, with what was left after each."""
    table = Table("gate", title="funnel of candidates", title_justify="left")
    for name in ("entered", "stopped", "left"):
        table.add_column(name, justify="right")
    every = list(found)
    for stage in every:
        if stage.stopped:
            table.add_row(stage.gate, f"{stage.entered:,}", f"{stage.stopped:,}", f"{stage.left:,}")
    if every:
        table.add_row("eligible", "", "", f"{every[-1].left:,}", style="bold green")
    return table


def _candidates(told: Iterable[Told]) -> Table:
    table = Table("candidate", "dropped at", "why", "score", "probability", show_lines=True)
    for one in told:
        style = "bold green" if one.is_chosen else None
        why = "\n".join(f"{against.reason.text} [{against.rule}]" for against in one.against)
        table.add_row(
            Text(_name(one.verdict)),
            Text(one.dropped_at or ("chosen" if one.is_chosen else "eligible")),
            Text(why),
            Text(_score(one.verdict)),
            Text("" if one.probability is None else f"{one.probability:.1%}"),
            style=style,
        )
    return table


def _name(verdict: Verdict) -> str:
    candidate = verdict.candidate
    if candidate.channel is None:
        return candidate.action.replace("_", " ")
    return f"{candidate.channel} {candidate.template_name} v{candidate.template_version}"


def _score(verdict: Verdict) -> str:
    if verdict.score is None:
        return ""
    parts = " ".join(f"{name} {value:+.2f}" for name, value in verdict.features.items())
    return f"{verdict.score:.2f}\n{parts}"


def of_replay(found: Replayed) -> RenderableType:
    """Say that the result is the same, or show each place that differs."""
    if found.is_same:
        return Text(f"Decision {found.decision_id} replays the same, bit for bit.", style="green")
    said = Text(f"Decision {found.decision_id} is not the same: {', '.join(found.changed)}.", style="bold red")
    table = Table("place", "stored", "found now")
    for one in found.differences:
        table.add_row(Text(one.place), Text(str(one.stored)), Text(str(one.found)))
    return Group(said, table) if found.differences else said


def of_why_not(found: WhyNot) -> RenderableType:
    """Say why, and show the segment's conditions and what would be decided."""
    shown: list[RenderableType] = [Text(found.sentence, style="bold")]
    if found.segment is not None:
        shown.append(Text(f"\nsegment {found.segment.key}, version {found.segment.version}"))
        shown.extend(_conditions(found.segment.explained))
    would = found.rehearsed.decision
    wait = f" until {would.wait_until:%Y-%m-%d %H:%M} UTC" if would.wait_until is not None else ""
    shown.append(Text(f"\nat {found.plan.at:%Y-%m-%d %H:%M} UTC it would be: {would.action}{wait} ({would.reason})"))
    shown.append(of_funnel(funnel(would.verdicts)))
    return Group(*shown)


def _conditions(explained: Condition, depth: int = 1) -> Iterable[Text]:
    mark, style = ("+", "green") if explained.holds else ("-", "red")
    found = f"  {explained.found}" if explained.found else ""
    yield Text.assemble("  " * depth, (f"{mark} {explained.text}", style), (found, "dim"))
    for part in explained.parts:
        yield from _conditions(part, depth + 1)


def of_forecast(found: Forecast) -> RenderableType:
    """Show what a campaign would lead to, in numbers."""
    tally, people = found.tally, found.audience
    asked = len(people.profile_ids)
    sample = "" if asked == people.people else f", asked of a sample of {asked:,} ({people.share:.1%})"
    heading = Text(f"campaign {found.plan.key}: {people.people:,} people by {people.source}{sample}", style="bold")
    as_of = Text(
        f"at {found.plan.at:%Y-%m-%d %H:%M} UTC under policy version {found.plan.frame.policy.version}", style="dim"
    )
    actions = Table("action", title="people", title_justify="left")
    actions.add_column("decided", justify="right")
    actions.add_column("expected of all", justify="right")
    for action, count in tally.actions.most_common():
        actions.add_row(action, f"{count:,}", f"{found.expected(count):,}")
    tables = [
        _counts("reason", tally.reasons, tally.examples),
        _counts("channel", tally.channels),
        _counts("template", tally.templates),
        _counts("waits until (UTC hour)", {f"{hour:%Y-%m-%d %H:00}": n for hour, n in sorted(tally.waits.items())}),
    ]
    shown = [table for table in tables if table.row_count]
    return Group(heading, as_of, actions, *shown, of_funnel(stages(tally.candidates, tally.stopped)))


def of_dry_run(found: DryRun) -> RenderableType:
    """Show what each person would get."""
    table = Table("profile", "action", "reason", "what", "until (UTC)")
    for one in found.people:
        decision = one.decision
        verdict = next((v for v in decision.verdicts if v.candidate == decision.chosen), None)
        what = _name(verdict) if verdict is not None and verdict.eligible else ""
        until = "" if decision.wait_until is None else f"{decision.wait_until:%Y-%m-%d %H:%M}"
        table.add_row(Text(one.facts.ext_id), decision.action, decision.reason, Text(what), until)
    return table


def of_comparison(found: Compared) -> RenderableType:
    """Show what would change under the other version."""
    kind = "draft" if found.is_draft else "version"
    heading = Text(
        f"{found.changed:,} of {found.compared:,} decisions since {found.since:%Y-%m-%d %H:%M} UTC would come out "
        f"otherwise under {kind} {found.version} of policy {found.key}",
        style="bold",
    )
    moved = Text(
        f"newly get something: {found.gains:,} ({', '.join(found.gain_examples)})\n"
        f"no longer do: {found.loses:,} ({', '.join(found.lose_examples)})"
    )
    shown: list[RenderableType] = [heading, moved]
    if found.skipped:
        skipped = f"{found.skipped:,} could not be compared: its conditions ask what was not gathered then."
        shown.append(Text(skipped, style="yellow"))
    if found.blind:
        shown.append(Text("Its caps look further back than the stored facts: they may count too few.", style="yellow"))
    if found.changed:
        shown += [_counts("action", found.actions), _counts("reason", found.reasons)]
    return Group(*shown)


def _counts(name: str, counts: Mapping[Any, int], examples: Mapping[str, list[str]] | None = None) -> Table:
    table = Table(name)
    table.add_column("people", justify="right")
    if examples is not None:
        table.add_column("such as")
    for key, count in counts.items():
        such_as = [] if examples is None else [Text(", ".join(examples.get(key, ())))]
        table.add_row(Text(str(key)), f"{count:,}", *such_as)
    return table
