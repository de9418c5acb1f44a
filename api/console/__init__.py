"""The console: its pages as they are written (src/) and as they are built (dist/), which the API serves."""

from pathlib import Path

FOLDER = Path(__file__).parent
BUILT = FOLDER / "dist"
