"""Writing the files of an export: complete and flushed to disk, or not there at all.

They are written next to the named directory, and take its name at the end.
"""

import gzip
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path
from typing import Any

from engine.archive.manifest import FILES, NAME
from rules.errors import InvalidInput


class _Writer(RawIOBase):
    """A new file, readable only by its owner, that keeps the hash and size of what was written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._digest = hashlib.sha256()
        self._bytes = 0
        self.lines = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Write all of it; gzip does not check how much was written."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        self._digest.update(data)
        self._bytes += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            try:
                os.fsync(self._file)
            finally:
                os.close(self._file)
        super().close()

    def described(self) -> dict[str, Any]:
        return {"sha256": self._digest.hexdigest(), "bytes": self._bytes, "lines": self.lines}


@dataclass(slots=True)
class Files:
    """The files of an export; what `opened` gives adds a line to one of them."""

    directory: Path
    _open: dict[str, gzip.GzipFile] = field(default_factory=dict)
    _writers: dict[str, _Writer] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[Callable[[str, str], None]]:
        with ExitStack() as stack:
            for name in FILES:
                writer = self._writers[name] = stack.enter_context(_Writer(self.directory / name))
                # Without a timestamp, so that the same rows give the same bytes.
                file = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=writer, mtime=0)
                self._open[name] = stack.enter_context(file)
            yield self._put

    def _put(self, name: str, line: str) -> None:
        self._open[name].write(line.encode() + b"\n")
        self._writers[name].lines += 1

    def described(self) -> dict[str, dict[str, Any]]:
        return {name: writer.described() for name, writer in self._writers.items()}


@contextmanager
def becoming(directory: Path) -> Iterator[Path]:
    """Give a directory that takes its name once it is complete; an incomplete one is removed.

    Raises InvalidInput if something is already there, or it cannot be written.
    """
    with _told(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        if directory.exists() and next(directory.iterdir(), None) is not None:
            raise InvalidInput(f"{directory} is not empty.", remedy="Give each export a directory of its own.")
        with _beside(directory) as part:
            yield part
            _settle(part)
            part.replace(directory)
        _settle(directory.parent)


@contextmanager
def instead(directory: Path) -> Iterator[Path]:
    """Give a directory that replaces an export once it is complete; the old files are then removed.

    Raises InvalidInput if the directory contains more than an export, because that would be lost too, or if it cannot
    be written.
    """
    with _told(directory):
        others = {path.name for path in directory.iterdir()} - {*FILES, NAME}
        if others:
            raise InvalidInput(
                f"{directory} holds more than an export: {min(others)}.", remedy="Put what is not of it elsewhere."
            )
        with _beside(directory) as part:
            yield part
            _settle(part)
            # Killed between the two renames, both are next to the name and whole: the old one with this suffix.
            old = part.with_name(f"{part.name}.old")
            directory.rename(old)
            try:
                part.rename(directory)
            except OSError:
                old.rename(directory)
                raise
        _settle(directory.parent)
        shutil.rmtree(old)


@contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    part = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{directory} cannot be written: {error.strerror}.", remedy="Name another one.") from error


def _settle(directory: Path) -> None:
    """Wait until the names in a directory are on disk."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
