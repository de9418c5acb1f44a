"""Explaining decisions: the funnel of one, why another was not made, replay, rehearsal, and policies compared."""

from engine.explain.compare import Compared, compare_policies
from engine.explain.decision import Explained, explain_decision
from engine.explain.forecast import DryRun, Forecast, dry_run, forecast
from engine.explain.replay import Replayed, replay
from engine.explain.why_not import WhyNot, why_not

__all__ = [
    "Compared",
    "DryRun",
    "Explained",
    "Forecast",
    "Replayed",
    "WhyNot",
    "compare_policies",
    "dry_run",
    "explain_decision",
    "forecast",
    "replay",
    "why_not",
]
