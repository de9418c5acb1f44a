"""Waiting for a query, and no longer: cancelled by the server when its time is over, then its session ended.

A query can lift its own time-out, so the end comes from outside, from another session; the time-out of the session is
there for the case that this process dies.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from engine.db import Database
from engine.explorer import record
from engine.explorer.limits import Limits
from rules.errors import InvalidInput
from rules.faults import Fault

T = TypeVar("T")


class TimedOut(InvalidInput):
    """It took too long, or somebody stopped it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched: one query of a tenant."""

    db: Database
    tenant_id: UUID
    query_id: int
    limits: Limits

    async def over(self, work: Coroutine[Any, Any, T]) -> T:
        """Give what `work` gives; raises TimedOut where it was ended, InvalidInput where the server refused it."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=self.limits.time_s)
            for ending in (False, True):
                if task.done():
                    break
                await self._tell(ending=ending)
                await asyncio.wait({task}, timeout=self.limits.grace_s)
            if not task.done():
                raise self._timed_out()
            return task.result()
        except psycopg.errors.QueryCanceled as error:
            raise self._timed_out() from error
        except (psycopg.errors.AdminShutdown, psycopg.OperationalError) as error:
            raise _refused(error) if _is_too_large(error) else self._timed_out() from error
        except psycopg.Error as error:
            raise _refused(error) from error
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, psycopg.Error):
                    await task

    async def _tell(self, *, ending: bool) -> None:
        for db in (self.db, self.db.replica):
            if db is not None:
                async with db.transaction(self.tenant_id) as connection:
                    await record.told_to_end(connection, self.query_id, ending=ending)

    def _timed_out(self) -> TimedOut:
        fault = Fault("query.timed_out", "query", {"seconds": f"{self.limits.time_s:g}"})
        remedy = "Ask for less: begin at one person or key, take fewer hops, or put a LIMIT into a WITH."
        return TimedOut(fault.say().en, remedy=remedy, fault=fault)


def _is_too_large(error: psycopg.Error) -> bool:
    """Whether the server ran out of what a reader may have of it: memory, or room to sort in."""
    return isinstance(error, psycopg.errors.OutOfMemory | psycopg.errors.ConfigurationLimitExceeded)


def _refused(error: psycopg.Error) -> InvalidInput:
    if _is_too_large(error):
        fault = Fault("query.too_much_memory", "query")
        return InvalidInput(fault.say().en, remedy="Ask for less at once.", fault=fault)
    fault = Fault("query.server_refuses", "query", {"said": error.diag.message_primary or type(error).__name__})
    return InvalidInput(fault.say().en, remedy="Correct it; docs/explorer.md has examples.", fault=fault)
