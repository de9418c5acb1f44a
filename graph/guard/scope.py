"""What a query has named so far: variables and parameters, and how many parts its patterns have."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from graph.guard.tokens import Cursor
from graph.guard.words import LONGEST_NAME, OWN_PREFIX, RESERVED, WEIGHT_OF_VALUE

Elements = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Variable:
    """A name in scope: `element` is a node's label or an edge's kind, `match` the MATCH that introduced it."""

    kind: Literal["node", "edge", "path", "value"]
    element: str | None = None
    weight: int = WEIGHT_OF_VALUE
    match: int = 0


class Scope:
    """Names per clause: WITH leaves only what it lists in scope."""

    def __init__(self, cursor: Cursor, *, labels: Elements, edges: Elements) -> None:
        self._cursor = cursor
        self.labels = labels
        self.edges = edges
        self.variables: dict[str, Variable] = {}
        self.parameters: set[str] = set()
        # Variables that expressions have used since the last time this set was cleared.
        self.mentioned: set[str] = set()
        # Names that have ever stood for a condition; see Expressions.
        self.condition_names: set[str] = set()
        self.element_count = 0
        self.match_count = 0

    def new_name(self) -> str:
        """Take a name that a query may introduce."""
        token = self._cursor.here
        if token.kind != "name" or token.text.upper() in RESERVED:
            self._cursor.refuse_here("name_expected")
        if token.text.startswith("_") or token.text.lower().startswith(OWN_PREFIX) or len(token.text) > LONGEST_NAME:
            self._cursor.refuse_here(
                "no_name",
                remedy=f"Begin with a letter, not with {OWN_PREFIX}, and use at most {LONGEST_NAME} characters.",
                name=token.text[:LONGEST_NAME],
                prefix=OWN_PREFIX,
                most=LONGEST_NAME,
            )
        return self._cursor.take().text

    def known(self) -> Variable:
        """Take the name of a variable that is in scope."""
        token = self._cursor.here
        variable = self.variables.get(token.text) if token.kind == "name" else None
        if variable is None:
            self._cursor.refuse_here(
                "no_variable",
                remedy="Name it in MATCH, UNWIND or WITH before.",
                name=token.text[:LONGEST_NAME],
            )
        self.mentioned.add(token.text)
        self._cursor.take()
        return variable

    def parameter(self) -> None:
        """Take a parameter and remember its name."""
        name = self._cursor.here.text[1:]
        if name.startswith(OWN_PREFIX):
            self._cursor.refuse_here("own_parameter", remedy="Use another name.", prefix=OWN_PREFIX)
        self._cursor.take()
        self.parameters.add(name)

    def property_of(self, variable: Variable) -> str:
        """Take the name of a property after a dot. A misspelt one would give null for everybody, and no error."""
        token = self._cursor.here
        if token.kind != "name":
            self._cursor.refuse_here("property_expected")
        if variable.kind in {"path", "value"}:
            self._cursor.refuse_here("no_properties")
        elements = self.labels if variable.kind == "node" else self.edges
        properties = (
            elements[variable.element] if variable.element else {one for every in elements.values() for one in every}
        )
        if token.text not in properties:
            known = ", ".join(sorted(properties)) or "∅"
            self._cursor.refuse_here(
                "no_such_property" if variable.element else "no_property_anywhere",
                remedy=f"There are: {known}.",
                name=token.text[:LONGEST_NAME],
                known=known,
                **({"element": variable.element} if variable.element else {}),
            )
        return self._cursor.take().text
