"""Segments: a rule that profiles satisfy, who has satisfied it since the last refresh, and why."""

from engine.segments.explain import Explanation, Moved, Preview, changes, explain, members, preview, texts
from engine.segments.recheck import Rechecked, recheck_due
from engine.segments.refresh import Diff, refresh_segment
from engine.segments.runs import Started
from engine.segments.store import (
    Segment,
    Version,
    archive_segment,
    get_segment,
    list_segments,
    save_segment,
    segment_by_key,
    versions,
)
from engine.segments.vocabulary import Vocabulary, vocabulary

__all__ = [
    "Diff",
    "Explanation",
    "Moved",
    "Preview",
    "Rechecked",
    "Segment",
    "Started",
    "Version",
    "Vocabulary",
    "archive_segment",
    "changes",
    "explain",
    "get_segment",
    "list_segments",
    "members",
    "preview",
    "recheck_due",
    "refresh_segment",
    "save_segment",
    "segment_by_key",
    "texts",
    "versions",
    "vocabulary",
]
