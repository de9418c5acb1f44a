"""Unsubscribe links: only what we signed is believed, whatever is changed in it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.unsubscribe import Links, Request
from rules.errors import Unauthorized
from rules.words import Channel

LINKS = Links("a secret", "https://shop.example/")
ID = st.integers(1, 2**48 - 1)
REQUESTS = st.builds(Request, st.uuids(), ID, st.sampled_from(Channel), st.none() | ID)


@given(REQUESTS)
def test_a_link_says_who_asks(request: Request) -> None:
    url = LINKS.url(request)
    assert url.startswith("https://shop.example/unsubscribe/")
    assert LINKS.verify(url.rpartition("/")[2]) == request


@given(REQUESTS, st.data())
def test_a_link_that_was_changed_is_refused(request: Request, data: st.DataObject) -> None:
    token = LINKS.sign(request)
    place = data.draw(st.integers(0, len(token) - 2))  # the last letter may carry bits that mean nothing
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_").filter(lambda other: other != token[place]))
    with pytest.raises(Unauthorized):
        LINKS.verify(token[:place] + letter + token[place + 1 :])


@given(st.text(max_size=120))
def test_what_is_no_link_is_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        LINKS.verify(token)


def test_another_installation_does_not_believe_it() -> None:
    token = LINKS.sign(Request(UUID(int=1), 1, Channel.EMAIL))
    with pytest.raises(Unauthorized, match="not valid"):
        Links("another secret", "https://shop.example").verify(token)
