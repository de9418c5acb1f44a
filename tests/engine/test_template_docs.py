"""The pages about templates show what happens: every example of a filter is run, every limit is the one that holds."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels import content
from engine.templates import FILTERS, Bodies, Reader, render
from engine.templates.filters import KEY
from rules.words import Channel

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("templates.md", "templates.vi.md")
NOW = datetime(2026, 5, 1, 5, tzinfo=UTC)
PERSON = {"name": "Nguyễn Thị Minh Anh", "gender": "female", "phone": "+84912345678"}
EXAMPLE = re.compile(r"^\| `(\{\{ .*? \}\})` \| (.*?) \| (.*?) \|$", re.MULTILINE)


def examples(page: str) -> list[tuple[str, str, str]]:
    found = EXAMPLE.findall((DOCS / page).read_text(encoding="utf-8"))
    return [(source.replace("\\|", "|"), vietnamese, english) for source, vietnamese, english in found]


def written(source: str, locale: str) -> str:
    context = {"profile": PERSON, KEY: Reader(locale=locale, now=NOW)}
    return str(render(Bodies(name="t", text=source), context).text).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("page", PAGES)
def test_each_filter_has_an_example_and_each_example_is_true(page: str) -> None:
    shown = examples(page)
    assert {name for name in FILTERS if any(f"| {name}" in source for source, _, _ in shown)} == set(FILTERS)
    for source, vietnamese, english in shown:
        assert (source, written(source, "vi"), written(source, "en")) == (source, vietnamese, english)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("channel", Channel)
def test_what_a_channel_carries_is_on_the_page(page: str, channel: Channel) -> None:
    row = re.search(rf"^\| `{channel}` \|.*$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    for limit in content.of(channel).limits:
        thousands = f"{limit.most:,}" if page == "templates.md" else f"{limit.most:,}".replace(",", ".")
        assert f" {thousands} " in row[0]
