"""Every error says what happened and what to do, under a code of its own."""

from collections.abc import Iterator

import pytest

from rules.errors import Conflict, InProgress, LeoError, SnapshotImmutable, TooMany, Unavailable


def _tree(root: type[LeoError]) -> Iterator[type[LeoError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _tree(kind)


OURS = [kind for kind in _tree(LeoError) if kind.__module__ == "rules.errors"]


def test_each_code_is_one_kind() -> None:
    assert len({kind.code for kind in OURS}) == len(OURS)


@pytest.mark.parametrize("kind", OURS)
def test_an_error_is_told_in_full(kind: type[LeoError]) -> None:
    error = kind("Profile 7 is not known.", remedy="Send it first.")
    assert str(error) == "Profile 7 is not known. Send it first."
    assert (error.message, error.remedy) == ("Profile 7 is not known.", "Send it first.")


def test_only_what_may_pass_is_worth_another_try() -> None:
    assert {kind for kind in OURS if kind.retryable} == {InProgress, TooMany, Unavailable}
    assert issubclass(InProgress, Conflict)
    assert issubclass(SnapshotImmutable, Conflict)
