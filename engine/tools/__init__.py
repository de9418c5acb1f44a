"""The tools of agent tasks: each is defined once; a call is checked, its reach counted, and made in a transaction."""

from engine.tools.check import Wrong, check, raise_wrong
from engine.tools.definitions import Definition, Limit, allowed, definitions
from engine.tools.execute import Asking, Done, execute
from engine.tools.reach import MOST_PEOPLE, Reach, allowance, beyond, examine, limit_of

__all__ = [
    "MOST_PEOPLE",
    "Asking",
    "Definition",
    "Done",
    "Limit",
    "Reach",
    "Wrong",
    "allowance",
    "allowed",
    "beyond",
    "check",
    "definitions",
    "examine",
    "execute",
    "limit_of",
    "raise_wrong",
]
