"""One version of a template: what it says on its channel, in each of its languages."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from channels import content
from engine.templates.check import check, refuse_together
from engine.templates.liquid import Bodies
from rules.errors import InvalidInput
from rules.faults import Fault
from rules.words import Channel

LOCALE = re.compile(r"[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*")
MOST_LOCALES = 20
ACTIVE = re.compile(r"<\s*(script|iframe|object|embed|form)\b|\son[a-z]+\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """`bodies` by locale, the template's own (`locale`) first; that one is used if no other fits."""

    name: str
    channel: Channel
    locale: str
    bodies: Mapping[str, Bodies]

    def pick(self, wanted: str | None) -> str:
        """Give the locale for somebody who wants `wanted`: the same, else the same language, else the template's."""
        given = _folded(wanted or "")
        by_tag = {_folded(locale): locale for locale in self.bodies}
        if given in by_tag:
            return by_tag[given]
        language = given.partition("-")[0]
        same = (locale for tag, locale in by_tag.items() if tag.partition("-")[0] == language)
        return next(same, self.locale)


def version_of(row: Mapping[str, Any]) -> Version:
    """Read a version as it is stored."""
    # A version that is about to be saved has no number yet.
    number = "" if row["version"] is None else f" v{row['version']}"
    name = f"{row['key']}{number} ({row['channel']})"
    others: Mapping[str, Mapping[str, Any]] = row["translations"]
    return Version(
        name=name,
        channel=Channel(row["channel"]),
        locale=row["locale"],
        bodies={
            row["locale"]: _bodies(name, row),
            **{
                locale: _bodies(f"{name} in {locale}", said, f"translations.{locale}.")
                for locale, said in others.items()
            },
        },
    )


def check_version(version: Version) -> None:
    """Refuse what cannot work for anybody; raises InvalidInput naming each language and part that is wrong."""
    check_sources(version)
    found = form_faults(version)
    if found:
        raise InvalidInput(
            f"The template {version.name} cannot be sent: {found[0].say().en}",
            remedy=f"See what {version.channel} carries: docs/templates.md.",
            fault=found[0],
            more=found[1:],
        )


def check_sources(version: Version) -> None:
    """Refuse what cannot be filled for anybody: languages and Liquid; raises InvalidInput with all of it."""
    if len(version.bodies) > MOST_LOCALES:
        fault = Fault("template.languages", "translations", {"name": version.name, "most": MOST_LOCALES})
        raise InvalidInput(fault.say().en, remedy=f"Use at most {MOST_LOCALES}.", fault=fault)
    refused: list[InvalidInput] = []
    for locale, bodies in version.bodies.items():
        if not LOCALE.fullmatch(locale):
            fault = Fault("template.no_language", f"{bodies.place}locale", {"locale": locale})
            raise InvalidInput(fault.say().en, remedy="Use a tag such as vi, en or en-GB.", fault=fault)
        try:
            check(bodies)
        except InvalidInput as error:
            refused.append(error)
    refuse_together(refused)


def form_faults(version: Version) -> list[Fault]:
    """Say what its channel cannot carry of it, in each language, whoever it is written for."""
    return [fault for bodies in version.bodies.values() for fault in _problems(version.channel, bodies)]


def _problems(channel: Channel, bodies: Bodies) -> Iterator[Fault]:
    parts = {"subject": bodies.subject, "text": bodies.text, "html": bodies.html}
    for fault in content.of(channel).form_problems(parts, bodies.data):
        yield replace(fault, where=f"{bodies.place}{fault.where}")
    active = ACTIVE.search(bodies.html or "")
    if active:
        yield Fault("content.active", f"{bodies.place}body_html", {"tag": active[0].strip().strip("<")})


def _bodies(name: str, said: Mapping[str, Any], place: str = "") -> Bodies:
    return Bodies(
        name=name,
        place=place,
        subject=said.get("subject"),
        text=said.get("body_text"),
        html=said.get("body_html"),
        data=said.get("data") or {},
    )


def _folded(locale: str) -> str:
    return locale.lower().replace("_", "-")
