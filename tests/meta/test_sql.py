"""SQL lives in schema.sql and engine/sql/, Cypher in cypher/: named, used, and never put together from strings."""

import ast
import re
from collections.abc import Iterator, Mapping

from rules.conditions import nodes
from tests.meta.tree import Module, code, files, text

STATEMENT = re.compile(
    r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|"
    r"MATCH|OPTIONAL MATCH|UNWIND|TRUNCATE|CREATE|ALTER|DROP|GRANT|REVOKE)\s"
)

# Statements that stand in code: what one has to say before there is a schema to name queries for, or about no table.
IN_CODE: Mapping[str, str] = {
    "api/schemas/cypher.py": "the example that the contract shows",
    "engine/bench/pages.py": "what somebody types into the explorer",
    "engine/bench/throwaway.py": "makes and drops a database, outside every transaction",
    "engine/bootstrap.py": "asks whether there is a schema, and which",
    "engine/clock.py": "asks for the time",
    "engine/db.py": "what every transaction begins with",
    "engine/embedded/postgres.py": "makes the database of the embedded server",
    "engine/trace.py": "the name of the tenant's graph, and a statement for people to paste into psql",
    "graph/cypher.py": "the one wrapping of Cypher in SQL",
    "graph/explore.py": "a query of a user's, its plan, and the edges of one node",
    "graph/neighbourhood.py": "a few of each kind for each person, which Cypher cannot say, and how they are looked up",
    "graph/patterns.py": "a pattern as a sub-select, and the condition that asks it for a few people",
    "graph/stream.py": "the name of the tenant's graph, and a count of what whole.py reads",
    "graph/whole.py": "every node and edge of a graph, which Cypher reads by joining all labels",
    "graph/mirror.py": "calls of the schema's own functions; graph/ has no folder of SQL",
}
# Statements with something written into them, and why it can be nobody's input.
ASSEMBLED: Mapping[str, str] = {
    "engine/bench/mirror.py": "the graph's name, from the database",
    "engine/dispatch/claim.py": "one of the conditions that stand beside it, and `refusal`",
    "engine/dispatch/letters.py": "`refusal`, the same question as when a message leaves",
    "engine/trace.py": "the wrapped file, the graph's name from the database, and a UUID",
    "graph/cypher.py": "the file's text and a graph's name that matches its pattern",
    "graph/explore.py": "a text that the guard let through, between quotes that it does not hold, and checked names",
    "graph/neighbourhood.py": "the file's text and a graph's name that matches its pattern",
    "graph/stream.py": "a statement of whole.py",
    "graph/whole.py": "a graph's name that matches its pattern",
    "graph/patterns.py": "a text that the guard let through, between quotes that it does not hold, and a graph's name",
}

HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _docstrings(module: Module) -> set[ast.AST]:
    """Strings that stand alone: they document, they do nothing."""
    return {node.value for node in module.walk() if isinstance(node, ast.Expr)}


def _statements(module: Module) -> Iterator[ast.Constant]:
    documents = _docstrings(module)
    for node in module.walk():
        if isinstance(node, ast.Constant) and node not in documents and _is_sql(node):
            yield node


def _is_sql(node: ast.AST) -> bool:
    """Whether an expression is the text of a statement: a constant, or a query by its name."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and STATEMENT.match(node.value) is not None
    if isinstance(node, ast.Subscript):
        value = node.value
        called = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "queries"
        return called or (isinstance(value, ast.Name) and value.id in {"_SQL", "sql"})
    return False


def _is_assembled(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr(values=[first, *_] as values):
            return _is_sql(first) and any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return _is_sql(left) or _is_sql(right)
        case ast.Call(func=ast.Attribute(value=value, attr="format" | "format_map" | "replace" | "join")):
            return _is_sql(value)
        case _:
            return False


def _assembled(module: Module) -> Iterator[int]:
    """Give the lines where a statement is formatted, joined, replaced into or interpolated."""
    for node in module.walk():
        if isinstance(node, ast.expr) and _is_assembled(node):
            yield node.lineno


def test_statements_stand_in_their_own_files() -> None:
    found = [(module.path, node.lineno, node.value) for module in code() for node in _statements(module)]
    assert not [f"{path}:{line} {value!r:.60}" for path, line, value in found if path not in IN_CODE]


def test_no_statement_is_put_together_from_strings() -> None:
    found = [(module.path, line) for module in code() for line in _assembled(module)]
    assert not [f"{path}:{line}" for path, line in found if path not in ASSEMBLED]


def test_nothing_is_interpolated_where_a_statement_is_run() -> None:
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in code()
        for node in module.walk()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"execute", "executemany", "copy", "stream"}
        and node.args
        and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert not wrong


def test_the_exceptions_are_still_needed() -> None:
    by_path = {module.path: module for module in code()}
    assert {path for path, module in by_path.items() if next(_statements(module), None)} == IN_CODE.keys()
    assert {path for path, module in by_path.items() if next(_assembled(module), None)} == ASSEMBLED.keys()


def _stem(node: ast.AST) -> str | None:
    """Give the file that a call `queries("...")` reads."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "queries" and node.args:
        argument = node.args[0]
        return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
    return None


def _used() -> Iterator[tuple[str, str, str]]:
    """Give (file of queries, a word in a module that reads it, the module)."""
    for module in code():
        stems = {stem for node in module.walk() if (stem := _stem(node))}
        words = {node.value for node in module.walk() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        yield from ((stem, word, module.path) for stem in stems for word in words)


def _named() -> dict[str, list[str]]:
    """Give the names of the queries of each file; one without a heading is a script."""
    paths = [path for path in files() if path.startswith("engine/sql/") and path.endswith(".sql")]
    found = {path.removeprefix("engine/sql/").removesuffix(".sql"): HEADING.findall(text(path)) for path in paths}
    return {stem: names for stem, names in found.items() if names}


def test_every_named_query_is_used() -> None:
    used = {(stem, word) for stem, word, _ in _used()} | {("conditions", name) for name in _parts()}
    assert not [f"{stem}.sql: {name}" for stem, names in _named().items() for name in names if (stem, name) not in used]


def _parts() -> set[str]:
    """What `engine/segments` fills in of conditions.sql: by a constant, a test or column of a rule, a kind and end."""
    constants = {
        node.value
        for module in code()
        if module.name.startswith("engine.segments.")
        for node in module.walk()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    spans = {f"{kind}_{end}" for kind in ("event", "outcome") for end in ("after", "before")}
    return constants | {str(one) for one in (*nodes.Test, *nodes.Column)} | spans


def test_every_query_that_is_used_is_there() -> None:
    named = _named()
    wrong = []
    for module in code():
        names = {
            node.targets[0].id: stem
            for node in module.walk()
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and (stem := _stem(node.value))
        }
        for node in module.walk():
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                name = str(node.slice.value)
                stem = _stem(node.value) or (names.get(node.value.id) if isinstance(node.value, ast.Name) else None)
                if stem and name not in named.get(stem, []):
                    wrong.append(f"{module.path}:{node.lineno} {stem}.sql has no {name}")
    assert not wrong


def test_every_file_of_cypher_is_used() -> None:
    words = {node.value for module in code() for node in module.walk() if isinstance(node, ast.Constant)}
    # Patterns are read by the name that a segment's rule gives, audits by the name that somebody asks for.
    by_name = ("cypher/patterns/", "cypher/library/")
    paths = [path for path in files() if path.endswith(".cypher") and not path.startswith(by_name)]
    stems = [path.removeprefix("cypher/").removesuffix(".cypher") for path in paths]
    assert stems
    assert not [stem for stem in stems if stem not in words]
