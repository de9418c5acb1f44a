"""`leo bench pages` looks at the console as it is built, and ends with its three times."""

import json
from pathlib import Path

import pytest

from engine.bench import pages
from engine.cli import run
from engine.settings import Settings


@pytest.mark.usefixtures("browser")
def test_the_pages_are_timed(
    built: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del built
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pages, "SAMPLES", 3)
    assert run(["bench", "pages", "--json", "--n", "40"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["figures"].keys() == {"first_paint_ms", "journey_ms", "expand_ms"}
    assert all(value > 0 for value in document["figures"].values())
