"""A terminal in which a page's commands are typed: one bash, so that variables, functions and directories stay."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

LONGEST_S = 60
# An answer of 4xx or 5xx is a failure here, as it is to the reader.
_PRELUDE = """
set -o pipefail
curl() { command curl --fail-with-body --max-time 60 "$@"; }
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class Shell:
    """Types one command after the other; each reads `typed` as its standard input and ends in time."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._papers = directory / ".typed"
        self._papers.mkdir(parents=True)
        self._count = 0
        read, write = os.pipe()
        self._codes = os.fdopen(read, "r")
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],  # noqa: S607 - whichever bash there is
            stdin=subprocess.PIPE,
            pass_fds=[write],
            cwd=directory,
            env=dict(environment),
            text=True,
            start_new_session=True,
        )
        os.close(write)
        self._told = write
        self._type(_PRELUDE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        self._bash.wait(timeout=LONGEST_S)
        self._codes.close()

    def run(self, command: str, *, typed: str = "") -> Said:
        self._count += 1
        script = self._papers / f"{self._count:03}"
        given, out, err = (script.with_suffix(suffix) for suffix in (".in", ".out", ".err"))
        script.write_text(command + "\n", encoding="utf-8")
        given.write_text(typed, encoding="utf-8")
        self._type(f"source '{script}' <'{given}' >'{out}' 2>'{err}'; echo $? >&{self._told}\n")
        ready, _, _ = select.select([self._codes], [], [], LONGEST_S)
        if not ready:
            os.killpg(self._bash.pid, signal.SIGKILL)
            raise AssertionError(f"It did not end within {LONGEST_S} s: {command}")
        code = int(self._codes.readline())
        return Said(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def _type(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text)
        self._bash.stdin.flush()
