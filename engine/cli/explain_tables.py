"""Explanations for a person to read: decisions, answers, forecasts and comparisons as tables."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.explain import Compared, DryRun, Explained, Forecast, Replayed, WhyNot
from engine.explain.decision import Against, Told
from engine.explain.funnel import Stage, funnel, stages
from engine.explain.sentences import arbiter_name
from rules.conditions import Explained as Condition
from rules.conditions import Language
from rules.verdicts import Verdict

VI = Language.VI
# What stands around the sentences; names of gates, channels and states are words of the product, the same in both.
_VIETNAMESE: Final[Mapping[str, str]] = {
    "decision {id} ": "quyết định {id} ",
    "{person}, campaign {campaign}, {at} UTC": "{person}, chiến dịch {campaign}, {at} UTC",
    "chosen by {arbiter}": "{arbiter} chọn",
    ", from memory": ", theo câu trả lời đã nhớ",
    "; {arbiter} did not: {why}": "; {arbiter} không chọn: {why}",
    "inputs are as hashed": "dữ liệu đầu vào khớp mã băm",
    "INPUTS ARE NOT AS HASHED": "DỮ LIỆU ĐẦU VÀO KHÔNG KHỚP MÃ BĂM",
    "replays the same": "quyết định lại cho kết quả như cũ",
    "replays otherwise: {changed}": "quyết định lại cho kết quả khác: {changed}",
    "policy {key} version {version}": "chính sách {key} phiên bản {version}",
    "of the code": "có sẵn",
    "gate": "cổng",
    "funnel of candidates": "phễu các phương án",
    "entered": "vào",
    "stopped": "bị chặn",
    "left": "còn lại",
    "eligible": "được phép",
    "candidate": "phương án",
    "dropped at": "bị loại ở",
    "chosen": "được chọn",
    "why": "vì sao",
    "score": "điểm",
    "probability": "xác suất",
    "do nothing": "không làm gì",
    "do_nothing": "không làm gì",
    "wait": "chờ",
    "send": "gửi",
    "\nsegment {key}, version {version}": "\nphân khúc {key}, phiên bản {version}",
    "\nat {at} UTC it would be: {action}{wait} ({reason})": "\nnếu quyết định lúc {at} UTC: {action}{wait} ({reason})",
    " until {at} UTC": " đến {at} UTC",
}


def _said(text: str, language: Language, **values: object) -> str:
    return (_VIETNAMESE[text] if language is VI else text).format(**values)


def of_decision(found: Explained) -> RenderableType:
    """Show who was decided for, the funnel, each candidate, who chose, and whether it can be proven."""
    record, choice, language = found.record, found.record.decision.choice, found.language
    at = f"{record.decided_at:%Y-%m-%d %H:%M:%S}"
    whose = {"person": record.ext_id, "campaign": record.campaign_key, "at": at}
    heading = Text.assemble(
        (_said("decision {id} ", language, id=record.decision_id), "bold"),
        _said("{person}, campaign {campaign}, {at} UTC", language, **whose),
    )
    shown: list[RenderableType] = [heading, Text(found.summary), of_funnel(found.funnel, language)]
    shown.append(_candidates(found.candidates, language))
    who = record.decision.arbiter
    arbiter = _said("chosen by {arbiter}", language, arbiter=arbiter_name(who, VI) if language is VI else who)
    if choice is not None and choice.is_remembered:
        arbiter += _said(", from memory", language)
    for passed in choice.passed_over if choice is not None else ():
        arbiter += _said("; {arbiter} did not: {why}", language, arbiter=passed.arbiter, why=passed.why)
    return Group(*shown, Text(f"{arbiter}\n{_proof(found)}", style="dim"))


def _proof(found: Explained) -> str:
    record, language = found.record, found.language
    proof = _said("inputs are as hashed" if record.is_proven else "INPUTS ARE NOT AS HASHED", language)
    replayed = _said("replays the same", language)
    if not found.replay.is_same:
        replayed = _said("replays otherwise: {changed}", language, changed=", ".join(found.replay.changed))
    key = record.policy_key or _said("of the code", language)
    policy = _said("policy {key} version {version}", language, key=key, version=record.policy_version)
    return f"{policy}; {proof} ({record.inputs_hash.hex()[:16]}); {replayed}"


def of_funnel(found: Iterable[Stage], language: Language = Language.EN) -> RenderableType:
    """Show the gates that stopped a candidate, with what was left after each."""
    table = Table(_said("gate", language), title=_said("funnel of candidates", language), title_justify="left")
    for name in ("entered", "stopped", "left"):
        table.add_column(_said(name, language), justify="right")
    every = list(found)
    for stage in every:
        if stage.stopped:
            table.add_row(stage.gate, f"{stage.entered:,}", f"{stage.stopped:,}", f"{stage.left:,}")
    if every:
        table.add_row(_said("eligible", language), "", "", f"{every[-1].left:,}", style="bold green")
    return table


def _candidates(told: Iterable[Told], language: Language) -> Table:
    headings = ("candidate", "dropped at", "why", "score", "probability")
    table = Table(*(_said(heading, language) for heading in headings), show_lines=True)
    for one in told:
        style = "bold green" if one.is_chosen else None
        table.add_row(
            Text(_name(one.verdict, language)),
            Text(one.dropped_at or _said("chosen" if one.is_chosen else "eligible", language)),
            Text("\n".join(_why(against, language) for against in one.against)),
            Text(_score(one.verdict)),
            Text("" if one.probability is None else f"{one.probability:.1%}"),
            style=style,
        )
    return table


def _why(against: Against, language: Language) -> str:
    """Give the gate's own words, which are kept in English, with the policy's; in Vietnamese the policy's alone."""
    return against.rule if language is VI else f"{against.reason.text} [{against.rule}]"


def _name(verdict: Verdict, language: Language = Language.EN) -> str:
    candidate = verdict.candidate
    if candidate.channel is None:
        return _said(candidate.action.replace("_", " "), language)
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


def of_why_not(found: WhyNot, language: Language) -> RenderableType:
    """Say why, and show the segment's conditions and what would be decided."""
    shown: list[RenderableType] = [Text(found.sentence, style="bold")]
    if found.segment is not None:
        named = {"key": found.segment.key, "version": found.segment.version}
        shown.append(Text(_said("\nsegment {key}, version {version}", language, **named)))
        shown.extend(_conditions(found.segment.explained))
    would = found.rehearsed.decision
    until = "" if would.wait_until is None else f"{would.wait_until:%Y-%m-%d %H:%M}"
    wait = until and _said(" until {at} UTC", language, at=until)
    action = _said(would.action, language)
    now = {"at": f"{found.plan.at:%Y-%m-%d %H:%M}", "action": action, "wait": wait, "reason": would.reason}
    shown.append(Text(_said("\nat {at} UTC it would be: {action}{wait} ({reason})", language, **now)))
    shown.append(of_funnel(funnel(would.verdicts), language))
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
