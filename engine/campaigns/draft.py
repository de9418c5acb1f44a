"""A template as somebody writes it: nothing of it is kept yet, and all of it may be wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine import templates
from engine.templates import Version
from engine.text import composed
from rules.errors import InvalidInput
from rules.faults import Fault
from rules.words import Channel

PARTS = ("subject", "body_text", "body_html", "body_mjml")


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be saved: `parts` of its own language and `translations` by locale, MJML made HTML in each."""

    key: str
    channel: Channel
    locale: str
    parts: Mapping[str, Any]
    translations: Mapping[str, Mapping[str, Any]]

    @property
    def version(self) -> Version:
        """Give it as what is written for people."""
        document = {"key": self.key, "version": None, "channel": self.channel, "locale": self.locale}
        return templates.version_of({**document, "translations": self.translations, **self.parts})


def drafted(
    *,
    key: str,
    channel: str,
    subject: str | None = None,
    body_text: str | None = None,
    body_html: str | None = None,
    body_mjml: str | None = None,
    data: Mapping[str, Any] | None = None,
    locale: str = "vi",
    translations: Mapping[str, Mapping[str, Any]] | None = None,
) -> Draft:
    """Read what somebody writes.

    `translations` holds subject, body_text, body_html, body_mjml and data by locale. Raises InvalidInput for an unknown
    channel, a key that cannot be one, and MJML that cannot be made HTML, in every language at once.
    """
    key = composed("key", key)
    if channel not in set(Channel):
        raise InvalidInput(f"There is no channel {channel!r}.", remedy=f"Use one of {', '.join(Channel)}.")
    own = {"subject": subject, "body_text": body_text, "body_html": body_html, "body_mjml": body_mjml}
    said: dict[str, dict[str, Any]] = {locale: {**own, "data": data or {}}}
    for tag, one in (translations or {}).items():
        said.setdefault(tag, {**dict.fromkeys(PARTS), **one, "data": one.get("data") or {}})
    written: dict[str, dict[str, Any]] = {}
    refused: list[InvalidInput] = []
    for tag, one in said.items():
        is_own = tag == locale
        try:
            written[tag] = _with_html(
                key if is_own else f"{key} in {tag}", one, "" if is_own else f"translations.{tag}."
            )
        except InvalidInput as error:
            refused.append(error)
    templates.refuse_together(refused)
    return Draft(key, Channel(channel), locale, written.pop(locale), written)


def _with_html(name: str, said: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Compile MJML where it is given: its HTML is what is sent."""
    if said["body_mjml"] is None:
        return dict(said)
    html = templates.compiled(name, said["body_mjml"], place)
    if said["body_html"] not in (None, html):
        fault = Fault("template.mjml_and_html", f"{place}body_html", {"name": name})
        raise InvalidInput(fault.say().en, remedy="Give one of them: MJML is made HTML here.", fault=fault)
    return {**said, "body_html": html}
