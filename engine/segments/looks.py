"""Conditions on what a profile has: attributes, columns, consents, addresses."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from psycopg.sql import SQL, Composable
from psycopg.types.json import Jsonb

from engine.segments.parts import Writer, part
from rules.conditions.dates import PATTERN, anniversaries, days_before, resolve
from rules.conditions.fold import FROM, TO, fold
from rules.conditions.nodes import Attribute, Column, Consented, Field, Reachable, Scalar, Test, Wanted

_DATE: Final = f"^(?:{PATTERN})$"


def attribute(leaf: Attribute, writer: Writer) -> Composable:
    """`is`, `in` and `contains` become containment, which the GIN index serves; the rest looks at the value itself."""
    return _ATTRIBUTE[leaf.test](leaf, writer)


def profile_field(leaf: Field, writer: Writer) -> Composable:
    """A column is text, except for the instant of creation; a null column is missing."""
    column = part(leaf.column)
    if leaf.column is not Column.CREATED_AT:
        return _TEXT[leaf.test](leaf, column, writer)
    if leaf.test is Test.ANNIVERSARY_IN_DAYS:
        return _anniversary(part("day_of_creation"), leaf.wanted, writer)
    return _when(leaf.test, column, leaf.wanted, writer)


def consented(leaf: Consented, writer: Writer) -> Composable:
    return part(
        "consented",
        purpose=writer.value(leaf.purpose),
        channel=writer.value(leaf.channel),
        granted=writer.value(leaf.granted),
        among=writer.among("c"),
    )


def reachable(leaf: Reachable, writer: Writer) -> Composable:
    return part("reachable", channel=writer.value(leaf.channel), among=writer.among("a"))


def _contained(leaf: Attribute, writer: Writer) -> Composable:
    document = _document(leaf.path, leaf.wanted, in_list=leaf.test is Test.CONTAINS)
    return part("contained", document=writer.value(Jsonb(document)))


def _contained_any(leaf: Attribute, writer: Writer) -> Composable:
    in_list = leaf.test is Test.CONTAINS_ANY
    documents = [Jsonb(_document(leaf.path, one, in_list=in_list)) for one in _several(leaf.wanted)]
    return part("contained_any", documents=writer.value(documents))


def _compared(leaf: Attribute, writer: Writer) -> Composable:
    return part(leaf.test, value=_at(leaf.path, writer), number=writer.value(_number(leaf.wanted)))


def _between(leaf: Attribute, writer: Writer) -> Composable:
    low, high = (writer.value(_number(one)) for one in _several(leaf.wanted))
    return part("between", value=_at(leaf.path, writer), low=low, high=high)


def _there(leaf: Attribute, writer: Writer) -> Composable:
    return _said(part(leaf.test, value=_at(leaf.path, writer)), leaf.wanted)


def _spelt(leaf: Attribute, writer: Writer) -> Composable:
    return _letters(leaf.test, part("text_of", value=_at(leaf.path, writer)), leaf.wanted, writer)


def _dated(leaf: Attribute, writer: Writer) -> Composable:
    date = {"text": part("text_of", value=_at(leaf.path, writer)), "pattern": writer.value(_DATE)}
    if leaf.test is Test.ANNIVERSARY_IN_DAYS:
        return _anniversary(part("day_of", **date), leaf.wanted, writer)
    return _when(leaf.test, part("moment", **date), leaf.wanted, writer)


def _is_text(leaf: Field, column: Composable, writer: Writer) -> Composable:
    return part("equal", text=column, wanted=writer.value(leaf.wanted))


def _is_one_of(leaf: Field, column: Composable, writer: Writer) -> Composable:
    return part("one_of", text=column, wanted=writer.value(list(_several(leaf.wanted))))


def _column_exists(leaf: Field, column: Composable, _writer: Writer) -> Composable:
    return _said(part("exists", value=column), leaf.wanted)


def _column_is_empty(leaf: Field, column: Composable, _writer: Writer) -> Composable:
    return _said(part("is_empty_text", text=column), leaf.wanted)


def _column_letters(leaf: Field, column: Composable, writer: Writer) -> Composable:
    return _letters(leaf.test, column, leaf.wanted, writer)


def _document(path: tuple[str, ...], wanted: Any, *, in_list: bool) -> Any:
    value: Any = [wanted] if in_list else wanted
    for name in reversed(path):
        value = {name: value}
    return value


def _at(path: tuple[str, ...], writer: Writer) -> Composable:
    value: Composable = SQL("p.attributes")
    for name in path:
        value = part("step", value=value, name=writer.value(name))
    return value


def _several(wanted: Wanted) -> tuple[Scalar, ...]:
    return wanted if isinstance(wanted, tuple) else ()


def _number(wanted: Any) -> Decimal:
    return Decimal(repr(wanted))


def _letters(test: Test, text: Composable, wanted: Any, writer: Writer) -> Composable:
    small = writer.value(fold(wanted))
    return part(test, text=text, capitals=writer.value(FROM), small=writer.value(TO), wanted=small)


def _when(test: Test, moment: Composable, wanted: Any, writer: Writer) -> Composable:
    now = writer.context.now
    if test is Test.BEFORE or test is Test.AFTER:
        return part(test, moment=moment, at=writer.value(resolve(wanted, now)))
    low, high = (days_before(now, wanted), now) if test is Test.IN_LAST_DAYS else (now, days_before(now, -wanted))
    return part("from_to", moment=moment, low=writer.value(low), high=writer.value(high))


def _anniversary(day: Composable, wanted: Any, writer: Writer) -> Composable:
    return part("one_of", text=day, wanted=writer.value(anniversaries(writer.context.today, wanted)))


def _said(condition: Composable, wanted: Any) -> Composable:
    return condition if wanted else _negated(condition)


def _negated(condition: Composable) -> Composable:
    return SQL("(NOT {})").format(condition)


def _opposite(condition: Callable[..., Composable], test: Test) -> Callable[..., Composable]:
    """Give the exact opposite of a condition, where `test` is its positive form."""
    return lambda leaf, *rest: _negated(condition(replace(leaf, test=test), *rest))


_ATTRIBUTE: Final[Mapping[Test, Callable[[Attribute, Writer], Composable]]] = {
    Test.IS: _contained,
    Test.IS_NOT: _opposite(_contained, Test.IS),
    Test.IN: _contained_any,
    Test.NOT_IN: _opposite(_contained_any, Test.IN),
    Test.CONTAINS: _contained,
    Test.CONTAINS_ANY: _contained_any,
    Test.CONTAINS_NONE: _opposite(_contained_any, Test.CONTAINS_ANY),
    Test.MORE_THAN: _compared,
    Test.AT_LEAST: _compared,
    Test.LESS_THAN: _compared,
    Test.AT_MOST: _compared,
    Test.BETWEEN: _between,
    Test.INCLUDES: _spelt,
    Test.STARTS_WITH: _spelt,
    Test.ENDS_WITH: _spelt,
    Test.EXISTS: _there,
    Test.IS_EMPTY: _there,
    Test.BEFORE: _dated,
    Test.AFTER: _dated,
    Test.IN_LAST_DAYS: _dated,
    Test.IN_NEXT_DAYS: _dated,
    Test.ANNIVERSARY_IN_DAYS: _dated,
}
_TEXT: Final[Mapping[Test, Callable[[Field, Composable, Writer], Composable]]] = {
    Test.IS: _is_text,
    Test.IS_NOT: _opposite(_is_text, Test.IS),
    Test.IN: _is_one_of,
    Test.NOT_IN: _opposite(_is_one_of, Test.IN),
    Test.INCLUDES: _column_letters,
    Test.STARTS_WITH: _column_letters,
    Test.ENDS_WITH: _column_letters,
    Test.EXISTS: _column_exists,
    Test.IS_EMPTY: _column_is_empty,
}
