"""The page itself, in Prometheus's text format: what the process counted, its pool, and the state of all work."""

import asyncio
import time
from collections.abc import Iterable, Sequence

from arq.connections import ArqRedis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from engine.db import Database
from engine.metrics.catalogue import METRICS, Kind, Metric
from engine.metrics.count import REGISTRY
from engine.metrics.state import Sample, read_state

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# However many ask, the servers are asked only this often.
KEPT_S = 1.0


class _Samples(Collector):
    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Family]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for sample in self._samples:
            metric = METRICS[sample.metric]
            family = families.setdefault(metric.name, _family(metric))
            family.add_metric([sample.labels[label] for label in metric.labels], sample.value)
        return families.values()


def _family(metric: Metric) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(metric.name, metric.text, labels=list(metric.labels))


class Page:
    """The metrics of one process; with `queues`, also the state of all work."""

    def __init__(self, db: Database, queues: ArqRedis | None = None, *, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._db = db
        self._queues = queues
        self._turn = asyncio.Lock()
        self._state: list[Sample] = []
        self._read_at = float("-inf")

    async def text(self) -> bytes:
        """Write the page; what cannot be read is left out, and `leo_source_up` says so."""
        samples = [*self._pool(), *await self._latest()]
        registry = CollectorRegistry()
        registry.register(_Samples(samples))
        return generate_latest(REGISTRY) + generate_latest(registry)

    def _pool(self) -> list[Sample]:
        usage = self._db.usage()
        return [
            Sample("leo_pool_connections", {"state": "idle"}, usage.idle),
            Sample("leo_pool_connections", {"state": "used"}, usage.used),
            Sample("leo_pool_waiting", {}, usage.waiting),
        ]

    async def _latest(self) -> list[Sample]:
        if self._queues is None:
            return []
        async with self._turn:
            if time.monotonic() - self._read_at >= self._kept_s:
                self._state = await read_state(self._db, self._queues)
                self._read_at = time.monotonic()
        return self._state
