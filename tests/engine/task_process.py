"""A worker's hand on tasks as a process that kills itself, as kill -9 would, before or after one of its commits.

`python -m tests.engine.task_process before|after N`; it ends by itself with 0 where it came to its end first.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from engine.db import Database, Transaction
from engine.settings import Settings
from engine.tasks import Desk, work_next
from rules.words import Lane


class Mortal(Database):
    """A database whose Nth transaction is the last thing its process does."""

    moment = ""
    left = 0

    @asynccontextmanager
    async def transaction(
        self, tenant_id: UUID, *, read_only: bool = False, is_repeatable: bool = False
    ) -> AsyncIterator[Transaction]:
        Mortal.left -= 1
        is_last = Mortal.left == 0
        async with super().transaction(tenant_id, read_only=read_only, is_repeatable=is_repeatable) as conn:
            yield conn
            if is_last and self.moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(moment: str, place: int) -> None:
    Mortal.moment, Mortal.left = moment, place
    settings = Settings.load()
    # What tests share takes LEO_* out of the environment.
    from tests.engine.tasking import PLAN, SAVE, START, Scripted  # noqa: PLC0415

    tenant_id = UUID(os.environ["TENANT"])

    async def ring(tenant: UUID, batches: Mapping[Lane, tuple[int, ...]]) -> None:
        del tenant, batches  # the bells of the dead are not heard

    assert settings.database_url is not None
    async with Mortal.open(settings.database_url.get_secret_value(), settings) as db:
        desk = Desk(db, Scripted([[SAVE, PLAN, START]]), ring, owner=f"process {os.getpid()}")
        # An hour later than it is: the leases of those killed before have ended.
        later: Any = datetime.now(UTC) + timedelta(hours=float(os.environ["HOURS"]))
        await work_next(desk, tenant_id=tenant_id, now=later)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
