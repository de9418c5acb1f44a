"""A template says what it needs, is refused early when it cannot work, and never does more than it may."""

import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.templates import Bodies, certain, check, cleaned, render, variables
from rules.errors import InvalidInput

CONTEXT = {
    "profile": {
        "name": "Ánh <3",
        "city": "Huế",
        "empty": None,
        "products": [{"name": "Áo & quần", "price": "199.000đ"}, {"name": "Mũ", "price": "99.000đ"}],
    },
    "campaign": {"name": "Thu sang"},
    "event": {"kind": "cart"},
    "unsubscribe_url": "https://leo.example/u/t?a=1&b=2",
}


def bodies(text: str | None = None, *, subject: str | None = None, markup: str | None = None) -> Bodies:
    return Bodies(name="welcome", subject=subject, text=text, html=markup)


def test_html_is_escaped_and_text_is_not() -> None:
    rendered = render(
        bodies(
            "Chào {{ profile.name }}",
            subject="{{ profile.name }}: {{ campaign.name }}",
            markup="<b>{{ profile.name }}</b><a href='{{ unsubscribe_url }}'>x</a>",
        ),
        CONTEXT,
    )
    assert rendered.subject == "Ánh <3: Thu sang"
    assert rendered.text == "Chào Ánh <3"
    assert rendered.html == "<b>Ánh &lt;3</b><a href='https://leo.example/u/t?a=1&amp;b=2'>x</a>"


CERTAIN = {
    "Chào {{ profile.name }}": {"profile.name"},
    "{{ profile.name | upcase | append: '!' }}": {"profile.name"},
    "{{ profile.a.b[0].c }} {{ event.attributes['order id'] }}": {"profile.a.b", "event.attributes.order id"},
    "{{ profile.name | default: 'bạn' }}": set(),
    "{{ profile.points | plus: 1 }}": set(),
    "{% if profile.tier %}{{ profile.tier }}{% endif %}": set(),
    "{% for item in profile.products %}{{ item.name }}{% endfor %}": set(),
    "{% assign city = profile.city %}{{ city }}": set(),
    "{% assign profile = event %}{{ profile.city }}": set(),
    "{{ unsubscribe_url }} {{ 'a' }}": set(),
}


@pytest.mark.parametrize(("source", "names"), CERTAIN.items())
def test_what_a_template_cannot_be_written_without_is_known_before_it_is_written(source: str, names: set[str]) -> None:
    assert certain(bodies(source)) == certain(bodies("x", subject=source)) == certain(bodies(markup=source)) == names
    if names:
        with pytest.raises(InvalidInput):
            render(bodies(source), {"profile": {}, "event": {"attributes": {}}, "unsubscribe_url": "x"})


def test_a_list_is_written_out() -> None:
    source = "{% for item in profile.products %}- {{ item.name }}: {{ item.price | upcase }}\n{% endfor %}"
    assert render(bodies(source), CONTEXT).text == "- Áo & quần: 199.000Đ\n- Mũ: 99.000Đ\n"


@given(st.text())
def test_nothing_a_person_wrote_becomes_markup_or_a_second_line(name: str) -> None:
    rendered = render(
        bodies(subject="Chào {{ profile.name }}", markup="<p>{{ profile.name }}</p>"), {"profile": {"name": name}}
    )
    assert rendered.subject is not None
    assert rendered.html is not None
    assert len(rendered.subject.splitlines()) == 1
    inside = rendered.html.removeprefix("<p>").removesuffix("</p>")
    assert not set(inside) & set("<>\"'")
    assert html.unescape(inside) == html.unescape(html.escape(cleaned(name)))


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("{{ profile.phone }}", "profile.phone"),
        ("{{ profile.name.first }}", "profile.name.first"),
        ("{{ profile.phone | upcase }}", "profile.phone"),
        ("{% for x in profile.phones %}{% endfor %}", "profile.phones"),
        ("{{ 'số ' | append: profile.phone }}", "profile.phone"),
        ("{{ order }}", "order"),
    ],
)
def test_a_missing_value_is_named_with_the_template_and_what_to_do(source: str, missing: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        render(bodies(source), CONTEXT)
    assert caught.value.message == f"The template welcome needs {missing}, which is missing."
    assert f"{{{{ {missing} | default: '...' }}}}" in caught.value.remedy


def test_a_template_may_ask_whether_a_value_is_there() -> None:
    source = "{% if profile.phone %}Gọi{% else %}Viết{% endif %} cho {{ profile.nick | default: 'bạn' }}"
    assert render(bodies(source), CONTEXT).text == "Viết cho bạn"


def test_a_template_says_what_it_reads_from_outside() -> None:
    source = bodies(
        "{% assign city = profile.city %}{{ city }}{% for p in profile.products %}{{ p.name }}{% endfor %}",
        subject="{{ campaign.name }} {{ profile.products[0].name }}",
        markup="{% if event.kind == 'cart' %}{{ unsubscribe_url }}{% endif %}{{ profile[event.field] }}",
    )
    assert variables(source) == {
        *("profile.city", "profile.products", "campaign.name", "event.kind", "unsubscribe_url"),
        *("event.field", "profile"),
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ customer.name }}", "uses customer.name, which nobody fills"),
        ("{{ profile }}", "uses profile, which nobody fills. Name one of its fields"),
        ("{{ profile.name", "no valid Liquid"),
        ("{% if profile.name %}", "no valid Liquid"),
        ("{{ profile.name | shout }}", "there is no filter shout"),
        ("{{ profile.name | safe }}", "there is no filter safe"),
        ("{% include 'secrets' %}", "unexpected tag 'include'"),
        ("{% render 'secrets' %}", "unexpected tag 'render'"),
        ("x" * 300_000, "longer than 262144 characters"),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_it_is_made(source: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check(bodies(source))


def test_names_that_are_known_can_be_narrowed() -> None:
    known = {"profile.name", "profile.products"}
    assert check(bodies("{{ profile.name }} {{ unsubscribe_url }} {{ profile.products.size }}"), known)
    with pytest.raises(
        InvalidInput, match=r"Use one of preferences_url, profile\.name, profile\.products, unsubscribe_url"
    ):
        check(bodies("{{ profile.nmae }}"), known)


def test_a_template_without_a_body_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no body"):
        check(bodies(subject="Chào"))


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..100000000) %}x{% endfor %}",
        "{% for i in (1..2000) %}{% for j in (1..2000) %}x{% endfor %}{% endfor %}",
        "{% tablerow i in (1..100000000) %}x{% endtablerow %}",
        "{{ (1..100000000) | join: ',' }}",
        "{{ (1..100000000) | reverse }}",
        "{% assign a = 'xxxxxxxxxxxxxxxx' %}{% for i in (1..60) %}{% assign a = a | append: a %}{% endfor %}",
        "{% assign n = 9999999999 %}{% for i in (1..1900) %}{% assign n = n | times: n %}{% endfor %}{{ n }}",
        "{% capture a %}{% for i in (1..1900) %}xxxxxxxxxx{% endfor %}{% endcapture %}{{ a | replace: 'x', a }}",
        "{% for i in (1..2000) %}" + "y" * 1000 + "{% endfor %}",
    ],
)
def test_no_template_can_take_the_machine(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(InvalidInput, match="too much"):
        render(bodies(source), CONTEXT)
    assert time.perf_counter() - started < 1.0


@given(st.text(alphabet="{}%|. profilenamecityassign='1:,[]()<>&", max_size=40))
def test_any_source_is_either_good_or_invalid_input(source: str) -> None:
    template = bodies(f"{{{{ {source} }}}}")
    remedy = "none is needed"
    try:
        check(template)
        render(template, CONTEXT)
    except InvalidInput as error:
        remedy = error.remedy
    assert remedy
