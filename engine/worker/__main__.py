"""`python -m engine.worker --lane realtime|bulk|cron`; exit code 0: asked to end, 1: a server is away, 2: a setting."""

import argparse
import asyncio
import os
import signal
import sys

from engine import embedded, lanes, lines, tracing
from engine.settings import Settings
from engine.worker import cron
from engine.worker.ending import Stop, end_in_time, leave
from engine.worker.run import run
from rules.errors import LeoError, Misconfigured
from rules.words import Lane

UNAVAILABLE, USAGE = 1, 2


def main() -> int:
    """Work on one lane until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m engine.worker", description="Work on one lane, or schedule.")
    lanes_known = [*Lane, cron.LANE]
    parser.add_argument("--lane", choices=lanes_known, required=True, help="realtime or bulk; cron only schedules")
    lane: str = parser.parse_args().lane
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        settings = Settings.load()
        lines.configure(settings.log_level, settings.log_format)
        servers = embedded.ensure(settings)
        stop = Stop()
        end_in_time(stop)
        where = {"database_url": servers.database_url, "redis_url": servers.redis_url}
        with tracing.opened(settings, f"worker-{lane}"):
            if lane == cron.LANE:
                asyncio.run(cron.run(settings, **where, stop=stop))
                return 0
            os.nice(lanes.PACES[Lane(lane)].nice)
            asyncio.run(run(settings, **where, lane=Lane(lane), stop=stop))
    except LeoError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE if isinstance(error, Misconfigured) else UNAVAILABLE
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    leave(main())
