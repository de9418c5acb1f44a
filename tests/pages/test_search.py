"""The documentation as its reader has it: built, opened from the disk, searched, and turned to the other language."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.api.console.conftest import FLAGS, NAMES, PATIENCE_MS
from tests.pages.reading import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site") / "site"
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(made)]
    subprocess.run(argv, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, check=True)  # noqa: S603
    return made


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("No Chromium was found on PATH, so the documentation cannot be read: install the package chromium.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        context = await browser.new_context(offline=True)
        context.set_default_timeout(PATIENCE_MS)
        yield await context.new_page()
        await browser.close()


@pytest.mark.parametrize(
    ("words", "place"),
    [("runbook", "operations/runbook.html"), ("mẫu tin", "templates.vi.html"), ("quiet hours", "policy.html")],
)
async def test_what_is_looked_for_is_found_without_server_and_network(
    site: Path, page: Page, words: str, place: str
) -> None:
    await page.goto((site / "faq.html").as_uri())
    await page.fill(".md-search__input", words)
    found = page.locator(f".md-search-result__link[href*='{place}']").first
    await expect(found).to_be_visible()


async def test_a_page_leads_to_its_twin_and_speaks_its_language(site: Path, page: Page) -> None:
    await page.goto((site / "policy.html").as_uri())
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.hover(".md-select button")
    await page.click(".md-select__link[hreflang=vi]")
    await expect(page.locator("h1")).to_contain_text("Chính sách")
    await expect(page.locator("html")).to_have_attribute("lang", "vi")
    assert await page.locator(".md-select__link[hreflang=en]").get_attribute("href") == "policy.html"
