"""Files that a policy is read from: JSON, or YAML restricted to what JSON could say.

YAML 1.1 has traps for authors of rules: 22:00 is the number 1320, `no` is false, the second of two equal fields wins
silently, and a name that stands for a part (an alias) lets a small file unfold into a huge one. Here clock times and
dates stay text, only true and false are booleans, and the rest is refused.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rules.errors import InvalidInput, cause

LARGEST_FILE = 1_048_576
STANDARD_INPUT = Path("-")
_TAG = "tag:yaml.org,2002:"
_DIGITS = list("-0123456789")


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own, filled below

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias (*): write the part out", alias.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag != f"{_TAG}str":
                raise _wrong("a field whose name is no text: put it in quotes", key)
            if key.value in seen:
                raise _wrong(f"the field {key.value[:100]!r} for the second time", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _kind, _pattern, _first in (
    ("null", r"(?:~|null|)", ["~", "n", ""]),
    ("bool", r"(?:true|false)", ["t", "f"]),
    ("int", r"-?(?:0|[1-9]\d{0,30})", _DIGITS),
    ("float", r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][-+]?\d{1,3})?", _DIGITS),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"^{_pattern}$"), _first)
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix(_TAG) in {"null", "bool", "int", "float", "str", "seq", "map"}
}


def read_policy(path: Path) -> Mapping[str, Any]:
    """Read a policy's document from YAML, or from JSON if the file's name ends in .json; raises InvalidInput."""
    text = _text(path)
    try:
        document = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)  # nosec  # noqa: S506 - safe
    except yaml.YAMLError as error:
        raise InvalidInput(
            f"{path}{_where(error)} cannot be read: {_why(error)}.", remedy="Correct it: docs/policy.md has examples."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.", remedy="Correct the file.") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} holds no policy.", remedy="It is an object of fields: see docs/policy.md.")
    return document


def _text(path: Path) -> str:
    try:
        if path == STANDARD_INPUT:
            text = sys.stdin.read(LARGEST_FILE + 1)
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(LARGEST_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {cause(error)}.", remedy="Name a file of UTF-8 text.") from error
    if len(text) > LARGEST_FILE:
        raise InvalidInput(f"{path} has more than {LARGEST_FILE:,} letters.", remedy="A policy is far shorter.")
    return text


def _wrong(what: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


def _where(error: yaml.YAMLError) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return "" if mark is None else f", line {mark.line + 1}"


def _why(error: yaml.YAMLError) -> str:
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
    return problem or "it is no YAML"
