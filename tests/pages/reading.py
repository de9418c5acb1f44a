"""What a page tells its reader to type: its blocks, and the commands of each shell block, one after the other."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELLS = frozenset({"sh", "bash", "console", "shell"})
_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its first line's number, its language, what else stands behind the fence, the h2 above it."""

    page: str
    line: int
    language: str
    info: str
    section: str
    body: str


def pages() -> list[str]:
    """Every page a reader may open, as a path below the checkout."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(str(page.relative_to(ROOT)) for page in found if page.name != "CHANGELOG.md")


def blocks(page: str) -> Iterator[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = [(found.start(), found[1]) for found in _HEADING.finditer(text)]
    for found in _FENCE.finditer(text):
        language, _, info = found["info"].partition(" ")
        section = next((name for start, name in reversed(headings) if start < found.start()), "")
        yield Block(page, text.count("\n", 0, found.start()) + 2, language, info, section, found["body"])


@dataclass(frozen=True, slots=True)
class Command:
    """One complete command of a page, with its heredocs, as it stands there."""

    page: str
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def commands(block: Block) -> Iterator[Command]:
    """Split a shell block where bash says that a command is whole; comments and empty lines belong to nothing."""
    held: list[str] = []
    for number, line in enumerate(block.body.splitlines()):
        if not held and (not line.strip() or line.lstrip().startswith("#")):
            continue
        held.append(line)
        text = "\n".join(held)
        if is_whole(text):
            yield Command(block.page, block.line + number - len(held) + 1, text)
            held = []
    assert not held, f"{block.page}:{block.line}: a command does not end: {held[0]}"


@cache
def is_whole(text: str) -> bool:
    """Say whether bash takes it as it is: no quote, heredoc, brace or backslash is open."""
    done = subprocess.run(["bash", "-n"], input=text + "\n", capture_output=True, text=True, check=False)  # noqa: S607
    return done.returncode == 0 and not done.stderr and not text.endswith("\\")


def shell_commands(page: str, section: str | None = None) -> Sequence[Command]:
    """Give what is typed into a shell, in the page's order; of one section alone where it is named."""
    return [
        command
        for block in blocks(page)
        if block.language in SHELLS and section in {None, block.section}
        for command in commands(block)
    ]
