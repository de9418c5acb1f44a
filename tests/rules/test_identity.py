"""A delivery's id: the same for the same thing, another for anything else."""

import hashlib
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from rules.identity import delivery_event_id
from rules.words import Channel
from tests.rules.strategies import quick, words

ids = st.integers(1, 2**48 - 1)
# Small values meet often, so that near twins are tried and not only strangers.
parts = st.tuples(
    st.sampled_from([UUID(int=1), UUID(int=2)]),
    st.integers(1, 12) | ids,
    st.integers(1, 12) | ids,
    st.sampled_from(Channel),
    st.integers(1, 12),
    words | st.sampled_from(["", "1", "2", '",1', "1,2"]),
)


@quick
@given(st.lists(parts, min_size=2, max_size=12, unique=True))
def test_no_two_deliveries_share_an_id(tuples: list[tuple[Any, ...]]) -> None:
    assert len({delivery_event_id(*one) for one in tuples}) == len(tuples)


@quick
@given(parts)
def test_the_same_delivery_has_the_same_id(one: tuple[Any, ...]) -> None:
    assert delivery_event_id(*one) == delivery_event_id(*one)
    assert len(delivery_event_id(*one)) == 32


def test_an_id_is_the_same_from_release_to_release() -> None:
    written = b'["00000000-0000-0000-0000-000000000001",2,3,"email",4,"snapshot"]'
    made = delivery_event_id(UUID(int=1), 2, 3, Channel.EMAIL, 4, "snapshot")
    assert made == hashlib.sha256(written).digest()
