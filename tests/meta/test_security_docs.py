"""The threat model names tests that exist, and whoever reads it finds what it promises."""

import ast
import re

from tests.meta.tree import files, text

PAGE = text("docs/security.md")
THREATS = PAGE[PAGE.index("## Threats") : PAGE.index("## What is not answered here")]


def _tests() -> set[str]:
    trees = (ast.parse(text(name)) for name in files() if name.startswith("tests/") and name.endswith(".py"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (node.name for tree in trees for node in ast.walk(tree) if isinstance(node, functions))
    return {name for name in found if name.startswith("test_")}


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40
    assert named <= _tests(), named - _tests()


def test_every_threat_has_an_answer_and_a_test() -> None:
    rows = [line for line in THREATS.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        threat, answer, shown = (cell.strip() for cell in row.strip("|").split("|"))
        assert threat, row
        assert answer, row
        assert re.search(r"`test_\w+`", shown), row
