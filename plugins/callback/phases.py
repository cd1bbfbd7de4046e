"""Callback plugin: at the end of a run, say how long each of its phases took."""

from __future__ import annotations

DOCUMENTATION = r"""
name: phases
type: aggregate
short_description: Say how long each phase of a run took, and load what every task needs
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - A phase is what a playbook imports or includes in its own task list, by the name that it has there. Handlers count
    for the phase that they run in, and what stands between phases for none.
  - Seconds are those on the clock, of all hosts together, for these work side by side.
  - It is there from the start, in the process that each task's is forked from, so it loads the kit's filters there.
requirements:
  - C(callbacks_enabled = asgiway.django.phases) in C(ansible.cfg), as the kit's own has it.
"""

import time
from collections.abc import Iterator
from typing import Any

from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

LEAST = 0.1  # seconds of a phase that is worth a line


def above(task: Any) -> Iterator[Any]:
    """Yield what a task stands in, from its block to the outermost."""
    parent = getattr(task, "_parent", None)
    while parent is not None:
        yield parent
        parent = getattr(parent, "_parent", None)


def phase_of(task: Any) -> str:
    """Return the name of the outermost import or include around a task, or that it is; '' where there is none."""
    around = [task, *above(task)] if isinstance(task, TaskInclude) else [*above(task)]
    names = [str(one.name) for one in around if isinstance(one, TaskInclude) and one.name]
    return names[-1] if names else ""


def table(seconds: dict[str, float], whole: float) -> list[str]:
    """Return the lines to print: phases in their order, and all of it."""
    rows = [(name, spent) for name, spent in seconds.items() if name and spent >= LEAST]
    return [f"{spent:7.1f} s  {name}" for name, spent in rows] + [f"{whole:7.1f} s  altogether"]


def load() -> None:
    """Load filters and tests once for all tasks, which run in processes forked from this one.

    Each would load them anew otherwise, and compile the kit's, for Ansible keeps no bytecode of a collection: 0.12 s of
    two dozen tasks of a deploy (2 cores, ansible-core 2.19).
    """
    filter_loader.get("asgiway.django.retired")
    test_loader.get("ansible.builtin.match")


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """See above."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "asgiway.django.phases"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Start the clock."""
        super().__init__(*arguments, **options)
        self._start = self._since = time.monotonic()
        load()
        self._phase = ""
        self._seconds: dict[str, float] = {}

    def _turn(self, phase: str) -> None:
        """What has passed since the last turn belongs to the phase before."""
        now = time.monotonic()
        self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task of this phase, or of the next one."""
        self._turn(phase_of(task))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The last task is over."""
        self._turn("")
        if any(self._seconds.get(phase, 0.0) >= LEAST for phase in self._seconds if phase):
            self._display.banner("PHASES")
            for line in table(self._seconds, time.monotonic() - self._start):
                self._display.display(line)
