"""One seeded LEO a test process: what `leo demo` leaves, and a few records that pages speak of by name."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.embedded import Servers
from engine.processes import background
from tests.conftest import clone_database
from tests.pages import seeding
from tests.pages.site import Site, drop, environment, quick_leo

PEOPLE = 120
TRIES = 4


@pytest.fixture(scope="session")
def commands_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with quick_leo(tmp_path_factory.mktemp("quick") / "bin") as directory:
        yield directory


@pytest.fixture(scope="session")
def demo(
    servers: Servers, template: str, commands_at: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, str]]:
    """A site after `leo demo` and the seeding, and what the demo printed; its processes have ended."""
    name = f"{template}_pages_{secrets.token_hex(3)}"
    clone_database(servers, template, name)
    home = tmp_path_factory.mktemp("pages") / "leo"
    redis_url = f"{servers.redis_url.rsplit('/', 1)[0]}/0"
    site = Site(servers, name, environment(servers, name, redis_url, home, commands_at), home)
    try:
        printed = _play(site)
        site = replace(site, key=seeding.key_in(printed))
        seeding.seed(site, seeding.address_in(printed))
        background.stop_all(home)
        seeding.harm(site)
        yield site, printed
    finally:
        background.stop_all(home)
        drop(servers, name, but=set())


@pytest.fixture(scope="session")
def seeded(demo: tuple[Site, str]) -> Site:
    return demo[0]


def _play(site: Site) -> str:
    """Give what `leo demo` prints; on a busy machine it may give up waiting, and another may take its port first."""
    for _ in range(TRIES):
        done = subprocess.run(  # noqa: S603 - the product's own command
            [str(Path(sys.executable).with_name("leo")), "demo", "--people", str(PEOPLE)],
            env=dict(site.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        if not any(words in done.stderr for words in ("did not start within", "The api ended", "The sandbox ended")):
            break
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
