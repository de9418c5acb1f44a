"""Patterns: nodes joined by directed edges of one hop, each connected to something already known."""

from typing import NoReturn

from graph.guard.scope import Elements, Scope, Variable
from graph.guard.tokens import Cursor
from graph.guard.words import LONGEST_NAME, MOST_ELEMENTS


class Paths:
    """Reads patterns into the scope.

    An edge without direction is refused because AGE compares every edge with every person to find it (1.3 s instead of
    0.6 ms, among 100,000 people); a length `*` is refused because it loads the whole graph.
    """

    def __init__(self, cursor: Cursor, scope: Scope) -> None:
        self._cursor = cursor
        self._scope = scope

    def read_all(self, *, is_first: bool) -> None:
        """Read the comma-separated patterns of one MATCH; each shares a node with what comes before it."""
        reached = {name for name, variable in self._scope.variables.items() if variable.kind == "node"}
        while True:
            at = self._cursor.here.at
            named = self._named_path()
            if not named & reached and not is_first:
                self._cursor.refuse("no_shared_node", at=at, remedy="Begin it with a node that is named already.")
            reached |= named
            is_first = False
            if not self._cursor.accept(","):
                return

    def read(self, *, may_name: bool = True) -> set[str]:
        """Read one pattern and give the variables of its nodes; without `may_name` all of them must be known."""
        begun = self._cursor.here
        nodes = [self._node(may_name=may_name)]
        while self._cursor.here.is_word("-", "<-"):
            self._edge(may_name=may_name)
            nodes.append(self._node(may_name=may_name))
        if self._cursor.here.is_word("->"):
            self._cursor.refuse_here("no_brackets", remedy="Write it as -[:KIND]->.")
        if not any(is_found for _, is_found in nodes):
            self._cursor.refuse("no_label", at=begun.at, remedy="Write one, as in (p:Profile).")
        return {name for name, _ in nodes if name}

    def _named_path(self) -> set[str]:
        if self._cursor.here.kind != "name":
            return self.read()
        name = self._scope.new_name()
        if name in self._scope.variables:
            self._cursor.refuse("named_already", at=self._cursor.before.at, remedy="Use another name.", name=name)
        self._cursor.expect("=")
        named = self.read()
        self._scope.variables[name] = Variable("path")
        return named

    def _node(self, *, may_name: bool) -> tuple[str | None, bool]:
        """Read `(name:Label)`; give the name, and whether the node is pinned down by a label or by being known."""
        self._count()
        self._cursor.expect("(")
        at = self._cursor.here.at
        name = self._scope.new_name() if self._cursor.here.kind == "name" else None
        known = self._scope.variables.get(name) if name else None
        label = self._element(self._scope.labels, is_label=True) if self._cursor.accept(":") else None
        self._cursor.expect(")")
        if name is None:
            return None, label is not None
        if known is None:
            if not may_name:
                self._refuse_unknown(name, at)
            self._scope.variables[name] = Variable("node", label, match=self._scope.match_count)
        elif known.kind != "node" or label not in {None, known.element}:
            self._cursor.refuse("something_else", at=at, remedy="Use another name, or leave the label out.", name=name)
        else:
            self._scope.mentioned.add(name)
        return name, known is not None or label is not None

    def _edge(self, *, may_name: bool) -> None:
        """Read `-[name:KIND]->` or `<-[name:KIND]-`."""
        self._count()
        begun = self._cursor.take()
        self._cursor.expect("[")
        if self._cursor.here.kind == "name":
            at = self._cursor.here.at
            name = self._scope.new_name()
            if not may_name:
                self._refuse_unknown(name, at)
            if name in self._scope.variables:
                self._cursor.refuse("named_already", at=at, remedy="Use another name for this edge.", name=name)
        else:
            name = None
        kind = self._element(self._scope.edges, is_label=False) if self._cursor.accept(":") else None
        if self._cursor.here.is_word("*"):
            self._cursor.refuse_here("variable_length", remedy="Write each hop.")
        self._cursor.expect("]")
        if begun.text == "-" and self._cursor.here.is_word("-"):
            self._cursor.refuse(
                "no_direction",
                at=begun.at,
                remedy="Write -[:KIND]-> or <-[:KIND]-, or a MATCH for each.",
            )
        self._cursor.expect("->" if begun.text == "-" else "-")
        if name:
            self._scope.variables[name] = Variable("edge", kind, match=self._scope.match_count)

    def _element(self, elements: Elements, *, is_label: bool) -> str:
        """Take a label or a kind. AGE silently finds nothing under one that does not exist."""
        token = self._cursor.here
        if token.kind != "name":
            self._cursor.refuse_here("label_expected" if is_label else "kind_expected")
        if token.text not in elements:
            known = ", ".join(sorted(elements))
            self._cursor.refuse_here(
                "no_such_label" if is_label else "no_such_kind",
                remedy=f"There are: {known}.",
                name=token.text[:LONGEST_NAME],
                known=known,
            )
        return self._cursor.take().text

    def _refuse_unknown(self, name: str, at: int) -> NoReturn:
        self._cursor.refuse("unknown_outside", at=at, remedy="Leave the name out, or MATCH it before.", name=name)

    def _count(self) -> None:
        self._scope.element_count += 1
        if self._scope.element_count > MOST_ELEMENTS:
            self._cursor.refuse_here("too_many_elements", remedy="Ask for less at once.", most=MOST_ELEMENTS)
