"""The report of a run: one HTML page that needs no network, with its charts as SVG inside."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from engine.bench.chart import Chart, Line
from engine.load.judge import Held
from engine.load.run import Ran

_STEP = ("profiles a minute", "requests", "p95, ms", "failed", "most waiting", "gone after, s", "limits")
_REQUEST = ("request", "count", "median, ms", "p95, ms", "p99, ms", "most, ms")
_MARKS_S = (5, 10, 15, 30, 60, 300)
MOST_MARKS = 10
_STYLE = """
body { font-family: sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #ccc }
th:first-child, td:first-child { text-align: left }
.met { color: #00602b; font-weight: bold } .broken { color: #b00020; font-weight: bold }
svg { width: 100%; height: auto }
"""


def charts(ran: Ran) -> list[Chart]:
    """Give response time, error rate, backlog and requests over the seconds of the stage."""
    began, seconds = ran.points.began, list(enumerate(ran.points.seconds))
    answered = [(float(at), second) for at, second in seconds if second.times_ms]
    samples = [(sample.at - began, sample) for sample in ran.samples if sample.at >= began]
    limits = ran.stage.thresholds
    step_s = next((step for step in _MARKS_S if ran.stage.seconds / step <= MOST_MARKS), _MARKS_S[-1])
    about: dict[str, Any] = {"x_name": "minutes", "x_text": _clock, "x_step": float(step_s)}
    return [
        Chart(
            "Response time of each second's requests",
            [
                Line("median", [(at, second.at_percent(50)) for at, second in answered]),
                Line("95th percentile", [(at, second.at_percent(95)) for at, second in answered]),
            ],
            "ms",
            limit=limits.response_p95_ms,
            **about,
        ),
        Chart(
            "Requests that failed",
            [Line("share", [(at, second.error_rate * 100) for at, second in answered])],
            "%",
            limit=limits.error_rate * 100,
            **about,
        ),
        Chart(
            "Queue backlog",
            [
                Line("batches to decide", [(at, float(sample.batches)) for at, sample in samples]),
                Line("messages to send", [(at, float(sample.messages)) for at, sample in samples]),
            ],
            "",
            **about,
        ),
        Chart(
            "Requests a second",
            [Line("requests", [(float(at), float(len(second.times_ms))) for at, second in seconds])],
            "1/s",
            **about,
        ),
        *_memory(ran, about),
    ]


def _memory(ran: Ran, about: Mapping[str, Any]) -> list[Chart]:
    began = ran.points.began
    curves = [
        Line(name, [(at - began, megabytes) for at, megabytes in curve if at >= began])
        for name, curve in ran.memory.items()
    ]
    return [Chart("Memory of each process", curves, "MB", **about)] if curves else []


def page(ran: Ran) -> str:
    """Write the whole page."""
    pictures = "\n".join(f"<figure>{chart.svg()}</figure>" for chart in charts(ran))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Load: {escape(ran.stage.name)}</title><style>{_STYLE}</style></head>
<body>
<h1>LEO Activation under load: {escape(ran.stage.name)}</h1>
<p>{_verdict(ran)}</p>
<h2>Steps</h2>
{_table(_STEP, _steps(ran.steps))}
{pictures}
<h2>Requests</h2>
{_table(_REQUEST, _requests(ran.k6["metrics"]))}
<h2>What came of it</h2>
{_table(("", "count"), _came(ran))}
</body></html>
"""


def lines(ran: Ran) -> list[str]:
    """Say the same in sentences, for a terminal."""
    said = [
        f"{held.step.per_minute:,} profiles a minute for {held.step.seconds} s: {held.requests:,} requests, "
        f"p95 {held.p95_ms:.0f} ms, {held.error_rate:.2%} failed, backlog at most {held.backlog_max:,}"
        + ("" if held.drain_s is None else f", gone after {held.drain_s:.1f} s")
        + "".join(f"; {reason}" for reason in held.broken)
        for held in ran.steps
    ]
    grown = [f"{name} {times:.2f}" for name, times in ran.growth.items()]
    if grown:
        said.append(f"memory late over early: {', '.join(grown)}")
    return [*said, _said(ran)]


def _said(ran: Ran) -> str:
    broken = ran.breaks_at
    if not ran.is_whole:
        return "What came of it is not what was asked: look at the counts."
    if ran.leaks:
        return f"Memory grew by more than it may: {', '.join(ran.leaks)}."
    if broken is None:
        return "All limits held."
    return (
        f"The first step that broke a limit: {broken.step.per_minute:,} profiles a minute ({'; '.join(broken.broken)})."
    )


def _verdict(ran: Ran) -> str:
    kind = "met" if ran.is_met else "broken"
    return f'<span class="{kind}">{"met" if ran.is_met else "not met"}</span>: {escape(_said(ran))}'


def _steps(steps: Sequence[Held]) -> Iterable[Sequence[str]]:
    for held in steps:
        yield (
            f"{held.step.per_minute:,} for {held.step.seconds} s",
            f"{held.requests:,}",
            f"{held.p95_ms:.0f}",
            f"{held.error_rate:.2%}",
            f"{held.backlog_max:,}",
            "" if held.drain_s is None else f"{held.drain_s:.1f}",
            "; ".join(held.broken) or "held",
        )


def _requests(metrics: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    prefix = "http_req_duration{name:"
    for name, metric in sorted(metrics.items()):
        if name.startswith(prefix):
            values = metric["values"]
            times = [f"{values[which]:.0f}" for which in ("med", "p(95)", "p(99)", "max")]
            yield name.removeprefix(prefix).removesuffix("}"), f"{values['count']:,}", *times


def _came(ran: Ran) -> Iterable[Sequence[str]]:
    came = ran.came
    yield "people in campaigns launched", f"{ran.stage.people:,}"
    yield "of them decided for", f"{came['activated']:,}"
    yield "decisions in all", f"{came['decisions']:,}"
    for status, count in sorted(came["messages"].items()):
        yield f"messages {status}", f"{count:,}"
    yield "messages received twice", f"{ran.doubled:,}"
    yield "events", f"{came['events']:,}"
    yield "outcomes", f"{came['outcomes']:,}"
    yield "differences between tables and graph", f"{came['graph_differences']:,}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
