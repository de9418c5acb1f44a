"""Stepping back for other processes of the host, also where PostgreSQL does the work.

Each session of PostgreSQL is a process of its own, with the priority of the server whoever works through it. Where it
runs on this host and we may, the session of a process that steps back does so too.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

from psycopg import AsyncConnection

_PROCESSES = Path("/proc")


def step_back(connection: AsyncConnection[object], nice: int) -> bool:
    """Lower the priority of the connection's own session by so much, if it is a process of this host; gives whether.

    A server behind a tunnel has process ids of its own: only a process that says it serves our end of the connection is
    believed.
    """
    process_id = connection.info.backend_pid
    with suppress(OSError, ValueError, IndexError):
        title = (_PROCESSES / str(process_id) / "cmdline").read_bytes().decode(errors="replace")
        if title.startswith("postgres:") and f"({_own_port(connection)})" in title:
            os.setpriority(os.PRIO_PROCESS, process_id, os.getpriority(os.PRIO_PROCESS, process_id) + nice)
            return True
    return False


def _own_port(connection: AsyncConnection[object]) -> int:
    """Give the port of our end; raises ValueError or IndexError where it is no TCP connection."""
    with socket.socket(fileno=os.dup(connection.fileno())) as ours:
        return int(ours.getsockname()[1])
