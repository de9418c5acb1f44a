"""Draws what `leo bench scale --json` measured: `python -m engine.bench.curves RESULT.json DIRECTORY [--page PAGE.md]`.

With a page its tables are reckoned anew too (`capacity.py`).
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from engine.bench.capacity import written
from engine.bench.chart import Chart, Line
from engine.bench.growth import KINDS, size_of
from engine.bench.scale import LEAST_GAIN, SLOW_S, WORKERS


def main() -> int:
    """Write growth.svg and scale.svg."""
    parser = argparse.ArgumentParser(prog="python -m engine.bench.curves", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("result", type=Path, help="the JSON object that leo bench scale --json prints last")
    parser.add_argument("directory", type=Path, help="where the pictures go")
    parser.add_argument("--page", type=Path, help="docs/capacity.md, whose tables are written anew")
    given = parser.parse_args()
    figures: dict[str, float] = json.loads(given.result.read_text(encoding="utf-8"))["figures"]
    for name, chart in charts(figures).items():
        (given.directory / f"{name}.svg").write_text(chart.svg(), encoding="utf-8")
    if given.page is not None:
        given.page.write_text(written(given.page.read_text(encoding="utf-8"), figures), encoding="utf-8")
    return 0


def charts(figures: Mapping[str, float]) -> dict[str, Chart]:
    """Give the curves by the names of their files."""
    return {"growth": _growth(figures), "scale": _scale(figures)}


def _growth(figures: Mapping[str, float]) -> Chart:
    lines = []
    for kind in KINDS:
        costs = {size_of(name, kind): cost for name, cost in figures.items() if name.startswith(f"{kind}_us_")}
        least = costs[min(costs)]
        lines.append(Line(kind, [(float(people), costs[people] / least) for people in sorted(costs)]))
    return Chart(
        "What a unit costs as people grow, against the fewest",
        lines,
        "times",
        "people in the tenant",
        is_log=True,
        x_text="{:,.0f}".format,
    )


def _scale(figures: Mapping[str, float]) -> Chart:
    names = {"per_s": "provider answers at once", "slow_per_s": f"provider answers after {SLOW_S * 1000:.0f} ms"}
    lines = [
        Line(text, [(float(count), figures[f"{name}_{count}"] / figures[f"{name}_1"]) for count in WORKERS])
        for name, text in names.items()
    ]
    aim = Line(f"{LEAST_GAIN:g} times with two", [(1.0, 1.0), (2.0, LEAST_GAIN)])
    return Chart("What more workers bring, against one", [*lines, aim], "times", "bulk workers")


if __name__ == "__main__":
    sys.exit(main())
