"""The process that sends without LEO: `python -m engine.bench.compare.work celery|celery_late|loop`."""

import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from engine.bench.compare import celery_tasks
from engine.queries import queries

TIMEOUT_S = 30.0
_SQL = queries("bench_compare")


class Sender:
    """What a thread has: a connection to the database and one to the provider."""

    def __init__(self) -> None:
        self.rows = psycopg.connect(os.environ["COMPARE_DATABASE_URL"], autocommit=True, row_factory=dict_row)
        self._provider = httpx.Client(timeout=TIMEOUT_S)

    def send(self, person_id: int) -> None:
        """Read a person, call the provider, record it; a person who is in the log already gets nothing more."""
        before = self.rows.execute(_SQL["sent_before"], {"id": person_id}).fetchone()
        person = self.rows.execute(_SQL["person"], {"id": person_id}).fetchone()
        if person is None or (before is not None and before["is_sent"]):
            return
        answer = self.call(person_id, person)
        self.rows.execute(_SQL["log"], {"id": person_id, "status": str(answer.status_code)})

    def call(self, person_id: int, person: Mapping[str, Any]) -> httpx.Response:
        text = f"Chào {person['name']},\n\nở {person['city']} hôm nay: giảm 20% cho đơn thứ {person['orders']} của bạn."
        return self._provider.post(os.environ["COMPARE_PROVIDER_URL"], json={"chat_id": str(person_id), "text": text})


_of_thread = threading.local()


def send(person_id: int) -> None:
    """Send from this thread."""
    if not hasattr(_of_thread, "sender"):
        _of_thread.sender = Sender()
    _of_thread.sender.send(person_id)


def loop() -> None:
    """Page by page of two, from the start: nothing records where the last run stopped."""
    sender, offset = Sender(), 0
    while page := sender.rows.execute(_SQL["page"], {"offset": offset}).fetchall():
        for person in page:
            sender.call(person["id"], person)
        offset += len(page)


def main() -> None:
    way = sys.argv[1]
    if way == "loop":
        loop()
        return
    celery_tasks.serve(os.environ["COMPARE_BROKER_URL"], send, is_late=way == "celery_late")


if __name__ == "__main__":
    main()
