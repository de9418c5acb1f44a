"""docs/faults.md: every row says what is promised and seen, and names tests that are there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _rows() -> Iterator[list[str]]:
    for line in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0] != "what" and not set(cells[0]) <= {"-"}:
            yield cells


ROWS = list(_rows())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_fault_is_shown_by_tests_that_are_there(row: list[str]) -> None:
    _, promised, seen, shown = row
    assert promised
    assert seen
    named = NAMED.findall(shown)
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert test in there, f"{file} has no {test}"


def test_every_kind_of_fault_has_its_row() -> None:
    text = " ".join(row[0] for row in ROWS)
    for word in (
        "worker",
        "API",
        "model process",
        "sandbox",
        "PostgreSQL",
        "Redis",
        "backup",
        "disk",
        "clock",
        "network",
        "provider",
    ):
        assert word in text
