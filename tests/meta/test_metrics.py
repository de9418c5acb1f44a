"""Metrics against what speaks of them: the page that documents them."""

from engine.metrics import METRICS, Kind
from tests.meta.tree import text


def _documented() -> list[list[str]]:
    section = text("docs/metrics.md").split("## Every metric")[1]
    rows = [line for line in section.splitlines() if line.startswith("| `leo_")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_page_documents_every_metric_and_no_other() -> None:
    said = [
        [f"`{one.name}`", one.kind, one.teller, ", ".join(f"`{label}`" for label in one.labels), one.text]
        for one in METRICS.values()
    ]
    assert _documented() == said


def test_names_tell_what_is_counted() -> None:
    for metric in METRICS.values():
        assert metric.name.startswith("leo_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith("_seconds"), metric.name


def test_no_label_names_a_tenant_or_a_person() -> None:
    """Their number has no end, and who reads metrics is no tenant."""
    unbounded = {"tenant", "campaign", "run", "profile", "delivery", "decision", "address", "path", "owner"}
    assert not [metric.name for metric in METRICS.values() if unbounded & set(metric.labels)]
