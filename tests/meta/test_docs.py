"""The documentation against what it documents: a page that names what is gone, or leaves out what is there, fails."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from engine.cli.app import COMMANDS, build
from engine.settings import PREFIX, Settings
from graph.library import audits
from rules import words
from rules.policy import DEFAULT_POLICY

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
PACKAGES = ("rules", "channels", "graph", "engine", "api")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
MODULE_PARAGRAPH = re.compile(r"^\*\*`([\w/.]+)`\*\*(.*?)(?=^\*\*`|^#|\Z)", re.MULTILINE | re.DOTALL)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _without_fences(text: str) -> str:
    return FENCE.sub("", text)


def _section(text: str, heading: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found[1]


def _rows(text: str) -> list[list[str]]:
    """The cells of every table row, heads and rules included."""
    lines = (line.strip() for line in text.splitlines())
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line.startswith("|")]


def _names(rows: Iterable[list[str]], column: int = 0) -> list[str]:
    cells = (row[column] for row in rows if len(row) > column)
    return [found[1] for cell in cells if (found := re.match(r"`([^`]+)`", cell))]


def _commands() -> Iterator[tuple[str, str]]:
    """Every command a page gives, with the page: lines of shell blocks, and code spans that are one."""
    for page in PAGES:
        text, where = _text(page), str(page.relative_to(ROOT))
        blocks = "\n".join(body for language, body in FENCE.findall(text) if language in {"sh", "bash", "console"})
        for line in [*blocks.splitlines(), *SPAN.findall(_without_fences(text))]:
            command = line.partition(" #")[0].strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if command.split(" ")[0] in {"make", "leo"} and command != "make":
                yield where, command


def _given(program: str) -> list[tuple[str, str]]:
    return sorted({(where, command) for where, command in _commands() if command.split(" ")[0] == program})


@cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.MULTILINE))


@cache
def _command(name: str) -> Any:
    """The click command; Any, because Typer brings a click of its own."""
    group: Any = typer.main.get_command(build([name]))
    return group.commands[name]


def _parts(command: Any) -> dict[str, Any]:
    """Its subcommands by name; none for a plain command."""
    return getattr(command, "commands", {})


def _options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}


@pytest.mark.parametrize(("where", "command"), _given("make"))
def test_a_documented_make_target_exists(where: str, command: str) -> None:
    for word in shlex.split(command)[1:]:
        assert "=" in word or word in {"...", "TARGET"} or word in _targets(), f"{where}: {command}"


@pytest.mark.parametrize(("where", "command"), _given("leo"))
def test_a_documented_leo_command_exists(where: str, command: str) -> None:
    called = [word for word in shlex.split(command)[1:] if word != "..."]
    if not called or called[0].startswith("-"):
        assert set(called) <= {"--help", "-h", "--version"}, f"{where}: {command}"
        return
    assert called[0] in COMMANDS, f"{where}: {command}"
    target, rest = _command(called[0]), called[1:]
    while _parts(target) and rest and not rest[0].startswith("-"):
        assert rest[0] in _parts(target), f"{where}: {command}"
        target, rest = _parts(target)[rest[0]], rest[1:]
    options = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert options <= _options(target) | {"--help", "-h"}, f"{where}: {command}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_section_with_each_part(name: str) -> None:
    section = _section(_text(DOCS / "cli.md"), f"## leo {name}")
    command = _command(name)
    for part in _parts(command):
        assert f"leo {name} {part}" in section
    inner = [part for group in _parts(command).values() for part in _parts(group).values()]
    for part in [command, *_parts(command).values(), *inner]:
        for option in _options(part):
            assert not option.startswith("--") or f"`{option}" in section, f"leo {name}: {option} is not explained"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_that_is_explained_exists(name: str) -> None:
    command = _command(name)
    parts = _parts(command)
    within = [command, *parts.values(), *(part for group in parts.values() for part in _parts(group).values())]
    known = {option for part in within for option in _options(part)}
    cells = [row[0] for row in _rows(_section(_text(DOCS / "cli.md"), f"## leo {name}"))]
    assert {option for cell in cells for option in re.findall(r"`(--[a-z-]+)", cell)} <= known


def test_no_section_is_about_a_command_that_is_gone() -> None:
    assert set(re.findall(r"^## leo ([\w-]+)$", _text(DOCS / "cli.md"), re.MULTILINE)) == set(COMMANDS)


def test_the_settings_table_is_the_settings() -> None:
    rows = _rows(_section(_text(DOCS / "operations.md"), "## Settings"))
    documented = {row[0].strip("`"): row[1].strip("`") for row in rows if row[0].startswith(f"`{PREFIX}")}
    fields = {PREFIX + name.upper(): field.default for name, field in Settings.model_fields.items()}
    assert documented == {name: "" if default is None else str(default) for name, default in fields.items()}


def test_no_page_names_a_setting_that_is_not_there() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    named = {(page.name, name) for page in PAGES for name in re.findall(rf"\b{PREFIX}[A-Z_]+\b", _text(page))}
    assert {pair for pair in named if pair[1] not in known} == set()


@cache
def _schema() -> str:
    return _text(ROOT / "schema.sql")


def _schema_keys() -> dict[str, str]:
    keys = {}
    for name, body in re.findall(r"^CREATE TABLE IF NOT EXISTS (\w+) \((.*?)^\)", _schema(), re.MULTILINE | re.DOTALL):
        composite = re.search(r"PRIMARY KEY \(([^)]+)\)", body) or re.search(r"UNIQUE [A-Z ]*\(([^)]+)\)", body)
        single = re.search(r"^\s*(\w+)\s.*PRIMARY KEY,?$", body, re.MULTILINE)
        keys[name] = composite[1] if composite else (single or ["", ""])[1]
    return keys


def test_every_table_stands_in_the_database_page_with_its_key() -> None:
    rows = _rows(_section(_text(DOCS / "database.md"), "## Tables"))
    documented = {row[0].strip("`"): re.sub(r"^t,", "tenant_id,", row[1]) for row in rows if row[0].startswith("`")}
    assert documented == _schema_keys()


def test_every_refusal_of_the_schema_is_explained() -> None:
    documented = _names(_rows(_text(DOCS / "database.md")))
    raised = set(re.findall(r"\bLEO\d\d\b", _schema()))
    assert {name for name in documented if name.startswith("LEO")} == raised


def _elements() -> list[re.Match[str]]:
    pattern = (
        r"\(\s*\d+, '(?P<label>\w+)',\s*'(?P<kind>vertex|edge)',\s*'(?P<source>\w+)',"
        r"\s*'\w+',\s*'\{(?P<shown>[^}]*)\}',"
        r"(?:\s*'(?P<start>\w+)',\s*'\w+',\s*'(?P<end>\w+)',\s*'\w+',)?"
    )
    return list(re.finditer(pattern, _section_of_elements()))


def _section_of_elements() -> str:
    schema = _schema()
    return schema[schema.index("TRUNCATE graph_element;") : schema.index("-- Makes each element's statements")]


def test_every_label_stands_in_the_graph_page() -> None:
    rows = _rows(_section(_text(DOCS / "graph.md"), "## Labels"))
    documented = {tuple(cell.replace("`", "") for cell in row) for row in rows if row[0].startswith("`")}
    labels: set[tuple[str, ...]] = set()
    for element in _elements():
        if element["kind"] == "vertex":
            labels.add((element["label"], element["source"], ", ".join(element["shown"].split(","))))
        else:
            labels.add((element["label"], element["start"], element["end"], element["source"]))
    assert len(labels) == _section_of_elements().count("'vertex'") + _section_of_elements().count("'edge'")
    assert documented == labels


def test_every_cypher_file_stands_in_the_graph_page() -> None:
    named = set(re.findall(r"`cypher/(\w+)\.cypher`", _text(DOCS / "graph.md")))
    assert named == {path.stem for path in (ROOT / "cypher").glob("*.cypher")}


def test_the_library_of_audit_queries_is_documented_as_its_files_say() -> None:
    """In English with what each answers, in Vietnamese with its search phrase; both with what it asks for."""
    rows = {
        tuple(row) for row in _rows(_section(_text(DOCS / "explorer.md"), "## The library")) if row[0].startswith("`")
    }
    said = {
        (f"`{one.name}`", ", ".join(f"`{parameter.name}`" for parameter in one.parameters), one.purpose)
        for one in audits().values()
    }
    assert rows == said
    rows = {
        tuple(row)
        for row in _rows(_section(_text(DOCS / "explorer.vi.md"), "## Hỏi bằng một câu có sẵn"))
        if row[1].startswith("`")
    }
    said = {
        (one.phrases["vi"], f"`{one.name}`", ", ".join(parameter.vi for parameter in one.parameters))
        for one in audits().values()
    }
    assert rows == said


def test_every_picture_is_shown_and_those_of_the_console_are_taken_by_tests() -> None:
    """`make pictures` renews them; a page of the console without one would be missed by whoever reads."""
    source = "\n".join(_text(path) for path in (ROOT / "tests" / "api" / "console").glob("test_*.py"))
    taken = [re.sub(r"\{[^}]*\}", r"\\w+", name) for name in re.findall(r'keep\(page, f?"([^"]+)"', source)]
    shown = {name for page in PAGES for name in re.findall(r"images/([\w-]+)\.png", _text(page))}
    there = {path.stem for path in (DOCS / "images").glob("*.png")}
    assert shown == there
    of_the_console = {
        name for page in DOCS.glob("console*.md") for name in re.findall(r"images/([\w-]+)\.png", _text(page))
    }
    assert [name for name in sorted(of_the_console) if not any(re.fullmatch(one, name) for one in taken)] == []
    pages = {path.stem for path in (ROOT / "api" / "console" / "src" / "pages").glob("*.js")}
    of = {"person": "journey"}
    assert [
        page for page in sorted(pages) if not any(name.startswith(of.get(page, page)) for name in of_the_console)
    ] == []


def _modules() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }


def _packages() -> set[str]:
    """Packages inside the five, each with a slash at its end."""
    return {
        f"{path.parent.relative_to(ROOT)}/"
        for package in PACKAGES
        for path in (ROOT / package).glob("*/**/__init__.py")
    }


def _paragraphs() -> dict[str, str]:
    found = MODULE_PARAGRAPH.findall(_text(DOCS / "architecture.md"))
    assert len(found) == len(dict(found)), "a module has two paragraphs"
    return dict(found)


def test_every_module_has_its_paragraph() -> None:
    paragraphs = _paragraphs()
    missing = {package for package in _packages() if package not in paragraphs}
    for module in _modules():
        package, _, name = module.rpartition("/")
        if module not in paragraphs and f"`{name}`" not in paragraphs.get(f"{package}/", ""):
            missing.add(module)
    assert missing == set()


def test_no_paragraph_is_about_a_module_that_is_gone() -> None:
    paragraphs = _paragraphs()
    assert set(paragraphs) <= _modules() | _packages()
    for name, text in paragraphs.items():
        directory = (ROOT / name) if name.endswith("/") else (ROOT / name).parent
        for module in re.findall(r"`([\w/]+\.py)`", text):
            assert (directory / module).exists() or (ROOT / module).exists(), f"{name} names {module}"


def _values(kind: type[StrEnum]) -> set[str]:
    return {member.value for member in kind}


def test_every_word_is_explained() -> None:
    kinds = [kind for kind in vars(words).values() if isinstance(kind, type) and issubclass(kind, StrEnum)]
    explained = set(SPAN.findall(_text(DOCS / "concepts.md")))
    missing = {value for kind in kinds if kind is not StrEnum for value in _values(kind)} - explained
    assert missing == set()


@pytest.mark.parametrize(
    ("heading", "heading_vi", "kind"),
    [
        ("### Gates", "## Lý do giữ lại", words.Gate),
        ("## Life cycles", "## Trạng thái lượt gửi", words.DeliveryStatus),
        ("## Life cycles", "## Kết quả", words.OutcomeType),
    ],
)
def test_marketers_find_every_word_in_both_languages(heading: str, heading_vi: str, kind: type[StrEnum]) -> None:
    english = _names(_rows(_section(_text(DOCS / "concepts.md"), heading)))
    vietnamese = _names(_rows(_section(_text(DOCS / "concepts.vi.md"), heading_vi)))
    assert _values(kind) <= set(english)
    assert set(vietnamese) == _values(kind)


def test_every_field_of_a_policy_is_explained_with_its_default() -> None:
    rows = _rows(_section(_text(DOCS / "concepts.md"), "## Policy"))
    documented = {row[0].strip("`"): json.loads(row[1].strip("`")) for row in rows if row[0].startswith("`")}
    assert documented == dict(DEFAULT_POLICY)


def _operations() -> set[str]:
    document = json.loads(_text(DOCS / "openapi.json"))
    methods = {"get", "post", "put", "patch", "delete"}
    return {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in methods & set(item)}


def test_the_api_page_names_every_operation_and_no_other() -> None:
    text = _text(DOCS / "api.md")
    named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`\s?]*)`", text))
    assert named == _operations()


def test_the_api_page_names_every_error() -> None:
    tree = ast.parse(_text(ROOT / "rules" / "errors.py"))
    assigned = [node for body in tree.body if isinstance(body, ast.ClassDef) for node in body.body]
    codes = {
        ast.literal_eval(node.value)
        for node in assigned
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code"
    }
    documented = set(_names(_rows(_section(_text(DOCS / "api.md"), "## Errors"))))
    assert codes <= documented


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(_without_fences(_text(page))):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


def _leads(entry: Any) -> Iterator[str]:
    """The pages below an entry of the navigation, in its order."""
    if isinstance(entry, str):
        yield entry
        return
    for below in entry.values() if isinstance(entry, dict) else entry:
        yield from _leads(below)


def test_the_navigation_leads_to_every_page_once_and_keeps_vietnamese_together() -> None:
    nav = yaml.safe_load(_text(ROOT / "mkdocs.yml"))["nav"]
    assert sorted(_leads(nav)) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
    (vietnamese,) = (part["Tiếng Việt"] for part in nav if "Tiếng Việt" in part)
    assert {page for page in _leads(nav) if page.endswith(".vi.md")} == set(_leads(vietnamese))


def test_the_site_builds_without_a_warning_and_without_the_network(tmp_path: Path) -> None:
    site = tmp_path / "site"
    # Without --quiet: it silences warnings before --strict can count them.
    done = subprocess.run(  # noqa: S603 - argv is ours
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fetched = re.compile(
        r"<(?:script|img|iframe)\b[^>]*\bsrc=[\"']?https?:|<link\b[^>]*rel=[\"']?stylesheet[^>]*https?:"
    )
    pages = list(site.rglob("*.html"))
    assert pages
    assert [page.name for page in pages if fetched.search(_text(page))] == []
