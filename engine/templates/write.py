"""Rendering one person's message: language, label, unsubscribe text, plain text beside HTML, the channel's limits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from channels import content
from channels.content import Advertising
from channels.markup import as_text
from engine.templates.filters import KEY, Reader
from engine.templates.liquid import render
from engine.templates.version import Version
from rules.errors import InvalidInput
from rules.faults import Fault
from rules.words import Channel

# A person's value may be part of a link; browsers ignore white space in it, so letters may be separated by some.
HARMFUL = re.compile(
    r"""=\s*["']?\s*(?:{})\s*:""".format("|".join(r"\s*".join(word) for word in ("javascript", "vbscript"))),
    re.IGNORECASE,
)
REFUSAL = {
    True: "Bạn có quyền từ chối mọi quảng cáo của chúng tôi. Từ chối nhận tin tại đây:",
    False: "You may refuse all our advertising. To refuse, go to:",
}
LINK = {True: "Từ chối nhận quảng cáo", False: "Refuse advertising"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A message as it would be sent; `label` and `refusal` are what was added because the law demands it."""

    locale: str
    subject: str | None
    text: str | None
    html: str | None
    data: Mapping[str, Any]
    label: str | None = None
    refusal: bool = False

    @property
    def parts(self) -> dict[str, str | None]:
        return {"subject": self.subject, "text": self.text, "html": self.html}


def write(
    version: Version, context: Mapping[str, Any], *, reader: Reader, unsubscribe_url: str, is_advertising: bool
) -> Written:
    """Render the message; raises InvalidInput for missing values, a text that is too long, or nothing to send."""
    written = draft(version, context, reader=reader, unsubscribe_url=unsubscribe_url, is_advertising=is_advertising)
    for problem in problems(version, written):
        raise InvalidInput(
            f"The message of the template {version.name} cannot be sent: {problem.say().en}",
            remedy="Correct the template or the value it uses.",
            fault=problem,
        )
    return written


def draft(
    version: Version, context: Mapping[str, Any], *, reader: Reader, unsubscribe_url: str, is_advertising: bool
) -> Written:
    """Render the message without judging it; raises InvalidInput if it cannot be filled in."""
    locale = version.pick(reader.locale)
    read = replace(reader, locale=locale)
    rendered = render(version.bodies[locale], {**context, "unsubscribe_url": unsubscribe_url, KEY: read})
    known = content.of(version.channel)
    written = Written(
        locale=locale,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        data=known.sent(rendered.data),
    )
    if is_advertising and known.advertising is not None:
        written = _as_advertising(written, known.advertising, unsubscribe_url, is_vietnamese=read.is_vietnamese)
    if version.channel is Channel.EMAIL and written.text is None and written.html is not None:
        written = replace(written, text=as_text(written.html))
    return written


def problems(version: Version, written: Written) -> list[Fault]:
    """Say why it may not be sent, each with its place in the template's document."""
    bodies = version.bodies[written.locale]
    return [replace(one, where=f"{bodies.place}{one.where}".removesuffix(".")) for one in _problems(version, written)]


def _problems(version: Version, written: Written) -> Iterator[Fault]:
    bodies = version.bodies[written.locale]
    yield from content.of(version.channel).problems(written.parts, {**bodies.data, **written.data})
    if not any((part or "").strip() for part in (written.text, written.html)) and not written.data:
        yield Fault("content.empty", "body_text")
    if written.html is not None and HARMFUL.search(written.html):
        yield Fault("content.harmful", "body_html")


def _as_advertising(written: Written, law: Advertising, url: str, *, is_vietnamese: bool) -> Written:
    """Add the label before the subject and the refusal after the bodies, unless the template has them itself."""
    if written.subject is not None and not law.is_labelled(written.subject):
        written = replace(written, subject=f"{law.label} {written.subject}", label=law.label)
    if not law.refusal:
        return written
    text, html = written.text, written.html
    if text is not None and url not in text:
        text = f"{text.rstrip()}\n\n{REFUSAL[is_vietnamese]}\n{url}\n"
    if html is not None and escape(url) not in html and url not in html:
        html = _ended(html, url, is_vietnamese=is_vietnamese)
    return replace(written, text=text, html=html, refusal=(text, html) != (written.text, written.html))


def _ended(html: str, url: str, *, is_vietnamese: bool) -> str:
    """Put the refusal at the visible end: before the closing tag of the body, if there is one."""
    sentence, link = REFUSAL[is_vietnamese].rpartition(".")[0], LINK[is_vietnamese]
    note = f'<p style="font-size:12px;color:#666">{sentence}. <a href="{escape(url)}">{link}</a></p>'
    place = html.lower().rfind("</body>")
    return f"{html}{note}" if place < 0 else f"{html[:place]}{note}{html[place:]}"
