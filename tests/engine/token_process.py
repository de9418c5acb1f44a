"""Many workers' hands on one token, as processes of their own that begin at the same time: a line each says what came.

`python -m tests.engine.token_process 8`; the processes are forked from one that has imported everything, because eight
imports take longer than the race.
"""

import asyncio
import os
import sys
from uuid import UUID

from channels.egress import ANYWHERE
from engine import embedded, tokens
from engine.credentials import Vault
from engine.db import Database
from engine.settings import Settings


async def race(gate: int) -> str:
    settings = Settings.load()
    vault = Vault(embedded.load_secrets(settings).credential_key)
    tenant_id, channel_id = UUID(os.environ["TENANT"]), int(os.environ["CHANNEL"])
    assert settings.database_url is not None
    async with Database.open(settings.database_url.get_secret_value(), settings) as db:
        async with db.transaction(tenant_id):
            pass  # connected, as a worker is
        await asyncio.to_thread(os.read, gate, 1)
        return str(await tokens.renew(db, vault, tenant_id=tenant_id, channel_id=channel_id, egress=ANYWHERE))


def main(count: int) -> None:
    opened, closed = os.pipe()
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os.close(closed)
            os.write(1, f"{asyncio.run(race(opened))}\n".encode())
            os._exit(0)
        children.append(child)
    sys.stdin.readline()
    os.close(closed)  # everybody reads the end at once
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
