"""Asking the broker and Celery's workers whether they work. Only stacks with Celery import it.

Celery swaps its own module while it is imported, which two threads at once do not survive: it is
imported here, once.
"""

from __future__ import annotations

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

PING_SECONDS = 1.0


def ask_broker(url: str, seconds: float) -> str:
    """Ping the broker; returns what is wrong with it, or nothing."""
    try:
        with Redis.from_url(url, socket_timeout=seconds) as client:
            return "" if client.ping() else "no answer to PING"
    except RedisError as error:
        return str(error)


def ask_worker(url: str, worker: str) -> str:
    """Ask a worker itself, through the broker, whether it takes tasks."""
    with Celery(broker=url, set_as_current=False) as app:
        try:
            answers = app.control.ping(destination=[worker], timeout=PING_SECONDS, limit=1)
        except OperationalError as error:
            return str(error)
    return "" if answers else "does not answer"
