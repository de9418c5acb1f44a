"""What is read of a document is what can be stored: composed text, clean addresses, each mistake with its person."""

import math
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import intake
from rules.errors import InvalidInput

_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=12,
)


def _decomposed(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFD", value)
    if isinstance(value, dict):
        return {_decomposed(key): _decomposed(item) for key, item in value.items()}
    return [_decomposed(item) for item in value] if isinstance(value, list) else value


def _addresses(*given_: dict[str, Any]) -> list[dict[str, Any]]:
    return intake.read([{"ext_id": "kh-1", "addresses": list(given_)}]).addresses


@given(st.dictionaries(_TEXT, _JSON, max_size=4), _TEXT)
def test_a_decomposed_document_is_the_same_document(attributes: dict[str, Any], name: str) -> None:
    document = {"ext_id": "kh-1", "name": f"Mai {name}", "attributes": attributes}
    whole = intake.read([{**document, "attributes": _composed(attributes)}])
    assert intake.read([_decomposed(document)]) == whole
    (row,) = whole.profiles
    assert unicodedata.is_normalized("NFC", row["name"])


def _composed(value: Any) -> Any:
    """Take the way through NFD too: of two keys that are one when composed, the later counts."""
    decomposed = _decomposed(value)
    if isinstance(decomposed, str):
        return unicodedata.normalize("NFC", decomposed)
    if isinstance(decomposed, dict):
        return {_composed(key): _composed(item) for key, item in decomposed.items()}
    return [_composed(item) for item in decomposed] if isinstance(decomposed, list) else decomposed


def test_an_ext_id_stays_as_it_was_sent() -> None:
    """Callers look for people, and relations lead to them, by the very characters."""
    ext_id = unicodedata.normalize("NFD", "khách-1")
    relation = {"kind": "KNOWS", "key": ext_id}
    read = intake.read([{"ext_id": ext_id, "relations": [relation, {"kind": "BOUGHT", "key": ext_id}]}])
    assert read.profiles[0]["ext_id"] == ext_id
    assert [one["key"] for one in read.relations] == [ext_id, "khách-1"]


def test_two_spellings_of_one_address_are_one_and_the_first_counts() -> None:
    (row,) = _addresses(
        {"channel": "zalo_template", "value": "0912 345 678"}, {"channel": "zalo_template", "value": "+84912345678"}
    )
    assert (row["value"], row["valid"], row["is_stated"]) == ("+84912345678", True, False)


def test_of_two_spellings_the_first_that_says_whether_it_is_valid_counts() -> None:
    (row,) = _addresses(
        {"channel": "email", "value": "mai@KHACH.example"},
        {"channel": "email", "value": "mai@khach.example", "valid": False, "reason": "bounced"},
        {"channel": "email", "value": " mai@khach.example", "valid": True},
    )
    assert (row["value"], row["valid"], row["reason"]) == ("mai@khach.example", False, "bounced")


def test_what_cannot_be_written_to_is_invalid_whatever_is_said_of_it() -> None:
    (row,) = _addresses({"channel": "zalo_template", "value": " 028 3822 2222 ", "valid": True})
    assert (row["value"], row["valid"], row["reason"]) == ("028 3822 2222", False, "It is a landline number.")


@pytest.mark.parametrize(
    "document",
    [
        {"attributes": {"a": [{"b": "\x00"}]}},
        {"attributes": {"a": "\ud800"}},
        {"attributes": {"\udfff": 1}},
        {"attributes": {"a": math.nan}},
        {"attributes": {"a": [math.inf]}},
        {"attributes": {"a": {1, 2}}},
        {"name": "\ud800"},
        {"name": ""},
        # The last character is two when it is composed.
        {"name": "q" * 2047 + "\u0344"},
        {"addresses": [{"channel": ["email"], "value": "x"}]},
        {"addresses": ["mai@khach.example"]},
        {"addresses": [{"channel": "email", "value": "\u200b"}]},
        {"addresses": [{"channel": "email", "value": 7}]},
        {"addresses": [{"channel": "email", "value": "x", "valid": "no"}]},
        {"ext_id": "\ud800"},
    ],
)
def test_what_the_database_would_refuse_is_refused_before(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="Profile"):
        intake.read([{"ext_id": "kh-1", **document}])


def test_a_document_that_nests_without_end_is_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInput, match="attributes"):
        intake.read([{"ext_id": "kh-1", "attributes": {"a": deep}}])
