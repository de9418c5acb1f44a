"""What a page presumes of its reader, said once and in small; and the typing itself.

A page is typed as it stands, but for what only its reader can know: the number in "the template_id of the answer", the
file "yours.csv". What cannot be typed here at all is listed with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.pages.reading import Command
from tests.pages.shell import Shell

Table = Mapping[str, str]
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Each table but `fill` and `files` is keyed by how a command begins; a key that fits nothing fails the test."""

    fill: Table = field(default_factory=dict)
    """What the page writes, and what stands for it here; what begins with SELECT is asked of the database then."""
    files: Table = field(default_factory=dict)
    """Files that the reader has: name and content."""
    before: Table = field(default_factory=dict)
    """What the page says in prose happens first, as commands; "" is before everything."""
    typed: Table = field(default_factory=dict)
    """What the reader answers."""
    ends: Mapping[str, int] = field(default_factory=dict)
    """The exit code that the page leads to, where it is not 0."""
    prints: Table = field(default_factory=dict)
    """What has to stand in the output, for the page shows it or says so."""
    elsewhere: Table = field(default_factory=dict)
    """Why it is not run here."""

    def beginnings(self) -> set[str]:
        tables: Sequence[Mapping[str, object]] = (self.before, self.typed, self.ends, self.prints, self.elsewhere)
        return {key for table in tables for key in table if key}


def fitting(table: Mapping[str, Entry], command: str) -> Entry | None:
    """Give the entry of the longest key that the command begins with."""
    found = [key for key in table if key and command.startswith(key)]
    return table[max(found, key=len)] if found else None


def type_page(commands: Sequence[Command], context: Context, shell: Shell, ask: Callable[[str], str]) -> list[str]:
    """Type a page's commands in their order; give what went wrong, a paragraph each."""
    wrong: list[str] = []
    for name, content in context.files.items():
        made = shell.run(f"mkdir -p \"$(dirname '{name}')\" && cat > '{name}'", typed=content)
        assert made.code == 0, made.err
    wrong += _prepare(context.before.get(""), shell, context, ask)
    for command in commands:
        if fitting(context.elsewhere, command.text) is not None:
            continue
        wrong += _prepare(fitting(context.before, command.text), shell, context, ask)
        text = filled(command.text, context.fill, ask)
        said = shell.run(text, typed=fitting(context.typed, command.text) or "")
        due = fitting(context.ends, command.text) or 0
        shown = fitting(context.prints, command.text)
        if said.code != due or (shown is not None and shown not in said.out) or "Traceback" in said.err:
            wrong.append(f"{command.place} ended with {said.code}: {text}\n{said.out[-1500:]}{said.err[-1500:]}")
    unused = [key for key in context.beginnings() if not any(command.text.startswith(key) for command in commands)]
    unused += [key for key in context.fill if not any(key in command.text for command in commands)]
    return [*wrong, *(f"no command of the page fits {key!r}" for key in unused)]


def _prepare(script: str | None, shell: Shell, context: Context, ask: Callable[[str], str]) -> list[str]:
    if script is None:
        return []
    said = shell.run(filled(script, context.fill, ask))
    return [] if said.code == 0 else [f"before: {script}\n{said.out[-1500:]}{said.err[-1500:]}"]


def filled(text: str, fill: Table, ask: Callable[[str], str]) -> str:
    """Put in what the page leaves to its reader, the longest first."""
    for key in sorted(fill, key=len, reverse=True):
        if key in text:
            value = fill[key]
            text = text.replace(key, ask(value) if value.startswith("SELECT ") else value)
    return text
