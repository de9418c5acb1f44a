"""Signed tokens with a character changed."""

from collections.abc import Iterator


def flipped(token: str) -> Iterator[str]:
    """The token with one character changed, at every place in turn."""
    for place, letter in enumerate(token):
        yield token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :]
