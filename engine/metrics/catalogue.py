"""Every metric with its kind, labels and meaning, in one place, for pages, docs, dashboards and alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Teller(StrEnum):
    """Who reports a metric, and about what.

    `state`: the API, about everything, from PostgreSQL and Redis. Every API process reports the same, so take one
    (`max`) and not the sum. `process`: each API and worker process about itself; add them up. `api`, `worker`: only
    processes of that kind.
    """

    STATE = "state"
    PROCESS = "process"
    API = "api"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Metric:
    """`name` is that of the family, with `_total` for counters."""

    name: str
    kind: Kind
    teller: Teller
    text: str
    labels: tuple[str, ...] = ()


def _state(name: str, text: str, *labels: str, kind: Kind = Kind.GAUGE) -> Metric:
    return Metric(name, kind, Teller.STATE, text, labels)


_ALL = (
    _state("leo_source_up", "Whether what this page is read from answered (1) or not (0).", "source"),
    _state("leo_backlog_batches", "Batches of people to decide for: due now, or later.", "lane", "state"),
    _state(
        "leo_backlog_messages",
        "Messages to send: due now, later, or held because their channel is paused or disconnected.",
        *("lane", "state"),
    ),
    _state(
        "leo_backlog_oldest_seconds",
        "How long the oldest batch or message has been due; 0 without any.",
        "lane",
        "work",
    ),
    _state("leo_messages_in_hand", "Messages that are being sent now.", "lane"),
    _state("leo_messages_lost", "Messages whose worker has not been heard of since its lease ended.", "lane"),
    _state("leo_letters_unsettled", "Messages that failed, are dead or uncertain, and that nobody settled.", "status"),
    _state(
        "leo_queue_jobs",
        "Jobs in Redis: due now, with urgent batches that no worker has taken, or later.",
        "lane",
        "state",
    ),
    _state("leo_queue_oldest_seconds", "How long the oldest job in Redis has been due; 0 without any.", "lane"),
    _state("leo_workers", "Workers whose heart beats.", "lane"),
    _state("leo_outbox_waiting", "Outcomes to be told to CDPs."),
    _state("leo_outbox_given_up", "Outcomes that no CDP took, given up."),
    _state("leo_outbox_oldest_seconds", "How long the oldest outcome has been due to be told; 0 without any."),
    _state("leo_callbacks_waiting", "Callbacks that are to be read again."),
    _state("leo_sync_lag_seconds", "How long ago the last complete sync began, at the source where it is longest ago."),
    _state("leo_sync_failing", "Sources whose newest sync failed."),
    _state("leo_token_ends_seconds", "Seconds until the first token or credential of such a channel ends.", "channel"),
    _state("leo_channels", "Channels.", "channel", "status"),
    _state("leo_channel_circuits", "Connected channels by the state of their circuit.", "channel", "circuit"),
    _state("leo_tasks_waiting", "Agent tasks that are not at their end and wait for nobody's approval.", "status"),
    _state("leo_tenants", "Tenants.", "status"),
    _state("leo_graph_differences", "What graphs and tables differed in when they were last compared."),
    _state("leo_graph_checked_seconds", "How long ago that was, of the graph that was compared longest ago."),
    _state("leo_archive_waiting", "Live decisions older than their tenant keeps, of each tenant's 1,000 oldest."),
    _state("leo_archive_overdue_seconds", "How much older than its tenant keeps the oldest of them is; 0 without any."),
    _state("leo_archive_oldest_seconds", "How old the oldest live decision is; 0 without any."),
    _state(
        "leo_decisions_total",
        "Decisions: by whom, to do what, and why: `chosen`, or the gate that held it back.",
        *("arbiter", "action", "gate"),
        kind=Kind.COUNTER,
    ),
    _state(
        "leo_deliveries_total",
        "Messages that were queued, and that ended: sent, failed, dead, uncertain, expired or cancelled.",
        *("channel", "status"),
        kind=Kind.COUNTER,
    ),
    _state(
        "leo_attempts_total",
        "Calls of providers, by what their answer came to and its class: see docs/delivery.md.",
        *("channel", "status", "class"),
        kind=Kind.COUNTER,
    ),
    Metric(
        "leo_http_requests_total",
        Kind.COUNTER,
        Teller.API,
        "Requests, by the route's template: what matches no route is `unmatched`.",
        ("method", "route", "status"),
    ),
    Metric(
        "leo_http_request_seconds", Kind.HISTOGRAM, Teller.API, "Seconds until the answer began.", ("method", "route")
    ),
    Metric("leo_provider_call_seconds", Kind.HISTOGRAM, Teller.PROCESS, "Until a provider answered.", ("channel",)),
    Metric("leo_decide_seconds", Kind.HISTOGRAM, Teller.PROCESS, "Until a batch was decided and written.", ("lane",)),
    Metric("leo_jobs_failed_total", Kind.COUNTER, Teller.WORKER, "Jobs that ended with an error.", ("job",)),
    Metric(
        "leo_model_calls_total",
        Kind.COUNTER,
        Teller.PROCESS,
        "Questions put to models: answered, refused (it said no) or failed.",
        ("arbiter", "result"),
    ),
    Metric("leo_model_seconds", Kind.HISTOGRAM, Teller.PROCESS, "Until a model answered or failed.", ("arbiter",)),
    Metric(
        "leo_model_breaker_open",
        Kind.GAUGE,
        Teller.PROCESS,
        "Whether this process leaves a model alone because it failed too often (1) or not (0).",
        ("arbiter",),
    ),
    Metric("leo_pool_connections", Kind.GAUGE, Teller.PROCESS, "Connections to PostgreSQL: idle or used.", ("state",)),
    Metric("leo_pool_waiting", Kind.GAUGE, Teller.PROCESS, "Who waits for a connection to PostgreSQL."),
)
METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
