"""What leaves is in the person's language, labelled as the law asks, within its channel's limits, and harmless."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.templates import Reader, Version, Written, check_version, compiled, version_of, write
from rules.errors import InvalidInput

URL = "https://leo.example/unsubscribe/t?a=1&b=2"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
MJML = """
<mjml><mj-body><mj-section><mj-column>
<mj-text>Chào {{ profile.name }}{% if profile.vip %}, khách quý{% endif %}</mj-text>
<mj-button href="{{ event.url }}">Mua</mj-button>
</mj-column></mj-section></mj-body></mjml>
"""


def version(channel: str = "email", **parts: Any) -> Version:
    row = {"key": "t", "version": 1, "channel": channel, "locale": "vi", "translations": {}, "data": {}}
    subject = {"subject": "Chào {{ profile.name }}"} if channel in {"email", "web_push", "app_push"} else {}
    made = version_of({**row, **subject, **parts})
    check_version(made)
    return made


def leaving(template: Version, *, locale: str = "vi", advertises: bool = False, **profile: Any) -> Written:
    context = {"profile": {"name": "Mai", **profile}, "event": {"url": "https://shop.example/?a=1&b=2"}}
    reader = Reader(locale=locale, now=NOW)
    return write(template, context, reader=reader, unsubscribe_url=URL, is_advertising=advertises)


@pytest.mark.parametrize(
    ("locale", "said"), [("vi", "Chào"), ("vi-VN", "Chào"), ("en", "Hello"), ("en_US", "Hello"), ("fr", "Chào")]
)
def test_the_persons_language_picks_and_the_templates_own_stands_in(locale: str, said: str) -> None:
    both = version(body_text="Chào", translations={"en": {"subject": "Hi", "body_text": "Hello {{ 1000 | number }}"}})
    assert str(leaving(both, locale=locale).text).split()[0] == said


def test_amounts_are_in_the_language_of_the_text_around_them() -> None:
    assert leaving(version(body_text="{{ 1000 | number }}"), locale="fr").text == "1.000"


def test_advertising_mail_is_labelled_and_says_how_to_refuse() -> None:
    written = leaving(version(body_text="Ưu đãi", body_html="<body><p>Ưu đãi</p></body>"), advertises=True)
    assert written.subject == "[QC] Chào Mai"
    assert written.label == "[QC]"
    assert written.refusal
    assert str(written.text).endswith(f"{URL}\n")
    assert re.search(r'<a href="https://leo.example/unsubscribe/t\?a=1&amp;b=2">.*</a></p></body>$', str(written.html))


def test_what_the_template_says_itself_is_not_said_twice() -> None:
    own = version(
        subject="[qc] Chào", body_text="{{ unsubscribe_url }}", body_html="<a href='{{ unsubscribe_url }}'>x</a>"
    )
    written = leaving(own, advertises=True)
    assert (written.subject, written.label, written.refusal) == ("[qc] Chào", None, False)
    assert str(written.text).count(URL) == 1
    assert str(written.html).count("leo.example") == 1


def test_what_is_owed_to_a_person_is_no_advertising() -> None:
    written = leaving(version(body_text="Đơn hàng đã gửi"))
    assert (written.subject, written.label, written.refusal) == ("Chào Mai", None, False)


def test_the_text_of_a_mail_is_made_of_its_html_with_the_refusal_in_it() -> None:
    written = leaving(version(body_html="<p>Chào <b>{{ profile.name }}</b></p>"), advertises=True, name="A & B")
    assert str(written.text).startswith("Chào A & B")
    assert URL in str(written.text)


def test_mjml_becomes_html_with_its_liquid_in_it() -> None:
    written = leaving(version(body_html=compiled("t", MJML)), name="<Mai>", vip=True)
    assert "Chào &lt;Mai&gt;, khách quý" in str(written.html)
    assert 'href="https://shop.example/?a=1&amp;b=2"' in str(written.html)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no mjml", "no valid MJML"),
        ("<mjml>", "no valid MJML"),
        ("<mjml><mj-body><mj-include path='/etc/passwd'/></mj-body></mjml>", "no valid MJML"),
        ("<mjml><mj-body><mj-wat>x</mj-wat></mj-body></mjml>", "uses mj-wat"),
        # Each of these ends the process where it is compiled.
        ("<mjml><mj-body>" + "<mj-wrapper>" * 4000 + "</mj-wrapper>" * 4000 + "</mj-body></mjml>", "too large"),
        ("<mjml><mj-body><mj-raw>" + "<div>" * 30000 + "</mj-raw></mj-body></mjml>", "too large"),
    ],
)
def test_mjml_that_cannot_work_is_refused(source: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        compiled("t", source)


def test_the_deepest_mjml_that_is_taken_is_compiled() -> None:
    wrappers = "<mj-wrapper>" * 398 + "</mj-wrapper>" * 398
    tags = "<mj-raw>" + "<div>" * 2500 + "</div>" * 2500 + "</mj-raw>"
    assert compiled("t", f"<mjml><mj-body>{wrappers}{tags.replace('mj-raw', 'div')}</mj-body></mjml>")


ZNS = {
    "template_id": "7895417a7d3f",
    "template_data": {
        "customer": "{{ profile.name }}",
        "total": "{{ profile.total }}",
        "day": "{{ profile.day | date }}",
    },
    "parameters": [
        {"name": "customer", "type": "STRING", "require": True, "maxLength": 30},
        {"name": "total", "type": "NUMBER", "require": True, "minLength": 1, "maxLength": 20},
        {"name": "day", "type": "DATE", "require": True},
    ],
}
GOOD: Mapping[str, Any] = {"total": 199000, "day": "2027-01-31"}


def test_parameters_of_a_providers_template_are_filled_and_their_declaration_stays_here() -> None:
    written = leaving(version("zalo_template", data=ZNS), **GOOD)
    assert written.data == {
        "template_id": "7895417a7d3f",
        "template_data": {"customer": "Mai", "total": "199000", "day": "31/01/2027"},
    }


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"name": "M" * 31}, "The parameter customer has 31 characters of 30"),
        ({"name": ""}, "The parameter customer is empty"),
        ({"total": "ba trăm"}, "The parameter total is no NUMBER"),
        ({"day": ""}, "a date is needed"),
    ],
)
def test_a_value_that_the_provider_would_refuse_is_refused_here(profile: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        leaving(version("zalo_template", data=ZNS), **{**GOOD, **profile})


@pytest.mark.parametrize(
    ("channel", "parts", "words"),
    [
        ("email", {"subject": None, "body_text": "x"}, "E-mail needs a subject"),
        ("zalo_oa", {"body_html": "<b>x</b>"}, "Zalo OA carries no html"),
        ("zalo_oa", {"subject": "x", "body_text": "x"}, "Zalo OA carries no subject"),
        ("zalo_template", {"body_text": "x"}, "Zalo ZNS needs a template_id"),
        ("zalo_template", {"data": {"template_id": "1", "template_data": []}}, "template_data is no parameters"),
        ("zalo_template", {"data": {**ZNS, "template_data": {"customer": "x"}}}, "parameter day is required"),
        ("zalo_template", {"data": {**ZNS, "template_data": {"odd": "x"}}}, "odd is not one of the provider's"),
        ("zalo_template", {"data": {**ZNS, "parameters": [{"nmae": "x"}]}}, "parameters is no list of parameters"),
        ("telegram", {"body_text": "x", "data": {"protect_content": "yes"}}, "protect_content is no flag"),
        ("email", {"body_html": "<script>alert(1)</script>"}, "No reader runs 'script"),
        ("email", {"body_html": "<p onclick='x()'>x</p>"}, "No reader runs 'onclick="),
        ("email", {"body_text": "x", "translations": {"english!": {"subject": "x", "body_text": "x"}}}, "no language"),
        (
            "email",
            {"body_text": "x", "translations": {"en": {"subject": "x", "body_text": "{{ x }}"}}},
            "in en uses x",
        ),
        ("telegram", {"data": {"reply_markup": {"a": "{{ profile.name"}}, "body_text": "x"}, "no valid Liquid"),
    ],
)
def test_what_a_channel_cannot_carry_is_refused_when_it_is_saved(
    channel: str, parts: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        version(channel, **parts)


@pytest.mark.parametrize(
    ("channel", "most"),
    [("telegram", 4096), ("zalo_oa", 2000), ("facebook", 2000), ("web_push", 3993 - len("Chào Mai".encode()))],
)
def test_a_message_has_at_most_what_its_channel_takes(channel: str, most: int) -> None:
    template = version(channel, body_text="{{ profile.long }}")
    assert leaving(template, long="x" * most)
    with pytest.raises(InvalidInput, match=r"Its message has [\d,]+ \w+ of [\d,]+"):
        leaving(template, long="x" * (most + 1))


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", " javascript :x"]
)
def test_a_link_of_a_person_runs_no_script(link: str) -> None:
    with pytest.raises(InvalidInput, match="would run a script"):
        leaving(version(body_html="<a href='{{ profile.site }}'>x</a>"), site=link)


def test_a_message_that_is_empty_for_somebody_is_not_sent() -> None:
    with pytest.raises(InvalidInput, match="It is empty for this person"):
        leaving(version("telegram", body_text="{% if profile.vip %}Chào{% endif %}"))


class _Tags(HTMLParser):
    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += [tag, *(name for name, _ in attrs)]


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "x" * 100_000, "\N{PILE OF POO}" * 30_000, "\x00\x1b[2J", "\u202egpj.exe", "\u2066\u2067", "\ud800", "مريم",
            "<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{ profile.name }}{% include 'x' %}",
            "]]>", "<!--", "\r\nBcc: all@shop.example", "javascript:alert(1)", "&#106;avascript:alert(1)",
            "=?utf-8?B?eA==?=",
        ]
    ),
)  # fmt: skip
SOURCES = st.sampled_from(
    [
        {"subject": "{{ profile.name }}", "body_text": "{{ profile.name }} {{ profile.site }}"},
        {"body_html": "<p title='{{ profile.name }}'>{{ profile.name }} <a href=\"{{ profile.site }}\">x</a></p>"},
        {"body_html": compiled("t", MJML), "body_text": "{{ profile.name | salutation: profile.site | upcase }}"},
    ]
)


@given(SOURCES, HOSTILE, HOSTILE, st.booleans(), st.sampled_from(["vi", "en", "ar"]))
def test_whatever_a_person_is_called_the_message_is_safe_or_refused(
    parts: dict[str, str],
    name: str,
    site: str,
    advertises: bool,  # noqa: FBT001 - drawn
    locale: str,
) -> None:
    template = version(**parts)
    plain = _Tags(str(leaving(template, name="Mai", site="x", vip=True, advertises=advertises).html))
    written, told = None, "nothing"
    try:
        written = leaving(template, name=name, site=site, vip=True, locale=locale, advertises=advertises)
    except InvalidInput as error:
        told = str(error)
    assert 0 < len(told) < 1000
    if written is None:
        return
    assert _Tags(str(written.html)).tags == plain.tags
    for part in (written.subject, written.text, written.html):
        assert not set(part or "") & set("\x00\x1b\u202e\u2066\u2067\r\ud800")
        (part or "").encode()
    assert len(str(written.subject).splitlines()) == 1
    assert len(str(written.subject).encode()) <= 998
