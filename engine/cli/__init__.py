"""The command line `leo`: turns arguments into calls of the engine, and errors into one sentence and an exit code.

Exit codes: 0 done; 1 it failed or something is wrong; 2 the call or a setting is wrong; 130 ended by Ctrl-C.
"""

import sys
from collections.abc import Sequence

ENDED = 130


def main() -> None:
    """Run `leo` with the process's arguments and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; Ctrl-C ends it silently, from the first moment on."""
    try:
        # Loading takes most of a command's first second, so it is inside the block too.
        from engine.cli.call import call  # noqa: PLC0415

        return call(arguments)
    except KeyboardInterrupt:
        return ENDED
