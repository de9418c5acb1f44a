"""The outbox: outcomes told back to the CDP that their person came from, after the commit and each once.

A row is written with its outcome, in one transaction. It is told by a worker, again with longer and longer pauses while
the CDP is away, and looked for there before it is told a second time where nobody knows whether the first arrived.
"""

from engine.outbox.look import Look, look, retry
from engine.outbox.report import TIMEOUT_S, Report, get_report, set_report
from engine.outbox.tell import ABREAST, KEPT, Told, forget, tell_due

__all__ = [
    "ABREAST",
    "KEPT",
    "TIMEOUT_S",
    "Look",
    "Report",
    "Told",
    "forget",
    "get_report",
    "look",
    "retry",
    "set_report",
    "tell_due",
]
