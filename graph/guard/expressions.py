"""Expressions: values compared and combined by an allowed set of operators and functions."""

from dataclasses import dataclass
from typing import NoReturn

from graph.guard.paths import Paths
from graph.guard.scope import Scope
from graph.guard.tokens import Cursor
from graph.guard.words import (
    AGGREGATES,
    FUNCTIONS,
    LONGEST_NAME,
    MOST_COLLECTED,
    MOST_COLLECTS,
    MOST_LISTED,
    MOST_NESTED,
    MOST_WEIGHT,
    WEIGHT_OF_VALUE,
)

# Precedence of the binary operators, the loosest first; NOT binds between AND and the comparisons.
_COMPARISONS = ("=", "<>", "<", ">", "<=", ">=", "IN", "IS", "CONTAINS", "STARTS", "ENDS")
_BINDS = (("OR",), ("XOR",), ("AND",), _COMPARISONS, ("+", "-"), ("*", "/", "%"), ("^",))
_STRENGTH = {word: strength for strength, words in enumerate(_BINDS) for word in words}
_COMPARISON = _STRENGTH["="]
# AGE refuses two of these in a row ("a IN b IS NULL" is a syntax error: cypher_gram.y declares them %nonassoc).
_ALONE = frozenset({"IN", "IS", "CONTAINS", "STARTS", "ENDS"})
_TIGHTEST = len(_BINDS)
_LOGIC = frozenset({"AND", "OR", "XOR"})
# Operators that accept a condition as an operand; the others want plain values.
_EQUALITIES = frozenset({"=", "<>"})


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression gives: how large it may be and, if it is plainly a property of a variable, which one.

    A condition is a boolean to PostgreSQL and not one of AGE's values: `(NOT a) IN $list`, and the same with STARTS
    WITH, ENDS WITH and CONTAINS, crashes the whole server in AGE 1.7.0. So a condition may only be combined, compared
    and returned.
    """

    weight: int = 1
    variable: str | None = None
    property: str | None = None
    is_condition: bool = False


class Expressions:
    """Reads expressions. Names must be in scope; parameters are collected there."""

    def __init__(self, cursor: Cursor, scope: Scope, paths: Paths) -> None:
        self._cursor = cursor
        self._scope = scope
        self._paths = paths
        self._nested = 0
        # Only WITH and RETURN aggregate. If WITH collected, another MATCH could repeat the list in each of its rows and
        # fill the server's memory, so only RETURN may collect.
        self.may_aggregate = False
        self.may_collect = False
        self.collected_from: int | None = None
        self._collect_count = 0

    def read(self, floor: int = 0) -> Value:
        """Read an expression whose operators bind at least as tightly as `floor`."""
        self._nested += 1
        if self._nested > MOST_NESTED:
            self._cursor.refuse_here("nested", remedy="Write it flatter.", most=MOST_NESTED)
        value = self._first(floor)
        before = ""
        while (strength := self._strength()) >= floor:
            before = self._alone(before)
            value = self._joined(value, strength)
        self._nested -= 1
        return value

    def _first(self, floor: int) -> Value:
        if floor <= _COMPARISON and self._cursor.accept("NOT"):
            self.read(_COMPARISON)
            return Value(is_condition=True)
        if self._cursor.accept("-"):
            self._plain(_TIGHTEST)
            return Value()
        return self._atom()

    def _strength(self) -> int:
        """The precedence of the operator at this place; below every floor if there is none."""
        token = self._cursor.here
        return _STRENGTH.get(token.text.upper(), -1) if token.kind in {"name", "mark"} else -1

    def _alone(self, before: str) -> str:
        """Refuse a second word operator next to `before`; give the one at this place."""
        operator = self._cursor.here.text.upper()
        if before in _ALONE and operator in _ALONE:
            self._cursor.refuse_here(
                "in_a_row", remedy="Put one of them in parentheses.", operator=operator, before=before
            )
        return operator

    def _joined(self, left: Value, strength: int) -> Value:
        operator = self._cursor.take().text.upper()
        if operator == "IS":
            self._cursor.accept("NOT")
            self._cursor.expect("NULL")
            return Value(is_condition=True)
        if operator in {"STARTS", "ENDS"}:
            self._cursor.expect("WITH")
        if operator in _LOGIC or operator in _EQUALITIES:
            right = self.read(strength + 1)
        else:
            self._refuse_condition(left)
            right = self._plain(strength + 1)
        weight = left.weight + right.weight if operator == "+" else max(left.weight, right.weight)
        return Value(self._bounded(weight), is_condition=strength <= _COMPARISON)

    def _plain(self, floor: int = 0) -> Value:
        """Read an expression that is not a condition."""
        value = self.read(floor)
        self._refuse_condition(value)
        return value

    def _refuse_condition(self, value: Value) -> None:
        if value.is_condition:
            self._cursor.refuse_here("no_value", remedy="Make one of it: CASE WHEN the condition THEN 1 ELSE 0 END.")

    def _atom(self) -> Value:
        token = self._cursor.here
        match token.kind:
            case "number":
                self._cursor.take()
                return Value()
            case "string":
                self._cursor.take()
                return Value(len(token.text))
            case "parameter":
                self._scope.parameter()
                return Value(WEIGHT_OF_VALUE)
            case "name":
                return self._word()
            case _:
                return self._bracketed()

    def _bracketed(self) -> Value:
        if self._cursor.here.is_word("["):
            return self.read_list()
        if not self._cursor.accept("("):
            self._cursor.refuse_here("value_expected")
        value = self.read()
        self._cursor.expect(")")
        return Value(value.weight, is_condition=value.is_condition)

    def read_list(self) -> Value:
        """Read `[value, ...]`."""
        begun = self._cursor.expect("[")
        weight = 1
        count = 0
        while not self._cursor.accept("]"):
            if count:
                self._cursor.expect(",")
            weight += self._plain().weight
            count += 1
        if count > MOST_LISTED:
            self._cursor.refuse(
                "list_too_long",
                at=begun.at,
                remedy=f"Write at most {MOST_LISTED:,}.",
                count=count,
                most=MOST_LISTED,
            )
        return Value(self._bounded(weight))

    def _word(self) -> Value:
        if self._cursor.accept("NULL") or self._cursor.accept("TRUE") or self._cursor.accept("FALSE"):
            return Value()
        if self._cursor.accept("CASE"):
            return self._case()
        if self._cursor.following.is_word("("):
            return self._call()
        name = self._cursor.here.text
        variable = self._scope.known()
        if not self._cursor.accept("."):
            return Value(variable.weight, name, is_condition=name in self._scope.condition_names)
        if self._cursor.following.is_word("("):
            self._refuse_function(f"{name}.{self._cursor.here.text}")
        return Value(WEIGHT_OF_VALUE, name, self._scope.property_of(variable))

    def _case(self) -> Value:
        if not self._cursor.here.is_word("WHEN"):
            self._plain()
        weight = 1
        is_condition = False
        self._cursor.expect("WHEN")
        while True:
            self.read()
            self._cursor.expect("THEN")
            value = self.read()
            weight, is_condition = max(weight, value.weight), is_condition or value.is_condition
            if not self._cursor.accept("WHEN"):
                break
        if self._cursor.accept("ELSE"):
            value = self.read()
            weight, is_condition = max(weight, value.weight), is_condition or value.is_condition
        self._cursor.expect("END")
        return Value(weight, is_condition=is_condition)

    def _call(self) -> Value:
        function = self._cursor.here.text.lower()
        if function == "exists":
            return self._exists()
        if function in AGGREGATES:
            return self._aggregate(function)
        if function not in FUNCTIONS:
            self._refuse_function(self._cursor.here.text)
        begun = self._cursor.take()
        self._cursor.expect("(")
        given = [self._plain()]
        while self._cursor.accept(","):
            given.append(self._plain())
        self._cursor.expect(")")
        least, most = FUNCTIONS[function]
        if not least <= len(given) <= most:
            self._cursor.refuse(
                "argument_count",
                at=begun.at,
                remedy=f"Give {least} to {most}.",
                function=function,
                count=len(given),
                least=least,
                most=most,
            )
        return Value(max(value.weight for value in given))

    def _refuse_function(self, name: str) -> NoReturn:
        known = f"exists, {', '.join(sorted({*FUNCTIONS, *AGGREGATES}))}"
        self._cursor.refuse_here("no_function", remedy=f"There are: {known}.", name=name[:LONGEST_NAME], known=known)

    def _exists(self) -> Value:
        """Read `exists(p.name)` or `exists((p)-[:KIND]->(:Label))`."""
        self._cursor.take()
        self._cursor.expect("(")
        at = self._cursor.here.at
        if not self._cursor.here.is_word("("):
            if self.read().property is None:
                self._cursor.refuse("exists_takes", at=at, remedy="As in: exists(p.name).")
        elif not self._paths.read(may_name=False):
            self._cursor.refuse("unknown_pattern", at=at, remedy="Begin it with one.")
        self._cursor.expect(")")
        return Value(is_condition=True)

    def _aggregate(self, function: str) -> Value:
        if not self.may_aggregate:
            self._cursor.refuse_here("aggregate_here", remedy="Compute it in WITH or RETURN.", function=function)
        if function == "collect" and not self.may_collect:
            self._cursor.refuse_here("collect_elsewhere", remedy="Use count() before it.")
        if function == "collect":
            self._count_collect()
        self._cursor.take()
        self._cursor.expect("(")
        at = self._cursor.here.at
        if function == "count" and self._cursor.accept("*"):
            self._cursor.expect(")")
            return Value()
        self._cursor.accept("DISTINCT")
        self.may_aggregate = False
        value = self._plain()
        self.may_aggregate = True
        if function == "collect" and value.weight > WEIGHT_OF_VALUE:
            self._cursor.refuse("collect_takes", at=at, remedy="Collect one of them.")
        self._cursor.expect(")")
        return Value(value.weight)

    def _count_collect(self) -> None:
        if self.collected_from is None or self.collected_from > MOST_COLLECTED:
            self._cursor.refuse_here(
                "collect_unbounded",
                remedy=f"Write before it: WITH what you need LIMIT {MOST_COLLECTED}, or fewer.",
                most=MOST_COLLECTED,
            )
        self._collect_count += 1
        if self._collect_count > MOST_COLLECTS:
            self._cursor.refuse_here("collects", remedy="Ask for less at once.", most=MOST_COLLECTS)

    def _bounded(self, weight: int) -> int:
        if weight > MOST_WEIGHT:
            self._cursor.refuse_here("grows", remedy="Join less with '+'.")
        return weight
