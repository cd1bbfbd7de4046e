"""Put tasks into the queue, as a view would."""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser

from queueing.celery import app
from queueing.record import record


class Command(BaseCommand):
    """manage.py ask TASK KEY [--seconds N] [--every N]: once, or again and again until there is a file KEY-enough."""

    help = "Ask for tasks"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("task")
        parser.add_argument("key")
        parser.add_argument("--seconds", type=float)
        parser.add_argument("--every", type=float, default=0)

    def handle(
        self, *args: object, task: str, key: str, seconds: float | None, every: float, **options: object
    ) -> None:
        enough = Path(os.environ["ASGIWAY_STATE_DIR"]) / f"{key}-enough"
        number = 0
        while not enough.exists():
            name = f"{key}-{number}" if every else key
            app.send_task(f"queueing.celery.{task}", [name] if seconds is None else [name, seconds])
            record("asked", key=name)
            if not every:
                return
            number += 1
            time.sleep(every)
        enough.unlink()
