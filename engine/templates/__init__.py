"""Templates: Liquid filled in for one person, in their language, within what the channel and the law allow."""

from engine.templates.certain import certain
from engine.templates.check import check, refuse_together
from engine.templates.context import context_of, reader_from
from engine.templates.filters import FILTERS, Reader
from engine.templates.gaps import Attempted, attempt
from engine.templates.liquid import Bodies, Rendered, render, variables
from engine.templates.mail import compiled
from engine.templates.plain import cleaned
from engine.templates.version import Version, check_sources, check_version, form_faults, version_of
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
    "check_sources",
    "check_version",
    "cleaned",
    "compiled",
    "context_of",
    "form_faults",
    "reader_from",
    "refuse_together",
    "render",
    "variables",
    "version_of",
    "write",
]
