"""What the README shows of a demo is what a demo shows, whatever its numbers are."""

import re

import pytest

from tests.pages.reading import blocks
from tests.pages.site import Site

NUMBER = re.compile(r"\d[\d.,]*")
# What another run has another of: who was written to, and at which place of the relay's own count.
SOMEBODY = re.compile(r"[\w.\\]+@khach\\.example")


def shown() -> list[str]:
    """The lines of the README's sample, from the first decision to the last outcome."""
    (sample,) = [block.body for block in blocks("README.md") if "decisions for" in block.body]
    return [line for line in sample.splitlines() if line.strip()]


def shape(line: str) -> re.Pattern[str]:
    """The words of each column in their order; any number for a number, any of the demo's people for one of them.

    The sample leaves out times, which stand behind a step's name, and lines between those it shows.
    """
    plain = re.sub(r"[├└]── (\w+)", r"── \1  ", line.strip())
    columns = [re.escape(column).replace(r"\ ", " ") for column in re.split(r"\s{2,}", plain)]
    return re.compile(".*".join(NUMBER.sub(r"[\\d.,]+", SOMEBODY.sub(r"\\S+", column)) for column in columns))


@pytest.mark.parametrize("line", shown())
def test_the_readme_shows_what_a_demo_prints(line: str, demo: tuple[Site, str]) -> None:
    pattern = shape(line)
    assert any(pattern.search(said) for said in demo[1].splitlines()), pattern.pattern
