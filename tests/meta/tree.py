"""The checkout as these tests look at it: its files, its modules, and what each module imports."""

import ast
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("rules", "channels", "graph", "engine", "api")


@cache
def files() -> tuple[str, ...]:
    """Give what git keeps or would keep, as paths from the top; of an unpacked archive, all that is not hidden."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")  # noqa: S603
        return tuple(sorted(name for name in set(listed) if name and (ROOT / name).is_file()))
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(
        sorted(str(path) for path in found if not any(part.startswith((".", "__")) for part in path.parts[:-1]))
    )


def text(name: str) -> str:
    """Give a file's text."""
    return (ROOT / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file; `name` is dotted, `path` goes from the top."""

    name: str
    path: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.split(".", maxsplit=1)[0]

    def walk(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def imports(self) -> Iterator[tuple[str, int]]:
        """Give each module that is imported, wherever in the file, with its line; `from a import b` gives a.b too."""
        for node in self.walk():
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}:{node.lineno}: relative import"
                assert node.module
                yield node.module, node.lineno
                yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@cache
def modules() -> Mapping[str, Module]:
    """Give the modules of our packages by their dotted names."""
    found = {}
    for path in files():
        if path.endswith(".py") and path.split("/")[0] in PACKAGES:
            name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            found[name] = Module(name, path, ast.parse(text(path), filename=path))
    return found


def code() -> list[Module]:
    """Give the modules of our packages, in the order of their paths."""
    return sorted(modules().values(), key=lambda module: module.path)
