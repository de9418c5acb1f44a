"""What /metrics reports: the state of all work, over all tenants, and what this process did. Names begin with `leo_`.

The state of work is read from PostgreSQL and Redis when somebody asks, so that it is true whichever process answers;
what a process did (requests, calls, seconds) is counted in it, and each process reports its own.
"""

from engine.metrics.catalogue import METRICS, Kind, Metric, Teller
from engine.metrics.guard import admit
from engine.metrics.page import CONTENT_TYPE, Page
from engine.metrics.tally import fold, keep_check

__all__ = ["CONTENT_TYPE", "METRICS", "Kind", "Metric", "Page", "Teller", "admit", "fold", "keep_check"]
