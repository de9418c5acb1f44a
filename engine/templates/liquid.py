"""Liquid as templates may use it: strict, bounded and compiled once; values are escaped in HTML and nowhere else.

A template can read `profile.*`, `campaign.*`, `event.*`, `unsubscribe_url` and `preferences_url`, test whether a value
exists and give a default; printing a missing value is an error. It cannot read files, include other templates or mark
data as safe.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import FilterValueError, LiquidError, ResourceLimitError, UndefinedError
from liquid.filter import with_context
from liquid.token import TOKEN_WORD, Token
from liquid.undefined import FalsyStrictUndefined

from engine.templates.filters import FILTERS, KEY, Reader, Unfit
from engine.templates.plain import cleaned
from rules.errors import InvalidInput
from rules.faults import Fault, Value

ROOTS = frozenset({"profile", "campaign", "event"})
NAMES = frozenset({"unsubscribe_url", "preferences_url"})
SOURCE_LIMIT = 262_144
OUTPUT_LIMIT = 524_288
"""Bytes of one body: Gmail clips a mail after 102 kB, and relays commonly refuse at 10 MB."""
LOOP_LIMIT = 2_000
LOCALS_LIMIT = 65_536
WORK_LIMIT = 4_194_304
"""The product of the sizes of a filter's arguments, because `replace` and `join` can multiply them."""
DATA_DEPTH = 8
DATA_TEXTS = 200
CACHE = 2_048
REMOVED_TAGS = ("include", "render")
REMOVED_FILTERS = ("safe",)
# What Python raises inside a filter that gets values of the wrong type.
FILTER_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Missing(InvalidInput):
    """A value that a template prints is missing; `variable` is its name."""

    def __init__(self, name: str, variable: str, place: str = "") -> None:
        fault = Fault("template.missing", place, {"name": name, "variable": variable})
        super().__init__(
            fault.say().en, remedy=f"Fill {variable} or write {{{{ {variable} | default: '...' }}}}.", fault=fault
        )
        self.variable = variable


class Source(NamedTuple):
    """One text of a template; `place` is where it is in the document, as in `data.buttons[0].title`."""

    place: str
    text: str
    is_html: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """A template's source in one language; `name` is part of every error, `place` is where it is in a document.

    `data` is what only its channel understands: JSON in which every text is a template.
    """

    name: str
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What one person gets; the subject is one line, and no text contains control characters."""

    subject: str | None
    text: str | None
    html: str | None
    data: Mapping[str, Any] = field(default_factory=dict)


class _Environment(Environment):
    loop_iteration_limit = LOOP_LIMIT
    output_stream_limit = OUTPUT_LIMIT
    local_namespace_limit = LOCALS_LIMIT


def variables(bodies: Bodies) -> set[str]:
    """Give what a template reads from outside, such as {"profile.city", "unsubscribe_url"}; raises InvalidInput."""
    return {name for source in sources(bodies) for name in names_in(bodies, source)}


def render(bodies: Bodies, context: Mapping[str, Any]) -> Rendered:
    """Render a template for one person; raises InvalidInput naming the template, the variable and the remedy."""
    subject = _filled(bodies, bodies.subject, context, "subject")
    return Rendered(
        subject=None if subject is None else " ".join(subject.split()),
        text=_filled(bodies, bodies.text, context, "body_text"),
        html=_filled(bodies, bodies.html, context, "body_html", is_html=True),
        data={name: _deep(bodies, value, context, f"data.{name}") for name, value in bodies.data.items()},
    )


def _deep(bodies: Bodies, value: Any, context: Mapping[str, Any], place: str) -> Any:
    if isinstance(value, str):
        return _filled(bodies, value, context, place)
    if isinstance(value, Mapping):
        return {name: _deep(bodies, item, context, f"{place}.{name}") for name, item in value.items()}
    if isinstance(value, list):
        return [_deep(bodies, item, context, f"{place}[{index}]") for index, item in enumerate(value)]
    return value


def _filled(
    bodies: Bodies, text: str | None, context: Mapping[str, Any], place: str, *, is_html: bool = False
) -> str | None:
    if text is None:
        return None
    template = _compiled(bodies, Source(place, text, is_html))
    try:
        return cleaned(template.render(context))
    except UndefinedError as error:
        raise Missing(bodies.name, _missing(error), f"{bodies.place}{place}") from error
    except ResourceLimitError as error:
        remedy = f"Loop at most {LOOP_LIMIT} times and write at most {OUTPUT_LIMIT} octets."
        raise refusal("too_much_work", bodies, place, remedy, said=str(error.message)) from error
    except (LiquidError, *FILTER_FAILURES) as error:
        remedy = "Correct the template or the value it uses."
        raise refusal("cannot_be_filled", bodies, place, remedy, said=_why(error), **_line(error, text)) from error


def _compiled(bodies: Bodies, source: Source) -> BoundTemplate:
    try:
        return compile_source(source.text, source.is_html)
    except (LiquidError, RecursionError) as error:
        raise _no_liquid(bodies, source, error) from error


def refusal(kind: str, bodies: Bodies, place: str, remedy: str, **values: Value) -> InvalidInput:
    """Refuse a template at a place of its document; `kind` is one of rules/faults/templates.py."""
    fault = Fault(f"template.{kind}", f"{bodies.place}{place}", {"name": bodies.name, **values})
    return InvalidInput(fault.say().en, remedy=remedy, fault=fault)


def _why(error: Exception) -> Fault:
    """Give the sentence of one of our filters, otherwise Liquid's own words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Unfit):
            return cause.fault
        cause = cause.__cause__
    return Fault("filter.said", "", {"said": _sentence(error)})


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
    """Give one of our filters the reader, and turn its refusal into an error that Liquid knows."""

    @with_context
    @functools.wraps(function)
    def filled(left: Any, *arguments: Any, context: RenderContext) -> Any:
        reader = context.resolve(KEY, default=None)
        try:
            return function(left, reader if isinstance(reader, Reader) else Reader(), *arguments)
        except ValueError as error:
            raise FilterValueError(str(error), token=None) from error
        except TypeError:
            raise FilterValueError("a filter is given too much or too little", token=None) from Unfit("arguments")

    return filled


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a filter call whose result could be huge before it is made; limits on the output would come too late."""

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
    """Measure what is repeated when a value is repeated; a number counts its bits, because `times` can square it."""
    if isinstance(value, int):
        return value.bit_length()
    return len(value) if isinstance(value, str | bytes | list | tuple | range) else 1


@lru_cache(maxsize=CACHE)
def _names(source: str, is_html: bool) -> frozenset[str]:  # noqa: FBT001 - a cache key
    analysis = compile_source(source, is_html).analyze()
    found = (variable.segments for entries in analysis.globals.values() for variable in entries)
    unknown_filters = analysis.filters.keys() - _environment(is_html).filters.keys()
    if unknown_filters:
        name = min(unknown_filters)
        token = Token(TOKEN_WORD, name, analysis.filters[name][0].index, source)
        raise LiquidError(f"there is no filter {name}", token=token)
    return frozenset(dotted(segments) for segments in found)


def names_in(bodies: Bodies, source: Source) -> frozenset[str]:
    """Give the names that one text reads from outside; raises InvalidInput where it is no valid Liquid."""
    _compiled(bodies, source)
    try:
        return _names(source.text, source.is_html)
    except LiquidError as error:
        raise _no_liquid(bodies, source, error) from error


def _no_liquid(bodies: Bodies, source: Source, error: Exception) -> InvalidInput:
    return refusal(
        "no_liquid", bodies, source.place, "Correct the template.", said=_sentence(error), **_line(error, source.text)
    )


def _line(error: Exception, text: str) -> dict[str, int]:
    """Give the line that Liquid speaks of, from 1; nothing where it speaks of none."""
    token = error.token if isinstance(error, LiquidError) else None
    if token is None or not 0 <= token.start_index <= len(text):
        return {}
    return {"line": text.count("\n", 0, token.start_index) + 1}


def dotted(segments: Iterable[Any]) -> str:
    """Join the leading names; what follows an index or a computed key depends on the data."""
    names: list[str] = []
    for segment in segments:
        if not isinstance(segment, str):
            break
        names.append(segment)
    return ".".join(names)


def sources(bodies: Bodies) -> list[Source]:
    """Give every part; raises InvalidInput if the data is too large."""
    given = (
        ("subject", bodies.subject, False),
        ("body_text", bodies.text, False),
        ("body_html", bodies.html, True),
    )
    present = [Source(place, text, is_html) for place, text, is_html in given if text is not None]
    return [*present, *_texts(bodies, bodies.data, "data", depth=0)]


def _texts(bodies: Bodies, value: Any, place: str, *, depth: int) -> list[Source]:
    if isinstance(value, str):
        return [Source(place, value, False)]
    items = _items(value, place)
    found = (
        [one for at, item in items for one in _texts(bodies, item, at, depth=depth + 1)] if depth < DATA_DEPTH else []
    )
    if (items and depth >= DATA_DEPTH) or len(found) > DATA_TEXTS:
        remedy = f"Nest it at most {DATA_DEPTH} deep, with at most {DATA_TEXTS} texts."
        raise refusal("too_much_data", bodies, "data", remedy, depth=DATA_DEPTH, texts=DATA_TEXTS)
    return found


def _items(value: Any, place: str) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(f"{place}.{name}", item) for name, item in value.items()]
    return [(f"{place}[{index}]", item) for index, item in enumerate(value)] if isinstance(value, list) else []


def _missing(error: UndefinedError) -> str:
    return str(error.message).removesuffix(" is undefined").strip("'")


def _sentence(error: Exception) -> str:
    message = error.message if isinstance(error, LiquidError) else f"{type(error).__name__}: {error}"
    return str(message).rstrip(".")
