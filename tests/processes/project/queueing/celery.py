"""A Celery application with tasks that take a while, and a beat that has something to do each second."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

from queueing.record import record

app = Celery("queueing", broker=os.environ["CELERY_BROKER_URL"])
app.conf.worker_prefetch_multiplier = 1
app.conf.broker_connection_retry_on_startup = True
app.conf.beat_schedule = {"beat": {"task": "queueing.celery.beat", "schedule": 1.0}}


@app.task
def slow(key: str, seconds: float) -> None:
    """Take a while."""
    record("begun", key=key)
    time.sleep(seconds)
    record("done", key=key)


@app.task
def held(key: str) -> None:
    """Take until somebody lets it go."""
    record("begun", key=key)
    gate = Path(os.environ["ASGIWAY_STATE_DIR"]) / f"let-{key}-go"
    while not gate.exists():
        time.sleep(0.1)
    gate.unlink()
    record("done", key=key)


@app.task
def beat() -> None:
    """Say that beat asked for it."""
    record("beat")
