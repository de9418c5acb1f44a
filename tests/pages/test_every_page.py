"""No page can tell its reader to type what nobody has typed: each shell block is run, or listed with the reason."""

import subprocess

import pytest

from tests.pages import test_cli, test_guides, test_live, test_upgrade_page
from tests.pages.context import Context, fitting
from tests.pages.reading import ROOT, SHELLS, blocks, pages, shell_commands

# Run in another place, or commands for what is not here. Each is still read by bash, and `leo` and `make` are held to
# their options by tests/meta/test_docs.py.
ELSEWHERE = {
    "CONTRIBUTING.md": "`.ci/run` runs setup, check, test and docs",
    "README.md": "`.ci/run` runs make demo and make test; tests/pages/test_shown.py holds what the demo shows",
    "docs/tutorial.md": "tests/engine/test_tutorial.py types it whole",
    "docs/operations.md": "tests/engine/test_cli.py starts, looks at and stops everything with the same three commands",
    "docs/channels/add-a-channel.md": "make test runs the two files",
    "docs/security.md": "npm and the Internet are asked, before a release; make fuzz is tests/api/test_fuzz.py, longer",
}
TYPED: dict[str, list[Context]] = {
    test_cli.PAGE: list(test_cli.SECTIONS.values()),
    test_upgrade_page.PAGE: [test_upgrade_page.CONTEXT],
    **{page: [context] for page, context in {**test_guides.PAGES, **test_live.PAGES, **test_live.ALONE}.items()},
}


def _with_commands() -> list[str]:
    return [page for page in pages() if any(block.language in SHELLS for block in blocks(page))]


def test_every_page_with_commands_is_typed_or_listed_and_none_twice() -> None:
    assert sorted([*TYPED, *ELSEWHERE]) == _with_commands()


@pytest.mark.parametrize("page", _with_commands())
def test_bash_can_read_every_command(page: str) -> None:
    """What is not run here is at least a command; `...` in it stands for a word."""
    for command in shell_commands(page):
        done = subprocess.run(["bash", "-n"], input=command.text, capture_output=True, text=True, check=False)  # noqa: S607
        assert done.returncode == 0, f"{command.place}: {done.stderr}"


def test_every_reason_names_tests_that_are_there() -> None:
    reasons = [
        *ELSEWHERE.values(),
        *(why for contexts in TYPED.values() for one in contexts for why in one.elsewhere.values()),
    ]
    named = {word.strip(",.;:") for reason in reasons for word in reason.split() if word.startswith("tests/")}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_a_section_of_the_command_line_is_there_for_each_context() -> None:
    assert {*test_cli.SECTIONS} <= {block.section for block in blocks(test_cli.PAGE)}


def test_the_longest_beginning_counts() -> None:
    assert fitting({"leo": 1, "leo sync": 2}, "leo sync --full") == 2
    assert fitting({"leo": 1}, "make") is None
