"""The pages about social channels say the figures and codes of the facts, and the same in both languages."""

import re
from pathlib import Path

import pytest

from channels import facts

DOCS = Path(__file__).parents[2] / "docs" / "channels"
PAGES = {"zalo-oa": "zalo_oa", "zalo-template": "zalo_template", "facebook": "facebook"}
# Stood for by words: v26.0, +84912345678 and the like.
IN_WORDS = frozenset({"newest_version"})

every_page = pytest.mark.parametrize(("page", "name"), PAGES.items())
languages = pytest.mark.parametrize(("ending", "thousands"), [(".md", ","), (".vi.md", ".")])


@every_page
@languages
def test_every_limit_and_window_of_the_facts_is_on_the_page(page: str, name: str, ending: str, thousands: str) -> None:
    text = (DOCS / f"{page}{ending}").read_text(encoding="utf-8")
    known = facts.load(name)
    figures = {key: limit.value for key, limit in known.limits.items() if key not in IN_WORDS}
    figures |= {kind.name: kind.window_hours for kind in known.kinds.values() if kind.window_hours}
    said = {key: f"{value:,}".replace(",", thousands) for key, value in figures.items()}
    assert not {
        key: value for key, value in said.items() if not re.search(rf"(?<![\d.,]){re.escape(value)}(?!\d)", text)
    }


@every_page
@languages
def test_every_code_of_the_facts_is_in_the_table_of_errors(page: str, name: str, ending: str, thousands: str) -> None:
    del thousands
    text = (DOCS / f"{page}{ending}").read_text(encoding="utf-8")
    cells = {row.split("|")[1] for row in text.splitlines() if row.startswith("|")}
    written = {int(code) for cell in cells for code in re.findall(r"(?<!\d)-?\d+", cell)}
    codes = [answer for answer in facts.load(name).answers if "http" not in answer.stages]
    wanted = {code for answer in codes for code in (answer.first, answer.last, *map(int, answer.enhanced))}
    assert not wanted - written
