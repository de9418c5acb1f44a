"""Whoever types docs/operations/upgrade.md on what the last release left gets what the page says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.embedded import Servers
from tests.engine import releases
from tests.pages.context import Context
from tests.pages.reading import shell_commands
from tests.pages.site import Site, drop, environment, type_on

PAGE = "docs/operations/upgrade.md"
TYPED = shell_commands(PAGE)
BEFORE = "leo db status      #"
CONTEXT = Context(
    ends={BEFORE: 1},
    # The two lines that the page shows in its comments.
    prints={one.text: one.text.partition(" # ")[2] for one in TYPED if " # schema version" in one.text},
)


@pytest.fixture
def left_behind(servers: Servers, template: str, commands_at: Path, tmp_path: Path) -> Iterator[Site]:
    """A database of the release before this one, with the data of a demo."""
    del template  # with it came the roles and the password of leo_app
    with releases.database(servers.admin_database_url) as url:
        name = releases.fill(url, releases.VERSIONS[-1]).name
        home = tmp_path / "leo"
        try:
            yield Site(servers, name, environment(servers, name, servers.redis_url, home, commands_at), home)
        finally:
            drop(servers, name, but=set())


def test_the_last_release_is_upgraded_as_the_page_says(left_behind: Site, tmp_path: Path) -> None:
    assert len(CONTEXT.prints) == 2
    assert type_on(left_behind, tmp_path / "here", TYPED, CONTEXT) == []
