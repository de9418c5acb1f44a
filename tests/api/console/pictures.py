"""Pictures that the tests take of pages, kept for the documentation where PICTURES_OF_THE_CONSOLE names a folder."""

import os
from pathlib import Path

from playwright.async_api import Page

FOLDER = "PICTURES_OF_THE_CONSOLE"
# What stays in sight while one scrolls would lie across the middle of a whole page.
STILL = "for (const one of document.querySelectorAll('.save-bar, .look')) one.style.position = {position!r};"


async def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """Take a picture of what is seen now, or of the whole page; kept only where somebody asked for it."""
    wanted = os.environ.get(FOLDER)
    if wanted:
        path = Path(wanted) / f"{name}.png"
        if whole:
            await page.evaluate(STILL.format(position="static"))
        await page.screenshot(path=path, animations="disabled", full_page=whole)
        if whole:
            await page.evaluate(STILL.format(position=""))
