"""The site in two languages: to the theme too a Vietnamese page is Vietnamese, and a page leads to its twin."""

from typing import Any

VIETNAMESE = ".vi.md"
ENTRANCES = {"index.md": "quickstart.vi.md"}
"""Pages whose twin has another name; every other `x.md` has `x.vi.md`, if any."""


def on_page_context(context: Any, *, page: Any, config: Any, nav: Any) -> Any:
    """Say in which language the theme's own words are, and where the page is in the other."""
    name = page.file.src_uri
    here, there = ("vi", "en") if name.endswith(VIETNAMESE) else ("en", "vi")
    config.theme["language"] = here
    twin = next((one.url for one in nav.pages if one.file.src_uri == _twin(name)), None)
    links = {here: page.url, there: twin}
    names = {"en": "English", "vi": "Tiếng Việt"}
    config.extra["alternate"] = twin and [
        {"name": names[lang], "lang": lang, "link": links[lang]} for lang in ("en", "vi")
    ]
    return context


def _twin(name: str) -> str:
    if name.endswith(VIETNAMESE):
        return f"{name.removesuffix(VIETNAMESE)}.md"
    return ENTRANCES.get(name, f"{name.removesuffix('.md')}{VIETNAMESE}")
