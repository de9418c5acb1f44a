"""Documents of an answer are read one by one: what is read of them is what the whole answer says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ingest import unread
from engine.ingest.unread import Unread

# With NUL and with halves of characters, which a JSON text can say by an escape.
TEXTS = st.text(st.characters() | st.sampled_from("\x00\ud800\udc00e\u0301"), max_size=8)
# ArangoDB has no whole numbers beyond 64 bits.
NUMBERS = st.integers(-(2**63), 2**64 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def answer(items: list[Any], **other: Any) -> bytes:
    return json.dumps({"hasMore": False, **other, "result": items, "code": 201}).encode()


def storable(value: Any) -> Any:
    """Say it anew, in a text that PostgreSQL could store."""
    return json.loads(json.dumps(unread.mended(value).value, ensure_ascii=False).encode())


@given(st.lists(JSON, max_size=5))
def test_each_item_is_what_the_whole_answer_has_there(items: list[Any]) -> None:
    body = answer(items, extra={"stats": {}})
    opened = unread.open_answer(body)
    assert [unread.read(one).value for one in opened["result"]] == [
        storable(item) for item in json.loads(body)["result"]
    ]
    assert (opened["hasMore"], opened["extra"], opened["code"]) == (False, {"stats": {}}, 201)


@given(st.dictionaries(st.sampled_from(["_key", "_rev", "name"]), JSON))
def test_a_head_is_that_of_the_document_whole(document: dict[str, Any]) -> None:
    (one,) = unread.open_answer(answer([document]))["result"]
    head, whole = unread.head(one), unread.read(one).value
    assert [unread.mended(part).value for part in (head.key, head.rev)] == [whole.get("_key"), whole.get("_rev")]


@pytest.mark.parametrize("document", [b"null", b"[]", b"7", b'"text"', b'"\\ud800"'])
def test_what_is_no_document_has_an_empty_head(document: bytes) -> None:
    assert unread.head(Unread(document)) == unread.Head()


@pytest.mark.parametrize(
    "said", [{"version": "3.12.4"}, {"result": {"name": "shop"}}, {"result": None}, [1, {"a": 2}], 7]
)
def test_what_lists_nothing_is_read_whole(said: Any) -> None:
    assert unread.open_answer(json.dumps(said).encode()) == said


def test_an_answer_that_was_cut_off_anywhere_is_none() -> None:
    body = answer([{"_key": "a", "name": "Nguyễn"}, {"_key": "b"}])
    for cut in range(len(body)):
        with pytest.raises(ValueError, match=r"."):
            unread.open_answer(body[:cut])


def test_texts_that_lost_something_are_counted() -> None:
    (one,) = unread.open_answer(answer([{"a\x00": "b\ud800", "c": ["whole", "\x00\x00"], "d": 1}]))["result"]
    mended = unread.read(one)
    assert mended.value == {"a": "b", "c": ["whole", ""], "d": 1}
    assert mended.texts == 3
