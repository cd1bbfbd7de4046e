"""Kill the controller at every step of a deploy: one whole release answers all the time, and the next run heals all.

A boundary is the moment between two tasks. A task that reports no change and is none of QUIET leaves the host as the
task before it left it, so the boundary after it is the one before it, and is not tried again; --every tries it too.
What is killed is the whole run: ansible-playbook, its workers and their ssh. What runs on the host goes on, as it
does when a laptop is closed or a CI job is cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from crashing import Crasher, changed_code

pytestmark = pytest.mark.timeout(1800)
# change the host, or wait for it, and report no change
QUIET = (
    "Take the lock",
    "Ask the new release whether it is good",
    "See a new connection land on it",
    "Wait until nobody is connected to release",
    "Give the lock back",
)
CORE = (
    "release : Unpack the source, among what belongs beside it#1",
    "app_server : Install the release's processes#1",
    "app_server : Start the release's processes, now and at boot#1",
    "release : Publish the static files, and point live at the release#1",
    "app_server : Stop the release's processes, now and at boot#1",
)


def boundaries(tasks: list[dict[str, Any]], every: bool) -> list[str]:
    """Return after which of the recorded tasks a run is killed."""
    keys = [task["key"] for task in tasks]
    if every:
        return keys
    quiet = [re.sub(r"^\w+ : ", "", key).startswith(QUIET) for key in keys]
    return [task["key"] for task, loud in zip(tasks, quiet, strict=True) if task["changed"] or loud]


@pytest.mark.core
@pytest.mark.timeout(3 * 3600)
def test_a_deploy_killed_after_any_task_is_healed_by_the_next(
    crasher: Crasher, unharmed: Callable[[], None], request: pytest.FixtureRequest, subtests: pytest.Subtests
) -> None:
    site = crasher.site
    option = request.config.getoption
    if option("boundary"):
        chosen = option("boundary")
    elif option("core"):
        chosen = list(CORE)
    else:
        chosen = boundaries(crasher.record("deploy", *crasher.words("walk=full")), option("every"))
    # the next run decides for itself what it has to go through
    walk = () if option("core") else ("walk=full",)
    for number, boundary in enumerate(chosen):
        with subtests.test(boundary):
            before = site.health()["release"]
            words = crasher.words(*changed_code(crasher, number))
            crasher.kill_after(boundary, "deploy", *words, *walk)
            try:
                crasher.heal(f"after {boundary}", before, *words)
            finally:
                unharmed()
    with subtests.test("nothing is left to change"):
        assert site.change("deploy", *words).changed == 0


@pytest.mark.parametrize(
    "boundary",
    [
        pytest.param("release : Unpack the source, among what belongs beside it#1", marks=pytest.mark.core),
        "app_server : Install the release's processes#1",
        "app_server : Start the release's processes, now and at boot#1",
        "release : Publish the static files, and point live at the release#1",
    ],
)
def test_a_killed_deploy_is_healed_by_one_of_something_else(
    crasher: Crasher, unharmed: Callable[[], None], boundary: str
) -> None:
    """Nobody comes back to what was begun: it must not stay for ever."""
    before = crasher.site.health()["release"]
    crasher.kill_after(boundary, "deploy", *crasher.words())
    crasher.heal(f"after {boundary}, then something else", before, *crasher.words())
    unharmed()
