"""What the demo shows a person, and the JSON object it ends with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from rules.verdicts import CHOSEN

# One line each, for a marketer, in English and Vietnamese.
GATES: Mapping[str, tuple[str, str]] = {
    "consent": ("no consent", "chưa đồng ý nhận tin"),
    "suppression": ("on the suppression list", "trong danh sách không liên hệ"),
    "unreachable": ("no valid address", "không có địa chỉ hợp lệ"),
    "incomplete": ("the template needs a value that is missing", "thiếu dữ liệu mà mẫu tin cần"),
    "campaign_window": ("outside the campaign's window", "ngoài thời gian chiến dịch"),
    "control_group": ("in the control group", "thuộc nhóm đối chứng"),
    "frequency_cap": ("had enough messages", "đã nhận đủ tin"),
    "quiet_hours": ("asleep: waits", "giờ không làm phiền: chờ"),
    "unknown_profile": ("merged or deleted", "hồ sơ đã gộp hoặc xoá"),
    "not_approved": ("no approved template", "chưa có mẫu được duyệt"),
    CHOSEN: ("doing nothing was best", "không làm gì là tốt nhất"),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """The results of a demo; times are in seconds."""

    tenant: str
    profiles: int
    decisions: int
    no_action: int
    deliveries: Mapping[str, int]
    outcomes: Mapping[str, int]
    gates: Mapping[str, int]
    orphans: int
    graph_differences: int
    elapsed_s: float
    stages: Mapping[str, float]

    def as_document(self) -> dict[str, Any]:
        """Give the object that `--json` prints last."""
        return {
            "profiles": self.profiles,
            "decisions": self.decisions,
            "no_action": self.no_action,
            "deliveries": dict(self.deliveries),
            "outcomes": dict(self.outcomes),
            "gates": dict(self.gates),
            "orphans": self.orphans,
            "graph_differences": self.graph_differences,
            "elapsed_s": round(self.elapsed_s, 3),
            "stages": {name: round(seconds, 3) for name, seconds in self.stages.items()},
        }


def show(console: Console, summary: Summary, campaigns: Sequence[Mapping[str, Any]]) -> None:
    """Print the tables."""
    console.print(_decisions(summary))
    console.print(_results(campaigns))
    console.print(_times(summary))


def _decisions(summary: Summary) -> Table:
    table = Table(title=f"{summary.decisions:,} decisions for {summary.profiles:,} people", title_justify="left")
    table.add_column("what was decided")
    table.add_column("quyết định")
    table.add_column("decisions", justify="right")
    table.add_row("send", "gửi", f"{summary.decisions - summary.no_action:,}", style="bold")
    for gate, count in sorted(summary.gates.items(), key=lambda item: -item[1]):
        english, vietnamese = GATES.get(gate, (gate, gate))
        table.add_row(f"held back: {english}", vietnamese, f"{count:,}")
    return table


def _results(campaigns: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Campaigns", title_justify="left")
    table.add_column("campaign")
    for name in ("decided", "sent to", "held back", "visited", "bought", "worth"):
        table.add_column(name, justify="right")
    for row in campaigns:
        numbers = (row["decided"], row["sends"], row["held"], row["visited"], row["bought"], round(row["value"]))
        table.add_row(row["name"], *(f"{number:,}" for number in numbers))
    return table


def _times(summary: Summary) -> Table:
    table = Table(title="Deliveries, outcomes, time", title_justify="left")
    table.add_column("what")
    table.add_column("count", justify="right")
    for status, count in sorted(summary.deliveries.items()):
        table.add_row(f"delivery {status}", f"{count:,}")
    for kind, count in sorted(summary.outcomes.items(), key=lambda item: -item[1]):
        table.add_row(f"outcome {kind}", f"{count:,}")
    for name, seconds in summary.stages.items():
        table.add_row(f"{name}, seconds", f"{seconds:.2f}")
    table.add_row("orphans", f"{summary.orphans}")
    table.add_row("graph differences", f"{summary.graph_differences}")
    return table
