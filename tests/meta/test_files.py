"""The files of the checkout: small, named for what they are, bound to no machine, and agreeing with each other."""

import ast
import hashlib
import importlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from tests.meta.tree import PACKAGES, ROOT, files, modules, text

MOST_LINES = 400
# A name says what is inside; these say that somebody did not know. Not "tools": they are what a model calls.
EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "stuff"})
TOP = frozenset(
    {
        *PACKAGES,
        *("cypher", "deploy", "k6", "docs", "tests", ".ci"),
        *(".gitignore", "schema.sql", "pyproject.toml", "uv.lock", "mkdocs.yml", "Makefile"),
        *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    }
)
# Places that exist on somebody's machine only, and hosts that packages come from. uv.lock has to name the latter.
MACHINE = re.compile(r"(?<![\w.*$}])/(?:tmp|root|home|work)\b(?!\.)")
REGISTRY = re.compile(
    r"py[p]i\.(?:org|python)|pythonhosted\.[o]rg|npm[j]s\.|registry\.\w+\.(?:org|com|io|dev)\b|artifact[o]ry|j[f]rog|"
    r"\bnexus[.:-]\w|proxy\.[g]olang|crates\.[i]o|(?:extra-)?[i]ndex-url"
)
MAY_NAME_A_PLACE = {
    "engine/embedded/account.py": "tells what happens below a directory that is closed to other accounts",
    "tests/engine/test_embedded_accounts.py": "tests just that",
    **dict.fromkeys(
        ("deploy/compose/compose.yaml", *(f"deploy/kubernetes/{name}.yaml" for name in ("api", "migrate", "workers"))),
        "mounts the one place that a container without a disk may write to",
    ),
}
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")

PYTHON = [name for name in files() if name.endswith(".py")]


def test_a_module_fits_in_the_head() -> None:
    lines = {name: len(text(name).splitlines()) for name in PYTHON}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}


def test_a_module_says_what_it_is_for() -> None:
    assert not [name for name in PYTHON if not (ast.get_docstring(ast.parse(text(name))) or "").strip()]


def test_a_name_says_what_is_inside() -> None:
    parts = {(part.removesuffix(".py"), name) for name in PYTHON for part in name.split("/")}
    assert not [name for part, name in parts if part.lower() in EMPTY_NAMES]


def test_the_top_level_is_as_laid_out() -> None:
    assert {name.split("/")[0] for name in files()} <= TOP


WRITTEN = [name for name in files() if not name.endswith((".png", ".gz"))]


def _texts() -> Iterator[tuple[str, int, str]]:
    for name in WRITTEN:
        if name != "uv.lock":
            yield from ((name, number, line) for number, line in enumerate(text(name).splitlines(), start=1))


def test_no_file_knows_a_machine() -> None:
    found = {name: f"{name}:{number} {line.strip()}" for name, number, line in _texts() if MACHINE.search(line)}
    assert not {name: line for name, line in found.items() if name not in MAY_NAME_A_PLACE}
    assert found.keys() == MAY_NAME_A_PLACE.keys()


def test_no_file_names_a_registry() -> None:
    assert not [f"{name}:{number} {line.strip()}" for name, number, line in _texts() if REGISTRY.search(line)]


def test_the_patterns_find_what_they_are_for() -> None:
    for line in ("cd /" + "tmp/x", '"/' + 'work/main"', "(/" + "home/lan)", "/" + "root"):
        assert MACHINE.search(line)
    for line in ("/var/tmp", "a/work/b", "/workers", "https://example.vn/tmp.html", "$HOME/work"):  # noqa: S108
        assert not MACHINE.search(line.replace("vn/", "vn"))
    assert REGISTRY.search("https://files.python" + "hosted.org/packages")


def test_nothing_is_left_unfinished() -> None:
    assert not [f"{name}:{number} {line.strip()}" for name, number, line in _texts() if UNFINISHED.search(line)]
    promised = [
        f"{module.path}:{node.lineno}"
        for module in modules().values()
        for node in module.walk()
        if isinstance(node, ast.Name) and node.id in {"NotImplementedError", "NotImplemented"}
    ]
    assert not promised


def test_no_file_ends_in_the_middle_of_a_line() -> None:
    assert not [name for name in WRITTEN if (whole := text(name)) and not whole.endswith("\n")]


def _skipped(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give each place where a test is left out, and why; a mark that is not called gives no reason."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name, plain = ast.unparse(node.func), node.args[:1]
        elif isinstance(node, ast.Attribute) and id(node) not in called:
            name, plain = ast.unparse(node), []
        else:
            continue
        if not re.fullmatch(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)", name):
            continue
        named = [word.value for word in getattr(node, "keywords", []) if word.arg in {"reason", "msg"}]
        # The first argument of skipif and of mark.xfail is the condition.
        first = [] if name.endswith("skipif") or name == "pytest.mark.xfail" else plain
        yield node.lineno, next((ast.unparse(reason) for reason in (*named, *first)), "")


def test_what_tests_share_is_in_a_module_of_its_own() -> None:
    """A test that takes something from another test breaks with it, and says nothing of where the thing belongs."""
    borrowed = {
        f"{name} from {node.module}"
        for name in PYTHON
        if name.startswith("tests/")
        for node in ast.walk(ast.parse(text(name)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_")
    }
    # Whole tests, to be run again through a pooler.
    assert {one.partition(" ")[0] for one in borrowed} == {"tests/api/test_pooler.py"}


def test_a_test_that_is_left_out_says_why() -> None:
    tests = [name for name in PYTHON if name.startswith("tests/")]
    skipped = [(name, line, reason) for name in tests for line, reason in _skipped(ast.parse(text(name)))]
    # A reason is a sentence, not a word.
    assert not [f"{name}:{line}" for name, line, reason in skipped if len(reason) < 15]


# --- pyproject.toml, CHANGELOG.md, LICENSE ---


def _pyproject() -> dict[str, Any]:
    return tomllib.loads(text("pyproject.toml"))


def test_the_newest_release_that_is_told_is_this_version() -> None:
    version = _pyproject()["project"]["version"]
    headings = re.findall(r"^## \[([^\]]+)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    released = headings[1:]
    # Before the first release there is nothing but what it will bring.
    assert (released[0] if released else "0.1.0") == version


def test_the_folders_of_the_project_are_there() -> None:
    tool = _pyproject()["tool"]
    wheel = tool["hatch"]["build"]["targets"]["wheel"]
    assert {*PACKAGES, "cypher"} == set(wheel["packages"])
    assert set(tool["mypy"]["packages"]) == {*PACKAGES, "tests"}
    for folder in (*wheel["packages"], *tool["pytest"]["ini_options"]["testpaths"]):
        assert (ROOT / folder).is_dir(), folder
    for name in (*wheel["force-include"], _pyproject()["project"]["readme"]):
        assert (ROOT / name).is_file(), name


def test_the_command_is_there() -> None:
    for target in _pyproject()["project"]["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_license_is_apache_2() -> None:
    assert _pyproject()["project"]["license"] == "Apache-2.0"
    words = " ".join(text("LICENSE").split())
    assert words.startswith("Apache License Version 2.0, January 2004 http://www.apache.org/licenses/")
    # Up to the appendix, where a copyright may be filled in.
    terms = words.split("END OF TERMS AND CONDITIONS")[0]
    assert (
        hashlib.sha256(terms.encode()).hexdigest() == "d5e4c8942091934e8f11f49efe6055366918b8034549dbfffc2e71a2c4f5de32"
    )
