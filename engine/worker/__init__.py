"""The worker: `python -m engine.worker --lane realtime|bulk`, as many as you like of each, on any host.

Jobs come through Redis (engine/lanes.py); a sweeper finds in PostgreSQL what nobody rang for. Only ids pass through
Redis, so emptying it loses nothing, and a job that runs twice finds its work taken.
"""
