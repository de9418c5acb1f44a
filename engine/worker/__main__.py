"""`python -m engine.worker --lane realtime|bulk`; exit code 0 when asked to end, 1: a server is away, 2: a setting."""

import argparse
import asyncio
import os
import sys

from engine import embedded, lanes, lines, tracing
from engine.settings import Settings
from engine.worker.run import run
from rules.errors import LeoError, Misconfigured
from rules.words import Lane

UNAVAILABLE, USAGE = 1, 2


def main() -> int:
    """Work on one lane until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m engine.worker", description="Decide and send for one lane.")
    parser.add_argument("--lane", type=Lane, choices=list(Lane), required=True, help="realtime or bulk")
    lane: Lane = parser.parse_args().lane
    try:
        settings = Settings.load()
        lines.configure(settings.log_level, settings.log_format)
        servers = embedded.ensure(settings)
        os.nice(lanes.PACES[lane].nice)
        with tracing.opened(settings, f"worker-{lane}"):
            asyncio.run(run(settings, database_url=servers.database_url, redis_url=servers.redis_url, lane=lane))
    except LeoError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE if isinstance(error, Misconfigured) else UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
