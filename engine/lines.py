"""The log: one line per happening, as JSON or text, with its context; no addresses, messages or secrets.

The context (request, tenant, run, batch, decision, delivery) is given once, around the work, and is part of every line
that the work writes, next to the line's own fields in `extra`.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from engine import tracing

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_about: ContextVar[dict[str, Any] | None] = ContextVar("leo_about", default=None)


@contextmanager
def about(**what: Any) -> Iterator[None]:
    """Give the log lines of this work their context, in addition to that around it."""
    before = _about.set({**(_about.get() or {}), **what})
    try:
        yield
    finally:
        _about.reset(before)


def note(**what: Any) -> None:
    """Add to the context of this work; it also shows in lines of the code that gave the context."""
    known = _about.get()
    if known is not None:
        known.update(what)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    trace = tracing.trace_id()
    own = {name: value for name, value in vars(record).items() if name not in _OWN}
    return {**({"trace": trace} if trace else {}), **(_about.get() or {}), **own}


class JsonLines(logging.Formatter):
    """Writes time, level, logger, event, context and, for an error, its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """The same for human readers; a line break in a value cannot start a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={_plain(value)}" for name, value in _fields(record).items())
        event = record.getMessage().replace("\n", "\\n")
        line = f"{_time(record)} {record.levelname} {record.name} {event} {fields}".rstrip()
        return line if not record.exc_info else f"{line}\n{self.formatException(record.exc_info)}"


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _plain(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ' "\n\r=') else text


def configure(level: str, form: str) -> None:
    """Log to standard error from `level` up, as `json` or `text`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # arq logs every job's start and end, and warns about jobs that the sweeper has long replaced.
    logging.getLogger("arq").setLevel(logging.ERROR)
    for library in ("aiohttp", "httpx", "psycopg.pool", "urllib3", "opentelemetry", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)
