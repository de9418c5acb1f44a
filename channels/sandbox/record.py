"""What the sandbox received: each message as a JSON line in a file, written before the sender gets an answer."""

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Record:
    """All messages in a file, the last `keep` in memory, and counts of repeated ones."""

    def __init__(self, path: Path | None, *, keep: int) -> None:
        self._file = None if path is None else os.open(path, FLAGS, 0o600)
        self._last: deque[dict[str, Any]] = deque(maxlen=keep)
        self._html: deque[tuple[int, Callable[[], str | None]]] = deque(maxlen=keep)
        self._seen: set[int] = set()
        self._messages: Counter[str] = Counter()
        self._repeated: Counter[str] = Counter()
        self._number = 0

    def add(
        self,
        *,
        event_id: str | None,
        channel: str,
        address: str,
        subject: str | None,
        text: str,
        html: Callable[[], str | None] = lambda: None,
        buttons: Sequence[Mapping[str, str]] = (),
    ) -> int:
        """Write one message down and give its number; it is one write call, so a kill leaves no half line.

        `html` gives the markup of a mail when somebody looks at it, which is rare. `buttons` are in a template's form.
        """
        self._number += 1
        line: dict[str, Any] = {
            "number": self._number,
            "event_id": event_id,
            "channel": channel,
            "address": address,
            "subject": subject,
            "text": text,
            "at": time.time(),
        }
        if buttons:
            line["buttons"] = list(buttons)
        if self._file is not None:
            os.write(self._file, json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self._last.append(line)
        self._html.append((self._number, html))
        self._messages[channel] += 1
        self._count_repeats(event_id, channel)
        return self._number

    def last(self, limit: int) -> list[dict[str, Any]]:
        """Give the newest messages, the oldest of them first."""
        return list(self._last)[-limit:] if limit > 0 else []

    def newest(self) -> Iterable[dict[str, Any]]:
        """Give what is in memory, the newest first."""
        yield from reversed(self._last)

    def html_of(self, number: int) -> str | None:
        """Give the markup of a message that is still in memory; None if it has none."""
        place = number - self._html[0][0] if self._html else -1
        return self._html[place][1]() if 0 <= place < len(self._html) else None

    def stats(self) -> dict[str, Any]:
        return {
            "messages": dict(self._messages),
            "event_ids": len(self._seen),
            "repeated": dict(self._repeated),
        }

    def clear(self) -> None:
        """Forget what is in memory; the file stays."""
        self._last.clear()
        self._html.clear()
        self._seen.clear()
        self._messages.clear()
        self._repeated.clear()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def _count_repeats(self, event_id: str | None, channel: str) -> None:
        """Count by 64 bits of the id: among a million, two different ids collide once in 40 million runs."""
        if event_id is None:
            return
        try:
            key = int(event_id[:16], 16)
        except ValueError:
            key = hash(event_id)
        if key in self._seen:
            self._repeated[channel] += 1
        self._seen.add(key)
