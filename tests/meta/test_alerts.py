"""Alert rules and dashboards against the metrics there are; the runbook against the alerts."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from engine.metrics import METRICS, Kind
from tests.meta.tree import ROOT, text

RULES = "deploy/prometheus/leo.rules.yml"
DASHBOARD = "deploy/grafana/leo.json"
RUNBOOK = "docs/operations/runbook.md"
# What Prometheus adds by itself.
OF_THE_SCRAPE = frozenset({"job", "instance"})
NOT_OURS = frozenset({"up"})
SELECTOR = re.compile(r"\b(up|leo_\w+)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def _alerts() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(text(RULES))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(text(DASHBOARD))["panels"] if panel["type"] != "row"]


def _expressions() -> Iterator[tuple[str, str]]:
    for alert in _alerts():
        yield alert["alert"], alert["expr"]
    for panel in _panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def _labels(series: str) -> frozenset[str]:
    """The labels of a series; raises KeyError where no metric tells it."""
    if series in NOT_OURS:
        return OF_THE_SCRAPE
    family = re.sub(r"_(bucket|count|sum)$", "", series)
    metric = METRICS[family if family in METRICS and METRICS[family].kind is Kind.HISTOGRAM else series]
    more = {"le"} if series.endswith("_bucket") else set()
    return frozenset(metric.labels) | OF_THE_SCRAPE | more


def _wrong(expression: str) -> list[str]:
    """What an expression names that is not there."""
    wrong: list[str] = []
    known: set[str] = set()
    for series, matchers in SELECTOR.findall(expression):
        try:
            labels = _labels(series)
        except KeyError:
            wrong.append(series)
            continue
        known |= labels
        wrong += [f"{series}{{{label}}}" for label in MATCHER.findall(matchers) if label not in labels]
    grouped = {name.strip() for names in GROUPING.findall(expression) for name in names.split(",")}
    return wrong + [f"by ({label})" for label in sorted(grouped - known)]


@pytest.mark.parametrize(("where", "expression"), list(_expressions()))
def test_what_is_watched_is_told(where: str, expression: str) -> None:
    assert SELECTOR.search(expression), where
    assert _wrong(expression) == [], where


def test_what_is_not_told_is_found() -> None:
    assert _wrong("max by (lane) (leo_backlog_messages)") == []
    assert _wrong("max(leo_backlog_letters)") == ["leo_backlog_letters"]
    assert _wrong('leo_workers{tenant="x"}') == ["leo_workers{tenant}"]
    assert _wrong("sum by (campaign) (leo_workers)") == ["by (campaign)"]
    assert _wrong("rate(leo_workers_bucket[5m])") == ["leo_workers_bucket"]


def test_what_everyone_tells_alike_is_not_added_up() -> None:
    """Each API tells the same state; of two, a sum would be twice as much."""
    for where, expression in _expressions():
        for series, _ in SELECTOR.findall(expression):
            if series not in METRICS or METRICS[series].teller != "state" or "/" in expression:
                continue
            outer = re.search(rf"(\w+)\s*(?:by \([^)]*\))?\s*\((?:rate\(|increase\()?{series}\b", expression)
            assert outer, f"{where}: {expression}"
            assert outer[1] in {"max", "min"}, f"{where}: {expression}"


def _sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", text(RUNBOOK), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_each_alert_has_its_section_in_the_runbook_and_leads_there() -> None:
    sections = _sections()
    assert list(sections) == [alert["alert"] for alert in _alerts()]
    for alert in _alerts():
        section = sections[alert["alert"]]
        assert alert["annotations"]["runbook"] == f"{RUNBOOK}#{alert['alert'].lower()}"
        assert f"`{alert['expr']}`" in section
        for part in ("**It means:** ", "**Look at:** ", "**Do:** "):
            assert section.count(part) == 1, alert["alert"]
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"]


def test_every_panel_has_its_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(text(DASHBOARD))["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (Debian: apt install prometheus); names and labels are checked without it",
)


@needs_promtool
@pytest.mark.parametrize(
    "words",
    [
        ["check", "rules", RULES],
        ["test", "rules", "deploy/prometheus/leo.rules.test.yml"],
        ["check", "config", "deploy/prometheus/prometheus.yml"],
    ],
)
def test_prometheus_itself_understands_its_files_and_each_alert_fires(words: list[str]) -> None:
    done = subprocess.run(["promtool", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603, S607
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_that_makes_it_fire() -> None:
    cases = yaml.safe_load(text("deploy/prometheus/leo.rules.test.yml"))["tests"]
    assert [case["name"] for case in cases] == ["all is well", *[alert["alert"] for alert in _alerts()]]
