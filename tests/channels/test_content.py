"""What each channel carries is data with a source, and every channel that there is has its entry."""

from datetime import date

import pytest

from channels import content
from channels.buttons import is_web
from rules.faults import Fault
from rules.words import Channel


@pytest.mark.parametrize("channel", Channel)
def test_each_limit_names_its_source_and_the_day_it_was_checked(channel: Channel) -> None:
    known = content.of(channel)
    sources = [limit.source for limit in known.limits]
    sources += [known.advertising.source] if known.advertising else []
    for source in sources:
        assert source.url.startswith("https://")
        assert source.checked >= date(2026, 11, 23)
    assert set(known.parts) <= set(content.PARTS)


@pytest.mark.parametrize("channel", Channel)
def test_whatever_is_wrong_with_a_message_can_be_said(channel: Channel) -> None:
    known = content.of(channel)
    named = {*known.parts, *known.needs, *content.PARTS, *(limit.part for limit in known.limits)}
    for fault in (
        Fault(f"medium.{channel}"),
        *(Fault(f"part.{name}") for name in named),
        *(Fault(f"count.{limit.count}") for limit in known.limits),
        *(Fault(f"shape.{field.kind}") for field in known.fields.values() if field.kind != "buttons"),
    ):
        assert all(fault.say())


def test_the_law_labels_mail_alone() -> None:
    assert [channel for channel in Channel if content.of(channel).advertising] == [Channel.EMAIL]


def test_a_message_is_counted_as_a_reader_sees_it() -> None:
    (measure,) = content.of(Channel.TELEGRAM).measures({"subject": "ab", "text": None, "html": "<b>c&amp;d</b>"})
    assert (measure.used, measure.most) == (5, 4096)


def test_only_addresses_of_the_web_are_links() -> None:
    assert all(map(is_web, ["https://shop.example/a?b=c", "http://shop.example"]))
    others = ["javascript:alert(1)", "https://", "https://shop.example/a b", "//shop.example", "https://[", ""]
    assert not any(map(is_web, others))
