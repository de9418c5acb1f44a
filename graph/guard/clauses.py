"""Clauses: UNWIND and MATCH, then WITH and RETURN, which decide what the rest of the query can see."""

from dataclasses import dataclass

from graph.guard.expressions import Expressions, Value
from graph.guard.paths import Paths
from graph.guard.scope import Elements, Scope, Variable
from graph.guard.tokens import Cursor
from graph.guard.words import WEIGHT_OF_VALUE


@dataclass(frozen=True, slots=True)
class Match:
    """Where a MATCH is in the text: the offsets of the whole clause, and of the condition after its WHERE."""

    begin: int
    end: int
    condition: tuple[int, int] | None
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A column of RETURN: its name and, if it is plainly a property of something, of what."""

    name: str
    variable: str | None
    label: str | None
    property: str | None


class Clauses:
    """Reads a whole query."""

    def __init__(self, text: str, *, labels: Elements, edges: Elements) -> None:
        self._cursor = Cursor(text)
        self.scope = Scope(self._cursor, labels=labels, edges=edges)
        self._paths = Paths(self._cursor, self.scope)
        self._expressions = Expressions(self._cursor, self.scope, self._paths)
        self.matches: list[Match] = []
        self.columns: list[Column] = []
        # A LIMIT or a SKIP cut off rows of the MATCHes before this point, so a condition there would give other people.
        self.cut_before = 0
        # The greatest number of rows RETURN can get, if a WITH bounds it; collect() needs such a bound.
        self._most_rows: int | None = None

    def read(self) -> None:
        unwound = self._unwind() if self._cursor.accept("UNWIND") else None
        self._match(unwound)
        while not self._cursor.accept("RETURN"):
            if self._cursor.accept("WITH"):
                self._with()
            elif self._cursor.here.is_word("MATCH", "OPTIONAL"):
                self._match()
            else:
                self._cursor.refuse_here("clause_expected")
        self._return()

    def _unwind(self) -> str:
        """Read `UNWIND $list AS name`: a list from the caller or a literal one, so that its length is bounded."""
        if self._cursor.here.kind == "parameter":
            self.scope.parameter()
            weight = WEIGHT_OF_VALUE
        else:
            weight = self._expressions.read_list().weight
        self._cursor.expect("AS")
        name = self.scope.new_name()
        self.scope.variables[name] = Variable("value", weight=weight)
        return name

    def _match(self, unwound: str | None = None) -> None:
        begin = self._cursor.here.at
        is_optional = bool(self.matches) and self._cursor.accept("OPTIONAL")
        self._cursor.expect("MATCH")
        self.scope.match_count = len(self.matches)
        self._most_rows = None
        self._paths.read_all(is_first=not self.matches)
        condition = self._where()
        if unwound and unwound not in self.scope.mentioned:
            self._cursor.refuse_here(
                "unused_list", remedy=f"Compare with it, as in: WHERE p.profile_id = {unwound}.", name=unwound
            )
        self.matches.append(Match(begin, self._cursor.before.until, condition, is_optional))

    def _where(self) -> tuple[int, int] | None:
        self.scope.mentioned.clear()
        if not self._cursor.accept("WHERE"):
            return None
        begin = self._cursor.here.at
        self._expressions.read()
        return begin, self._cursor.before.until

    def _with(self) -> None:
        self._expressions.may_aggregate = True
        self._cursor.accept("DISTINCT")
        kept: dict[str, Variable] = {}
        while True:
            at = self._cursor.here.at
            name, variable = self._item()
            if name in kept:
                self._cursor.refuse("listed_twice", at=at, remedy="Use another name.", name=name)
            kept[name] = variable
            if not self._cursor.accept(","):
                break
        # ORDER BY may still use names that WITH does not list.
        self.scope.variables = {**self.scope.variables, **kept}
        self._most_rows = self._order() or self._most_rows
        self._expressions.may_aggregate = False
        self.scope.variables = kept
        self._where()

    def _item(self) -> tuple[str, Variable]:
        """Read `p` or `expression AS name`. AGE cannot match on a node that was renamed."""
        at = self._cursor.here.at
        value = self._expressions.read()
        held = self.scope.variables[value.variable] if value.variable and not value.property else None
        if not self._cursor.accept("AS"):
            if held is None or value.variable is None:
                self._cursor.refuse("with_needs_name", at=at, remedy="Add AS and a name.")
            return value.variable, held
        name = self.scope.new_name()
        self._remember(name, value)
        if held and held.kind != "value" and name != value.variable:
            self._cursor.refuse("keeps_name", at=at, remedy="Leave out AS and the name.")
        earlier = self.scope.variables.get(name)
        if earlier and earlier.kind != "value" and name != value.variable:
            self._cursor.refuse("named_already", at=at, remedy="Use another name.", name=name)
        return name, held or Variable("value", weight=value.weight)

    def _return(self) -> None:
        self._expressions.may_aggregate = self._expressions.may_collect = True
        self._expressions.collected_from = self._most_rows
        self._cursor.accept("DISTINCT")
        while True:
            self._column()
            if not self._cursor.accept(","):
                break
        for column in self.columns:
            self.scope.variables.setdefault(column.name, Variable("value"))
        self._order()
        if self._cursor.here.kind != "end":
            self._cursor.refuse_here("not_last")

    def _column(self) -> None:
        at = self._cursor.here.at
        value = self._expressions.read()
        name = self.scope.new_name() if self._cursor.accept("AS") else value.property or value.variable
        if name is None:
            self._cursor.refuse("return_needs_name", at=at, remedy="Add AS and a name.")
        if name in {column.name for column in self.columns}:
            self._cursor.refuse("two_columns", at=at, remedy="Name one of them with AS.", name=name)
        self._remember(name, value)
        self.columns.append(Column(name, value.variable, self._label(value), value.property))

    def _remember(self, name: str, value: Value) -> None:
        if value.is_condition:
            self.scope.condition_names.add(name)

    def _label(self, value: Value) -> str | None:
        variable = self.scope.variables.get(value.variable) if value.variable else None
        return variable.element if variable and variable.kind == "node" else None

    def _order(self) -> int | None:
        """Read ORDER BY, SKIP and LIMIT; give the limit if it is a literal."""
        most = None
        if self._cursor.accept("ORDER", "BY"):
            while True:
                self._expressions.read()
                _ = any(self._cursor.accept(word) for word in ("ASC", "ASCENDING", "DESC", "DESCENDING"))
                if not self._cursor.accept(","):
                    break
        for word in ("SKIP", "LIMIT"):
            if self._cursor.accept(word):
                most = self._whole_number()
                self.cut_before = len(self.matches)
            else:
                most = None
        return most

    def _whole_number(self) -> int | None:
        token = self._cursor.here
        if token.kind == "parameter":
            self.scope.parameter()
        elif token.kind == "number" and token.text.isdigit():
            return int(self._cursor.take().text)
        else:
            self._cursor.refuse_here("number_expected")
        return None
