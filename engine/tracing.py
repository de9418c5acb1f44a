"""Tracing: what one event led to, from the request over the job to the provider's answer, as spans of OpenTelemetry.

Off unless the settings name a receiver; then nothing here does anything. A trace continues with its run or agent task,
whose row stores the span that made it (`traceparent`), so it does not matter who finds the work, or when.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.settings import Settings
from rules.errors import Misconfigured

FLUSH_MS = 2_000
SEND_S = 5
MOST_WAITING = 8_192

_OFF: AbstractContextManager[None] = nullcontext()
_W3C = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


@contextmanager
def opened(settings: Settings, process: str) -> Iterator[None]:
    """Send the spans of this process inside the block; raises Misconfigured if the package is not installed."""
    global _tracer  # noqa: PLW0603 - one receiver per process, like the log
    if settings.trace_url is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured(
            "LEO_TRACE_URL is set and the packages that send traces are not installed.",
            remedy="Install leo-activation[otel], or unset LEO_TRACE_URL.",
        ) from error
    exporter = OTLPSpanExporter(endpoint=f"{settings.trace_url.rstrip('/')}/v1/traces", timeout=SEND_S)
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(settings.trace_share),
        resource=Resource.create({"service.name": f"leo-{process}"}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=MOST_WAITING, schedule_delay_millis=1_000))
    _tracer = provider.get_tracer("leo")
    try:
        yield
    finally:
        _tracer = None
        provider.force_flush(FLUSH_MS)
        provider.shutdown()


def is_on() -> bool:
    return _tracer is not None


def span(
    name: str, *, parent: str | None = None, calls_out: bool = False, **about: str | int | None
) -> AbstractContextManager[Span | None]:
    """Give a span around some work; `parent` is a traceparent, by default the surrounding work.

    `calls_out`: somebody else's server is waited for. `about` becomes attributes `leo.<name>`. An error's text is left
    out, because it may quote what a person wrote.
    """
    if _tracer is None:
        return _OFF
    kind = SpanKind.CLIENT if calls_out else SpanKind.INTERNAL
    return _recorded(_tracer, name, _context(parent), kind, about)


@contextmanager
def _recorded(
    tracer: Tracer, name: str, context: Context | None, kind: SpanKind, about: dict[str, str | int | None]
) -> Iterator[Span]:
    attributes = {f"leo.{key}": value for key, value in about.items() if value is not None}
    with tracer.start_as_current_span(
        name, context=context, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _context(parent: str | None) -> Context | None:
    """Give where a span belongs: below `parent`, unless the surrounding work is already part of that trace."""
    if not parent or trace_id() == parent[3:35]:
        return None
    return _W3C.extract({"traceparent": parent})


def current() -> str:
    """Give the traceparent of the surrounding work; empty if there is none or nothing is traced."""
    if _tracer is None:
        return ""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent", "")


def trace_id() -> str:
    """Give the trace id of the surrounding work, for the log; empty if there is none."""
    if _tracer is None:
        return ""
    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""
