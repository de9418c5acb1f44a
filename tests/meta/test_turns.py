"""What the suite begins with is there, and what shares a costly fixture stays together."""

from tests.meta.tree import ROOT
from tests.turns import ORDER, turn_of


def test_what_comes_first_is_there_and_said_once() -> None:
    assert [path for path in ORDER if not (ROOT / path).exists() or ORDER.count(path) > 1] == []


def test_a_file_is_a_turn_and_so_is_a_folder_of_the_order() -> None:
    assert turn_of("tests/pages/test_cli.py::test_x[a::b]", ["tests/pages"]) == "tests/pages"
    assert turn_of("tests/rules/test_decide.py::test_x", ["tests/pages"]) == "tests/rules/test_decide.py"


def test_the_demo_that_every_page_begins_with_is_played_once_and_not_once_a_process() -> None:
    assert "tests/pages" in ORDER
