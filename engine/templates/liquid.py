"""Liquid as templates may use it: strict, bounded and compiled once; markup is escaped in HTML, nowhere else.

A template can read `profile.*`, `campaign.*`, `event.*`, `unsubscribe_url` and `preferences_url`, test whether a value
is there and give a default; printing what is missing is an error. It cannot read files, include other templates or mark
data as safe.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import FilterValueError, LiquidError, ResourceLimitError, UndefinedError
from liquid.filter import with_context
from liquid.undefined import FalsyStrictUndefined

from engine.templates.filters import FILTERS, KEY, Reader
from engine.templates.plain import cleaned
from rules.errors import InvalidInput

ROOTS = frozenset({"profile", "campaign", "event"})
NAMES = frozenset({"unsubscribe_url", "preferences_url"})
SOURCE_LIMIT = 262_144
OUTPUT_LIMIT = 524_288
"""Octets of one body: Gmail clips a mail after 102 kB, and relays commonly refuse at 10 MB."""
LOOP_LIMIT = 2_000
LOCALS_LIMIT = 65_536
WORK_LIMIT = 4_194_304
"""Characters times characters of one filter's arguments: `replace` and `join` can multiply their sizes."""
DATA_DEPTH = 8
DATA_TEXTS = 200
CACHE = 2_048
REMOVED_TAGS = ("include", "render")
REMOVED_FILTERS = ("safe",)
# What Python raises from inside a filter that is handed values of the wrong kind.
FILTER_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Missing(InvalidInput):
    """A value that a template prints is not there; `variable` is its name."""

    def __init__(self, name: str, variable: str) -> None:
        super().__init__(
            f"The template {name} needs {variable}, which is missing.",
            remedy=f"Fill {variable} or write {{{{ {variable} | default: '...' }}}}.",
        )
        self.variable = variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """The source of one template in one language; `name` stands in every error.

    `data` is what its channel alone knows: JSON in which every text is a template.
    """

    name: str
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What one person gets; the subject is one line, and no text holds letters that steer a screen."""

    subject: str | None
    text: str | None
    html: str | None
    data: Mapping[str, Any] = field(default_factory=dict)


class _Environment(Environment):
    loop_iteration_limit = LOOP_LIMIT
    output_stream_limit = OUTPUT_LIMIT
    local_namespace_limit = LOCALS_LIMIT


def check(bodies: Bodies, known: AbstractSet[str] | None = None) -> set[str]:
    """Refuse a template that cannot work, and give its variables.

    `known` are full names such as "profile.city"; without it, any field of profile, campaign and event is accepted.
    Raises InvalidInput for a syntax error, an unknown filter or tag, no body at all, or an unknown variable.
    """
    if bodies.text is None and bodies.html is None and not bodies.data:
        raise InvalidInput(f"The template {bodies.name} has no body.", remedy="Give it a text or an HTML body.")
    used = variables(bodies)
    for name in sorted(used):
        if not _is_known(name, known):
            raise InvalidInput(
                f"The template {bodies.name} uses {name}, which nobody fills.", remedy=_choices(name, known)
            )
    return used


def variables(bodies: Bodies) -> set[str]:
    """Give what a template reads from outside, such as {"profile.city", "unsubscribe_url"}; raises InvalidInput."""
    return {name for source, is_html in sources(bodies) for name in _analysed(bodies.name, source, is_html=is_html)}


def render(bodies: Bodies, context: Mapping[str, Any]) -> Rendered:
    """Fill a template for one person; raises InvalidInput naming the template, the variable and the remedy."""
    subject = _filled(bodies, bodies.subject, context, is_html=False)
    return Rendered(
        subject=None if subject is None else " ".join(subject.split()),
        text=_filled(bodies, bodies.text, context, is_html=False),
        html=_filled(bodies, bodies.html, context, is_html=True),
        data={name: _deep(bodies, value, context) for name, value in bodies.data.items()},
    )


def _deep(bodies: Bodies, value: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _filled(bodies, value, context, is_html=False)
    if isinstance(value, Mapping):
        return {name: _deep(bodies, item, context) for name, item in value.items()}
    return [_deep(bodies, item, context) for item in value] if isinstance(value, list) else value


def _filled(bodies: Bodies, source: str | None, context: Mapping[str, Any], *, is_html: bool) -> str | None:
    if source is None:
        return None
    template = _compiled(bodies.name, source, is_html=is_html)
    try:
        return cleaned(template.render(context))
    except UndefinedError as error:
        raise Missing(bodies.name, _missing(error)) from error
    except ResourceLimitError as error:
        raise InvalidInput(
            f"The template {bodies.name} is too much work: {error.message}.",
            remedy=f"Loop at most {LOOP_LIMIT} times and write at most {OUTPUT_LIMIT} octets.",
        ) from error
    except (LiquidError, *FILTER_FAILURES) as error:
        raise InvalidInput(
            f"The template {bodies.name} cannot be filled: {_sentence(error)}.",
            remedy="Correct the template or the value it uses.",
        ) from error


def _compiled(name: str, source: str, *, is_html: bool) -> BoundTemplate:
    try:
        return compile_source(source, is_html)
    except (LiquidError, RecursionError) as error:
        raise InvalidInput(
            f"The template {name} is no valid Liquid: {_sentence(error)}.", remedy="Correct the template."
        ) from error


@lru_cache(maxsize=CACHE)
def compile_source(source: str, is_html: bool) -> BoundTemplate:  # noqa: FBT001 - a cache key
    """Compile a part once; raises LiquidError."""
    if len(source) > SOURCE_LIMIT:
        raise ResourceLimitError(f"it is longer than {SOURCE_LIMIT} characters", token=None)
    return _environment(is_html).from_string(source)


@lru_cache(maxsize=2)
def _environment(is_html: bool) -> Environment:  # noqa: FBT001 - a cache key
    environment = _Environment(undefined=FalsyStrictUndefined, autoescape=is_html)
    for tag in REMOVED_TAGS:
        del environment.tags[tag]
    for name in REMOVED_FILTERS:
        environment.filters.pop(name, None)
    environment.filters |= {name: _ours(function) for name, function in FILTERS.items()}
    environment.filters = {name: _bounded(function) for name, function in environment.filters.items()}
    return environment


def _ours(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give one of our filters the reader, and its refusal the name that Liquid knows."""

    @with_context
    @functools.wraps(function)
    def filled(left: Any, *arguments: Any, context: RenderContext) -> Any:
        reader = context.resolve(KEY, default=None)
        try:
            return function(left, reader if isinstance(reader, Reader) else Reader(), *arguments)
        except ValueError as error:
            raise FilterValueError(str(error), token=None) from error
        except TypeError as error:
            raise FilterValueError("a filter is given too much or too little", token=None) from error

    return filled


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a filter call before it is made where its result could be huge: limits on output come too late for it."""

    @functools.wraps(function)
    def bounded(left: Any, *arguments: Any, **named: Any) -> Any:
        work = _size(left)
        for argument in arguments:
            work *= max(1, _size(argument))
        if work > WORK_LIMIT:
            raise ResourceLimitError("a filter is given too much at once", token=None)
        return function(left, *arguments, **named)

    return bounded


def _size(value: Any) -> int:
    """Measure what is repeated when a value is repeated; a number has its bits, for `times` squares it."""
    if isinstance(value, int):
        return value.bit_length()
    return len(value) if isinstance(value, str | bytes | list | tuple | range) else 1


@lru_cache(maxsize=CACHE)
def _names(source: str, is_html: bool) -> frozenset[str]:  # noqa: FBT001 - a cache key
    analysis = compile_source(source, is_html).analyze()
    found = (variable.segments for entries in analysis.globals.values() for variable in entries)
    unknown_filters = analysis.filters.keys() - _environment(is_html).filters.keys()
    if unknown_filters:
        raise LiquidError(f"there is no filter {min(unknown_filters)}", token=None)
    return frozenset(dotted(segments) for segments in found)


def _analysed(name: str, source: str, *, is_html: bool) -> frozenset[str]:
    _compiled(name, source, is_html=is_html)
    try:
        return _names(source, is_html)
    except LiquidError as error:
        raise InvalidInput(
            f"The template {name} is no valid Liquid: {_sentence(error)}.", remedy="Correct the template."
        ) from error


def dotted(segments: Iterable[Any]) -> str:
    """Join the leading names: what follows an index or a computed key depends on the data."""
    names: list[str] = []
    for segment in segments:
        if not isinstance(segment, str):
            break
        names.append(segment)
    return ".".join(names)


def _is_known(name: str, known: AbstractSet[str] | None) -> bool:
    root, dot, _ = name.partition(".")
    if known is None:
        return name in NAMES or (root in ROOTS and bool(dot))
    return any(name == one or name.startswith(f"{one}.") for one in known | NAMES)


def _choices(name: str, known: AbstractSet[str] | None) -> str:
    if name in ROOTS:
        return f"Name one of its fields, such as {name}.name."
    names = sorted(known | NAMES) if known is not None else [*(f"{root}.*" for root in sorted(ROOTS)), *sorted(NAMES)]
    return f"Use one of {', '.join(names)}."


def sources(bodies: Bodies) -> list[tuple[str, bool]]:
    """Give every part, each with whether it is HTML; raises InvalidInput where the data is too much."""
    given = ((bodies.subject, False), (bodies.text, False), (bodies.html, True))
    present = [(source, is_html) for source, is_html in given if source is not None]
    return [*present, *((source, False) for source in _texts(bodies.name, bodies.data, depth=0))]


def _texts(name: str, value: Any, *, depth: int) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    found = [text for item in items for text in _texts(name, item, depth=depth + 1)] if depth < DATA_DEPTH else []
    if (items and depth >= DATA_DEPTH) or len(found) > DATA_TEXTS:
        raise InvalidInput(
            f"The data of the template {name} is too much.",
            remedy=f"Nest it at most {DATA_DEPTH} deep, with at most {DATA_TEXTS} texts.",
        )
    return found


def _missing(error: UndefinedError) -> str:
    return str(error.message).removesuffix(" is undefined").strip("'")


def _sentence(error: Exception) -> str:
    message = error.message if isinstance(error, LiquidError) else f"{type(error).__name__}: {error}"
    return str(message).rstrip(".")
