"""Templates: Liquid filled for one person, in that person's language, within what the channel and the law allow."""

from engine.templates.filters import FILTERS, Reader
from engine.templates.liquid import Bodies, Rendered, check, render, variables
from engine.templates.mail import compiled
from engine.templates.plain import cleaned
from engine.templates.version import Version, check_version, version_of
from engine.templates.write import Written, write

__all__ = [
    "FILTERS",
    "Bodies",
    "Reader",
    "Rendered",
    "Version",
    "Written",
    "check",
    "check_version",
    "cleaned",
    "compiled",
    "render",
    "variables",
    "version_of",
    "write",
]
