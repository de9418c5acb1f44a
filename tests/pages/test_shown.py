"""What the README shows of a demo is what a demo shows, whatever its numbers are."""

import re

import pytest

from tests.pages.reading import blocks
from tests.pages.site import Site

NUMBER = re.compile(r"\d[\d.,]*")
STEP = re.compile(r"[├└]── \w+")


def shown() -> list[str]:
    """The lines of the README's sample, from the first decision to the last outcome."""
    (sample,) = [block.body for block in blocks("README.md") if "decisions for" in block.body]
    return [line for line in sample.splitlines() if line.strip()]


def shape(line: str) -> re.Pattern[str]:
    """The words of each column in their order, any number for a number; of the journey which steps it has.

    Whose journey is told, through which channel, is another one in every run: it is the one that went furthest.
    """
    step = STEP.search(line)
    if step is not None:
        return re.compile(re.escape(step[0][1:]))
    columns = [re.escape(column).replace(r"\ ", " ") for column in re.split(r"\s{2,}", line.strip())]
    return re.compile(".*".join(NUMBER.sub(r"[\\d.,]+", column) for column in columns))


@pytest.mark.parametrize("line", shown())
def test_the_readme_shows_what_a_demo_prints(line: str, demo: tuple[Site, str]) -> None:
    pattern = shape(line)
    assert any(pattern.search(said) for said in demo[1].splitlines()), pattern.pattern
