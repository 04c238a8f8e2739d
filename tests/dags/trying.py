"""What Airflow gives to one try of a task, as far as our operators use it."""

from __future__ import annotations

import uuid


class Store(dict[str, object]):
    """The task's state store; it outlives a try."""

    def set(self, key: str, value: object) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


class TaskInstance:
    """One try."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.stats_tags: dict[str, str] = {}

    def xcom_push(self, key: str, value: object) -> None:
        pass
