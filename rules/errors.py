"""The one tree of errors. Each says what happened, to which record, and what to do.

LeoError
  InvalidInput        the caller sent something wrong          422
  Misconfigured       a setting or a server is set up wrong    500
  Unauthorized        nobody we know                           401
  Forbidden           known, but may not                       403
  NotFound            no such record                           404
  Conflict            the record's state forbids it            409
    InProgress        the same request is being worked on
    Changed           it is not what the caller saw            412
    SnapshotImmutable a snapshot or its members would change
  TooMany             asked more often than allowed            429
  Unavailable         a server cannot be used now; try again   503
"""

from collections.abc import Sequence
from typing import ClassVar

from rules.faults import Fault


class LeoError(Exception):
    """What happened (`message`) and what to do about it (`remedy`), one sentence each.

    `fault` is the same problem as a kind that can be put into other languages, if there is one; `more` are further
    faults in the same input.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, remedy: str, fault: Fault | None = None, more: Sequence[Fault] = ()) -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy
        self.fault = fault
        self.more = tuple(more)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is wrong, as far as it has a kind."""
        return self.more if self.fault is None else (self.fault, *self.more)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class InvalidInput(LeoError):
    """Something the caller sent is wrong; sending it again unchanged will fail again."""

    code = "invalid_input"


class Misconfigured(LeoError):
    """A setting, a role or a server is set up wrong."""

    code = "misconfigured"


class Unauthorized(LeoError):
    """No key, or one that we do not know."""

    code = "unauthorized"


class Forbidden(LeoError):
    """A known caller who may not do this."""

    code = "forbidden"


class NotFound(LeoError):
    """There is no such record inside this tenant."""

    code = "not_found"


class Conflict(LeoError):
    """The record's present state does not allow the operation."""

    code = "conflict"


class InProgress(Conflict):
    """The same request is already being worked on."""

    code = "in_progress"
    retryable = True


class Changed(Conflict):
    """The record is no longer what the caller saw; somebody else saved it in between."""

    code = "changed"


class SnapshotImmutable(Conflict):
    """The operation would change a snapshot or its members."""

    code = "snapshot_immutable"


class TooMany(LeoError):
    """The caller asked more often than allowed and may ask again after `wait_s` seconds."""

    code = "too_many"
    retryable = True

    def __init__(self, message: str, *, remedy: str, wait_s: float = 1.0) -> None:
        super().__init__(message, remedy=remedy)
        self.wait_s = wait_s


class Unavailable(LeoError):
    """A server that is needed cannot be used at the moment."""

    code = "unavailable"
    retryable = True


def cause(error: Exception) -> str:
    """Give the system's words for why a file could not be used, without the error number and the path."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
