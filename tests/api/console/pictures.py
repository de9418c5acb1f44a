"""Pictures that the tests take of pages, kept for the documentation where PICTURES_OF_THE_CONSOLE names a folder."""

import os
from pathlib import Path

from playwright.async_api import Page

FOLDER = "PICTURES_OF_THE_CONSOLE"


async def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """Take a picture of what is seen now, or of the whole page; kept only where somebody asked for it."""
    wanted = os.environ.get(FOLDER)
    if wanted:
        await page.screenshot(path=Path(wanted) / f"{name}.png", animations="disabled", full_page=whole)
