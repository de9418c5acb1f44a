"""The console: its pages as sources (src/) and as built (dist/), which the API serves."""

from pathlib import Path

FOLDER = Path(__file__).parent
BUILT = FOLDER / "dist"
