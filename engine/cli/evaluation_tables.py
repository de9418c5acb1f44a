"""The results of an evaluation, as tables for a terminal."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.evaluation.grade import Grade
from engine.evaluation.measure import Measured
from engine.evaluation.report import Report, Tally
from engine.think.contract import Call

MOST_CONFUSED = 15
_MISTAKES = [grade for grade in Grade if grade is not Grade.EXACT]


def of_report(report: Report, *, of: int) -> Group:
    """Give the tables of a report; `of` is how many requests there were."""
    low, high = report.whole.interval
    lines = [
        f"{', '.join(report.models) or 'no answer'}: {report.whole.asked} of {of} requests",
        f"exact calls {report.whole.exact:.1%}; of endlessly many such requests {low:.1%} to {high:.1%}",
        f"right tools {report.whole.tool:.1%}; right arguments where the tool is right {report.argument:.1%}",
        f"p50 {_seconds(report.latency_ms(0.5))}, p95 {_seconds(report.latency_ms(0.95))}, ${report.cost:.4f}",
    ]
    shown: list[RenderableType] = [Text(line) for line in lines]
    shown += [_tallies(way, tallies) for way, tallies in report.by.items()]
    shown += [_arguments(report.arguments), _confused(report.confused)]
    shown += [Text(f"{times} times: {said}") for said, times in report.said.items()]
    return Group(*shown)


def of_mistakes(measured: Iterable[Measured]) -> Table:
    """Give each request that was not turned into the right calls."""
    table = Table("request", "grade", "meant", "answered")
    for one in measured:
        if one.graded.grade is not Grade.EXACT:
            answered = one.said or _said(one.calls)
            table.add_row(Text(one.intent.text), one.graded.grade, Text(_said(one.intent.calls)), Text(answered))
    return table


def _said(calls: Sequence[Call]) -> str:
    return "; ".join(f"{call.name} {dict(call.arguments)}" for call in calls) or "nothing"


def _tallies(way: str, tallies: Mapping[str, Tally]) -> Table:
    table = Table(way)
    for column in ("asked", "exact call", "right tool", *_MISTAKES):
        table.add_column(column.replace("_", " "), justify="right")
    for name, tally in tallies.items():
        counts = [str(tally.grades.get(grade, 0)) for grade in _MISTAKES]
        table.add_row(name, str(tally.asked), f"{tally.exact:.1%}", f"{tally.tool:.1%}", *counts)
    return table


def _arguments(arguments: Mapping[str, tuple[int, int]]) -> Table:
    table = Table("argument")
    for column in ("right", "compared"):
        table.add_column(column, justify="right")
    for name, (right, compared) in arguments.items():
        table.add_row(name, str(right), str(compared))
    return table


def _confused(confused: Mapping[tuple[str, str], int]) -> Table:
    table = Table("meant", "answered")
    table.add_column("times", justify="right")
    for (meant, answered), times in sorted(confused.items(), key=lambda item: -item[1])[:MOST_CONFUSED]:
        table.add_row(meant, answered, str(times))
    return table


def _seconds(milliseconds: float | None) -> str:
    return "none" if milliseconds is None else f"{milliseconds / 1000:.2f} s"
