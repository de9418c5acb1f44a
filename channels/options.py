"""Reading a channel's settings: plain values in, checked values out; every mistake is named with its remedy."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from channels.contract import Secret
from rules.errors import Misconfigured
from rules.words import Channel


class Options:
    """The settings of one channel; `finish`, after the last read, refuses names that nobody asked for."""

    def __init__(self, channel: Channel, settings: Mapping[str, Any]) -> None:
        self._channel = channel
        self._settings = settings
        self._known: set[str] = set()

    def text(self, name: str, default: str | None = None) -> str:
        """Take a non-empty text without control characters; required if `default` is None."""
        value = self._take(name, default)
        if not isinstance(value, str) or not value or any(ord(letter) < ord(" ") for letter in value):
            raise self._wrong(name, "a text without line breaks")
        return value

    def required(self, name: str) -> Any:
        """Take a value of any type, for a reader of its own."""
        return self._take(name, None)

    def optional_text(self, name: str) -> str | None:
        self._known.add(name)
        return None if self._settings.get(name) is None else self.text(name)

    def secret(self, name: str) -> Secret:
        """Take a required credential."""
        return Secret(self.text(name))

    def optional_secret(self, name: str) -> Secret | None:
        value = self.optional_text(name)
        return None if value is None else Secret(value)

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self._wrong(name, f"a number from {least:g} to {most:g}")
        return value

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self.number(name, default, least=least, most=most)
        if value != int(value):
            raise self._wrong(name, f"a whole number from {least} to {most}")
        return int(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def choice(self, name: str, default: str, *, among: Sequence[str]) -> str:
        value = self.text(name, default)
        if value not in among:
            raise self._wrong(name, f"one of {', '.join(among)}")
        return value

    def finish(self) -> None:
        """Raise Misconfigured for an unknown setting, suggesting the closest known one."""
        for name in self._settings:
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"It knows {', '.join(sorted(self._known))}."
                raise Misconfigured(f"The channel {self._channel} has no setting {name!r}.", remedy=hint)

    def _take(self, name: str, default: Any) -> Any:
        self._known.add(name)
        value = self._settings.get(name)
        value = default if value is None else value
        if value is None:
            raise Misconfigured(
                f"The channel {self._channel} lacks its setting {name}.",
                remedy=f"Give {name} when connecting the channel.",
            )
        return value

    def _wrong(self, name: str, wanted: str) -> Misconfigured:
        return Misconfigured(
            f"The setting {name} of the channel {self._channel} is wrong.", remedy=f"It must be {wanted}."
        )
