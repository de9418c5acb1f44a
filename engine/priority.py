"""Giving way to other processes of the host, including in PostgreSQL, which does most of the work.

Each session of PostgreSQL is a process of its own, which has the server's priority whoever works through it. If it runs
on this host and we are allowed to, the session of a process that gives way is lowered too.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

from psycopg import AsyncConnection

_PROCESSES = Path("/proc")


def step_back(connection: AsyncConnection[object], nice: int) -> bool:
    """Lower the priority of the connection's own session by this much, if it is a process of this host; gives whether.

    A server behind a tunnel has process ids of its own, so only a process whose title names our end of the connection
    is believed.
    """
    process_id = connection.info.backend_pid
    with suppress(OSError, ValueError, IndexError):
        title = (_PROCESSES / str(process_id) / "cmdline").read_bytes().decode(errors="replace")
        if title.startswith("postgres:") and f"({_own_port(connection)})" in title:
            os.setpriority(os.PRIO_PROCESS, process_id, os.getpriority(os.PRIO_PROCESS, process_id) + nice)
            return True
    return False


def _own_port(connection: AsyncConnection[object]) -> int:
    """Give the port of our end; raises ValueError or IndexError if it is not a TCP connection."""
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        return int(ours.getsockname()[1])
