"""The outbox: outcomes reported to the CDP that their person came from, after the commit and each once.

A row is written with its outcome, in one transaction. A worker reports it, with longer and longer pauses while the CDP
is away. If nobody knows whether a report arrived, the CDP is searched for it before it is reported a second time.
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
