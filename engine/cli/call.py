"""One call of `leo`: the command and, if it fails, one sentence with its remedy and an exit code."""

import errno
import logging
import os
import sys
from collections.abc import Sequence

from engine.cli.app import build
from rules.errors import InvalidInput, LeoError, Misconfigured

# What the file system may report about a file that was opened long before, without its name.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# A remedy of the engine names the API's operation; whoever types has a command for it. The longer beginnings first.
COMMANDS = {
    "GET /policies/{key}/versions lists": "leo policy show KEY --version N shows",
    "GET /policies lists": "leo policy list lists",
    "GET /campaigns lists": "leo campaigns list lists",
    "GET /segments lists": "leo segments list lists",
    "GET /templates lists": "leo templates list lists",
    "GET /channels lists": "leo channels list lists",
    "GET /decisions lists": "leo decisions show lists",
    "GET /duplicates lists": "leo identity list lists",
    "GET /tasks lists": "leo task list lists",
    "POST /profiles": "leo import, leo sync, or POST /profiles",
}
OTHER_PLACE = "Make room or give yourself the right to it, or name another place; LEO_HOME is one too."


def call(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; an error of ours is printed on stderr, without a traceback."""
    # Before a library configures logging in its own way: python-arango logs to the root logger.
    logging.basicConfig(format="%(message)s")
    try:
        build(arguments)(list(arguments), prog_name="leo")
    except LeoError as error:
        sys.stderr.write(f"leo: {error.message}\n     {_typed(error.remedy)}\n")
        return 2 if isinstance(error, InvalidInput | Misconfigured) else 1
    except OSError as error:
        if error.filename is None and error.errno not in NO_ROOM:
            raise
        where = error.filename if error.filename is not None else "A file"
        sys.stderr.write(f"leo: {where} cannot be used: {os.strerror(error.errno or 0)}.\n     {OTHER_PLACE}\n")
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _typed(remedy: str) -> str:
    for operation, command in COMMANDS.items():
        remedy = remedy.replace(operation, command)
    return remedy
