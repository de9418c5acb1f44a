"""What this process did: each process counts and reports its own, and Prometheus adds them up and sees restarts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from engine.metrics.catalogue import METRICS, Kind, Metric

# Only of this process; the library's default registry would be shared with whoever else uses it.
REGISTRY = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]  # each series would have a second one that nobody asks for
ProcessCollector(registry=REGISTRY)

# From half the time of a decision to half a minute.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def _made(metric: Metric) -> MetricWrapperBase:
    if metric.kind is Kind.COUNTER:
        return Counter(metric.name, metric.text, metric.labels, registry=REGISTRY)
    if metric.kind is Kind.HISTOGRAM:
        return Histogram(metric.name, metric.text, metric.labels, registry=REGISTRY, buckets=BUCKETS_S)
    return Gauge(metric.name, metric.text, metric.labels, registry=REGISTRY)


def counter(name: str) -> Counter:
    made = _made(METRICS[name])
    assert isinstance(made, Counter)  # noqa: S101 - the catalogue says so
    return made


def histogram(name: str) -> Histogram:
    made = _made(METRICS[name])
    assert isinstance(made, Histogram)  # noqa: S101 - the catalogue says so
    return made


def gauge(name: str) -> Gauge:
    made = _made(METRICS[name])
    assert isinstance(made, Gauge)  # noqa: S101 - the catalogue says so
    return made


HTTP_REQUESTS = counter("leo_http_requests_total")
HTTP_SECONDS = histogram("leo_http_request_seconds")


PROVIDER_SECONDS = histogram("leo_provider_call_seconds")
DECIDE_SECONDS = histogram("leo_decide_seconds")
JOBS_FAILED = counter("leo_jobs_failed_total")
MODEL_CALLS = counter("leo_model_calls_total")
MODEL_SECONDS = histogram("leo_model_seconds")
BREAKER_OPEN = gauge("leo_model_breaker_open")


def provider_call(channel: str, seconds: float) -> None:
    """Count a call of a provider, whatever its answer."""
    PROVIDER_SECONDS.labels(channel).observe(seconds)


def decided(lane: str, seconds: float) -> None:
    """Count a batch that was decided."""
    DECIDE_SECONDS.labels(lane).observe(seconds)


def job_failed(job: str) -> None:
    """Count a job that ended with an error; it will be done again."""
    JOBS_FAILED.labels(job).inc()


def model_call(arbiter: str, result: str, seconds: float, *, is_open: bool) -> None:
    """Count a question put to a model, and whether the model is left alone from now on."""
    MODEL_CALLS.labels(arbiter, result).inc()
    MODEL_SECONDS.labels(arbiter).observe(seconds)
    BREAKER_OPEN.labels(arbiter).set(is_open)


def request(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    HTTP_REQUESTS.labels(method, route, str(status)).inc()
    HTTP_SECONDS.labels(method, route).observe(seconds)
