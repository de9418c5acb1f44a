"""The ledger's tree and chain: every leaf leads to the root, and nothing else does."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import merkle

A, B = UUID(int=1), UUID(int=2)
leaves = st.lists(st.binary(max_size=20).map(merkle.leaf), min_size=1, max_size=40)


@given(leaves=leaves, data=st.data())
def test_every_leaf_leads_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    assert merkle.climb(leaves[place], merkle.path(leaves, place)) == merkle.root(leaves)


@given(leaves=leaves, data=st.data())
def test_a_leaf_that_was_changed_leads_elsewhere(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = bytearray(leaves[place])
    changed[bit // 8] ^= 1 << bit % 8
    assert merkle.climb(bytes(changed), merkle.path(leaves, place)) != merkle.root(leaves)
    assert merkle.root([*leaves[:place], bytes(changed), *leaves[place + 1 :]]) != merkle.root(leaves)


@given(leaves=leaves)
def test_a_list_with_its_last_leaf_twice_has_another_root(leaves: list[bytes]) -> None:
    assert merkle.root([*leaves, leaves[-1]]) != merkle.root(leaves)


def test_the_root_is_that_of_rfc_6962() -> None:
    # The first three leaves of the test vectors in Certificate Transparency's own merkle_tree tests.
    given_leaves = [merkle.leaf(text) for text in (b"", b"\x00", b"\x10")]
    assert merkle.root(given_leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(given_leaves).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"


def test_a_head_holds_everything_about_its_batch() -> None:
    root = merkle.leaf(b"x")
    about = {"number": 1, "after_id": 0, "last_id": 9, "count": 3}
    heads = {merkle.head(merkle.first_head(A), root, **about), merkle.head(merkle.first_head(B), root, **about)}
    heads |= {merkle.head(merkle.first_head(A), root, **{**about, name: 7}) for name in about}
    assert len(heads) == 2 + len(about)


def test_no_tree_grows_from_nothing() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        merkle.root([])
    with pytest.raises(IndexError):
        merkle.path([merkle.leaf(b"x")], 1)
