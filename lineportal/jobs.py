"""How a job is handed to the workers: in the caller's transaction, and once while it waits."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued


def defer(task: str, *, lock: str, queueing_lock: str, **arguments: Any) -> None:
    """Have a worker run the task; one that waits already under the same name will do."""
    try:
        with transaction.atomic():  # a savepoint: a job that waits already is no failure
            app.configure_task(task, lock=lock, queueing_lock=queueing_lock).defer(**arguments)
    except AlreadyEnqueued:
        pass
