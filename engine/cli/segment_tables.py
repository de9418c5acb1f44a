"""Segments as tables for a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from engine.segments import Explanation, Moved, Preview, Segment, Version
from rules.conditions import Explained, Language, parse

Shown: TypeAlias = Table | Tree | str

_HOLDS, _HOLDS_NOT = "[green]yes[/]", "[red]no[/]"


def of_segments(found: Sequence[Segment], language: Language) -> Table:
    shown = Table()
    # A key is there to be copied: it is folded, never cut off.
    for heading in ("segment", "name", "rule"):
        shown.add_column(heading, overflow="fold")
    shown.add_column("size", justify="right")
    for one in found:
        said = parse(one.rule).text(language)
        shown.add_row(escape(one.key), escape(one.name), escape(said), f"{one.size:,}")
    return shown


def of_segment(one: Segment, language: Language) -> Table:
    shown = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "segment": one.key,
        "name": one.name,
        "version": str(one.version),
        "rule": parse(one.rule).text(language),
        "size": f"{one.size:,}",
        "refreshed": time(one.refreshed_at),
        "schedule": "none" if one.schedule is None else f"{one.schedule} ({one.zone}), next {time(one.due_at)}",
    }
    if one.archived_at is not None:
        rows["archived"] = time(one.archived_at)
    for name, value in rows.items():
        shown.add_row(name, escape(value))
    return shown


def of_preview(found: Preview, language: Language) -> Table:
    shown = Table("ext_id", "name", title=f"{found.count:,} people, in {found.took_ms:,.0f} ms")
    shown.caption = escape(found.text[language])
    for person in found.sample:
        shown.add_row(escape(person["ext_id"]), escape(person["name"] or ""))
    return shown


def of_versions(found: Sequence[Version], language: Language) -> Table:
    shown = Table("version", "since", "rule")
    for one in found:
        shown.add_row(str(one.version), time(one.created_at), escape(parse(one.rule).text(language)))
    return shown


def of_changes(found: Sequence[Moved]) -> Table:
    shown = Table("at", "person", "change", "cause", "refresh", "version")
    for one in found:
        person = "(erased)" if one.ext_id is None else escape(one.ext_id)
        shown.add_row(time(one.at), person, one.change, one.cause, str(one.refresh_id), str(one.version))
    return shown


def of_explanation(found: Explanation) -> Tree:
    since = "no member" if found.member_since is None else f"a member since {time(found.member_since)}"
    shown = Tree(escape(f"{found.ext_id} and {found.key}, version {found.version}: {since}"))
    _grow(shown, found.explained)
    return shown


def time(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _grow(tree: Tree, explained: Explained) -> None:
    found = f": {escape(explained.found)}" if explained.found else ""
    branch = tree.add(f"{_HOLDS if explained.holds else _HOLDS_NOT} {escape(explained.text)}{found}")
    for part in explained.parts:
        _grow(branch, part)
