"""Callback plugin: writes down each task of a run, and ends the run like a power cut after a chosen one.

ASGIWAY_CRASH_RECORD  a file that gets one JSON line when a task starts, and one when it is finished
ASGIWAY_CRASH_AFTER   NAME#N: kill this run when the N-th task of that name is finished, before the next one starts

Ansible loads it from ANSIBLE_CALLBACK_PLUGINS, and by ANSIBLE_CALLBACKS_ENABLED=crash_point.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

RELEASE = re.compile(r"\b[0-9a-f]{12}\b")  # other in each run

DOCUMENTATION = """
name: crash_point
type: aggregate
short_description: Record the tasks of a run, and kill it after one of them
description: For tests of what a killed run leaves behind.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """See above."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "crash_point"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Read what to do."""
        super().__init__(*arguments, **options)
        self._record = Path(os.environ["ASGIWAY_CRASH_RECORD"])
        self._after = os.environ.get("ASGIWAY_CRASH_AFTER", "")
        self._seen: Counter[str] = Counter()
        self._now: dict[str, Any] = {}

    def _write(self, event: str) -> None:
        with self._record.open("a") as file:
            file.write(json.dumps({"event": event, **self._now}) + "\n")

    def _finish(self) -> None:
        """The task before is finished; nothing runs at this moment."""
        if not self._now:
            return
        self._write("end")
        if self._now["key"] == self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        self._now = {}

    def _start(self, task: Any) -> None:
        self._finish()
        name = RELEASE.sub("ID", task.get_name().removeprefix("asgiway.django."))
        self._seen[name] += 1
        key = f"{name}#{self._seen[name]}"
        self._now = {"key": key, "number": self._seen.total(), "changed": False, "skipped": True, "failed": False}
        self._write("start")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task begins, so the one before it is over."""
        self._start(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """A handler is a task like any other."""
        self._start(task)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """An include only reads a file on the controller."""
        self._now["skipped"] = True

    def v2_runner_on_ok(self, result: Any) -> None:
        """Remember whether it changed the host."""
        if self._now:
            self._now["skipped"] = False
            self._now["changed"] = self._now["changed"] or bool(result.result.get("changed"))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A failed task may have changed the host."""
        if self._now:
            self._now.update(skipped=False, failed=True)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The last task is over, too."""
        self._finish()
