"""Templates: Liquid filled in for one person, in their language, within what the channel and the law allow."""

from engine.templates.certain import certain
from engine.templates.context import context_of, reader_from
from engine.templates.filters import FILTERS, Reader
from engine.templates.gaps import Attempted, attempt
from engine.templates.liquid import Bodies, Rendered, check, render, variables
from engine.templates.mail import compiled
from engine.templates.plain import cleaned
from engine.templates.version import Version, check_version, version_of
from engine.templates.write import Written, write

__all__ = [
    "FILTERS",
    "Attempted",
    "Bodies",
    "Reader",
    "Rendered",
    "Version",
    "Written",
    "attempt",
    "certain",
    "check",
    "check_version",
    "cleaned",
    "compiled",
    "context_of",
    "reader_from",
    "render",
    "variables",
    "version_of",
    "write",
]
