"""The command line `leo`: turns words into calls of the engine, and errors into one sentence and an exit code.

Exit codes: 0 done; 1 it failed or something is wrong; 2 the call or a setting is wrong; 130 ended by Ctrl-C.
"""

import sys
from collections.abc import Sequence

from engine.cli.app import build
from rules.errors import InvalidInput, LeoError, Misconfigured


def main() -> None:
    """Run `leo` with the process's arguments and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; an error of ours is told on stderr, without a traceback."""
    try:
        build(arguments)(list(arguments), prog_name="leo")
    except LeoError as error:
        sys.stderr.write(f"leo: {error.message}\n     {error.remedy}\n")
        return 2 if isinstance(error, InvalidInput | Misconfigured) else 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    return 0
