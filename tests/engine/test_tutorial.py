"""Whoever types what docs/tutorial.md says, in its order, gets a campaign that is live, explained and proven."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.processes import background
from tests.engine.embedded_places import ROOT, open_directory

PAGE = ROOT / "docs" / "tutorial.md"
API, SANDBOX = "http://127.0.0.1:8765", "http://127.0.0.1:8780"
BLOCK = re.compile(r"```sh( title=\"terminal 1\")?\n(.*?)```", re.DOTALL)
LONGEST_S = 240


def commands() -> list[str]:
    """What is typed into the second terminal, but for the end."""
    found = [block for title, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if not title]
    return [block for block in found if "leo down" not in block and "export PATH" not in block]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything that the commands print."""
    here = tmp_path_factory.mktemp("tutorial")
    with open_directory() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LEO_")}
        environment |= {"LEO_HOME": str(home), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"LANG": "C.UTF-8", "COLUMNS": "200"}
        log = here / "up.log"
        with log.open("wb") as written:
            up = subprocess.Popen(  # noqa: S603 - the product's own command
                [str(Path(sys.executable).with_name("leo")), "up"],
                env=environment,
                cwd=here,
                stdout=written,
                stderr=written,
            )
        try:
            wait_for(log, "End: Ctrl-C")
            found = re.search(r"http://127\.0\.0\.1:\d+(?=/docs)", log.read_text(encoding="utf-8"))
            assert found is not None
            script = "set -euo pipefail\n" + "\n".join(commands()).replace(API, found.group())
            done = subprocess.run(  # noqa: S603 - the page's own commands
                ["bash", "-c", script],  # noqa: S607 - whichever bash there is
                env=environment,
                cwd=here,
                capture_output=True,
                text=True,
                check=False,
                timeout=LONGEST_S,
            )
        finally:
            up.terminate()
            up.wait(timeout=60)
            background.stop_all(home)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout


def wait_for(log: Path, text: str) -> None:
    """Wait until the first terminal says so."""
    for _ in range(600):
        if text in log.read_text(encoding="utf-8"):
            return
        subprocess.run(["sleep", "0.2"], check=True)  # noqa: S607
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("An email address must have an @-sign", id="an address that is none is told when people come in"),
        pytest.param('found "Đà Nẵng"', id="a segment says why somebody is not in it"),
        pytest.param("[QC] Nguyễn Thị Lan ơi", id="a preview shows what the law adds"),
        pytest.param('"deliveries":{"sent":2}', id="the campaign wrote to two people"),
        pytest.param("The sandbox took it, nobody got it", id="a trace says that it was the sandbox"),
        pytest.param("there is no valid address", id="why-not says what is wrong with an address"),
        pytest.param("không có sự đồng ý", id="why-not says in Vietnamese that consent is missing"),
        pytest.param('"status":"paused"', id="the campaign was paused"),
        pytest.param("whole: ", id="the ledger is whole"),
    ],
)
def test_the_tutorial_shows_what_it_says(said: str, what: str) -> None:
    assert what in said
