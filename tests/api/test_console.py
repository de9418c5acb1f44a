"""How the console is served: to browsers, under a strict policy, kept by name, and one sentence where it is not."""

import re
from pathlib import Path

import httpx
import pytest

from api.routes import console

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Accept-Encoding": "gzip"}
PAGE = '<script src="/console/main-ABC.js"></script>'


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A console of a few small files."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name, text in {
        "index.html": PAGE,
        "message.html": "<p>",
        "main-ABC.js": "let a;" * 500,
        "notes.txt": "x",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    (tmp_path / "secret.js").write_text("secret", encoding="utf-8")
    monkeypatch.setattr(console, "BUILT", folder)
    return folder


@pytest.mark.usefixtures("built")
async def test_a_browser_gets_the_console_and_a_program_what_it_always_got(anybody: httpx.AsyncClient) -> None:
    page = await anybody.get("/", headers=BROWSER)
    assert (page.text, page.headers["cache-control"]) == (PAGE, "no-cache")
    assert "Accept" in page.headers["vary"]
    assert (await anybody.get("/")).json()["docs"] == "/docs"


@pytest.mark.usefixtures("built")
async def test_no_script_but_its_own_may_run_and_nobody_may_frame_it(anybody: httpx.AsyncClient) -> None:
    policy = (await anybody.get("/", headers=BROWSER)).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    frame = (await anybody.get("/console/message.html")).headers["content-security-policy"]
    assert "script-src 'self';" in frame
    assert "frame-ancestors 'self'" in frame
    assert "connect-src" not in frame


@pytest.mark.usefixtures("built")
async def test_what_is_named_by_its_hash_is_kept_for_good(anybody: httpx.AsyncClient) -> None:
    script = await anybody.get("/console/main-ABC.js", headers=BROWSER)
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["content-type"].startswith("text/javascript")
    again = await anybody.get("/console/main-ABC.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("name", ["../secret.js", "..%2fsecret.js", "notes.txt", "index.html", "main-OLD.js", "%00"])
async def test_nothing_else_is_given_away(anybody: httpx.AsyncClient, name: str) -> None:
    assert (await anybody.get(f"/console/{name}")).status_code == 404


async def test_a_console_that_was_not_built_says_what_to_run(
    anybody: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "BUILT", tmp_path / "dist")
    answer = await anybody.get("/", headers=BROWSER)
    assert answer.status_code == 503
    assert re.search(r"has not been built yet: run make console", answer.text)
