"""Celery's side: one task, its settings, and putting tasks into the queue."""

from collections.abc import Callable

from celery import Celery

TASK = "send"
QUEUE = "compare"
# Celery's own worker processes would cost a fork and 60 MB each; for waiting on answers threads are faster.
THREADS = 32
# Celery's default is an hour, which is how long the task of a dead worker would wait for the next one.
VISIBILITY_S = 5


def app(broker_url: str, *, is_late: bool) -> Celery:
    """Give the application; `is_late` acknowledges a task when it has ended, not when it begins (acks_late)."""
    made = Celery(QUEUE, broker=broker_url)
    made.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=is_late,
        task_reject_on_worker_lost=is_late,
        broker_transport_options={"visibility_timeout": VISIBILITY_S},
        broker_connection_retry_on_startup=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
    )
    return made


def enqueue(broker_url: str, people: int, *, is_late: bool) -> None:
    """Put one task per person, 1 to `people`, into an empty queue."""
    client = app(broker_url, is_late=is_late)
    with client.connection_for_write() as connection, client.amqp.Producer(connection) as producer:
        for person in range(1, people + 1):
            client.send_task(TASK, args=[person], producer=producer)


def serve(broker_url: str, send: Callable[[int], None], *, is_late: bool) -> None:
    """Work through the queue until the process is stopped."""
    server = app(broker_url, is_late=is_late)
    server.task(name=TASK)(send)
    options = ["--pool", "threads", "--concurrency", str(THREADS), "--loglevel", "warning"]
    server.worker_main(["worker", *options, "--without-gossip", "--without-mingle", "--without-heartbeat"])
