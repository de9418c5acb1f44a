"""Reading an instant given on the command line."""

from datetime import datetime

import typer


def instant(text: str) -> datetime:
    """Read ISO 8601 with a zone; raises typer.BadParameter."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no instant such as 2026-05-01T09:00+07:00.") from error
    if read.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone: write 2026-05-01T09:00+07:00 or ...Z.")
    return read
