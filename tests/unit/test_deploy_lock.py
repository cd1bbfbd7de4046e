"""The lock: one holder, whole or not there at all, and taken over only from the dead."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.action import deploy_lock as action
from ansible_collections.asgiway.django.plugins.modules import deploy_lock

RunModule = Callable[..., dict[str, Any]]

ALICE = {
    "who": "root",
    "host": "ctl",
    "machine": "m1",
    "boot": "b1",
    "pid_space": "pid:[1]",
    "pid": "123",
    "start": "4711",
    "command": "./asgiway deploy -e server=daphne",
    "since": "2026-05-04T12:00:01+00:00",
}
BOB = {**ALICE, "who": "bob", "pid": "124"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop"


@pytest.fixture
def lock(run_module: RunModule, path: Path) -> RunModule:
    def run(info: dict[str, str], **options: Any) -> dict[str, Any]:
        return run_module(deploy_lock.main, path=str(path), info=info, **options)

    return run


def holder(path: Path) -> str:
    who: str = json.loads((path / "info.json").read_text())["who"]
    return who


def test_it_is_taken_and_given_back_without_a_trace(lock: RunModule, path: Path) -> None:
    taken = lock(ALICE)
    assert (taken["changed"], taken["held"], taken["holder"], holder(path)) == (False, False, {}, "root")
    released = lock(ALICE, state="absent")
    assert (released["changed"], released["released"]) == (False, True)
    assert list(path.parent.iterdir()) == []
    assert lock(ALICE, state="absent")["released"] is False


@contextlib.contextmanager
def working(path: Path) -> Iterator[None]:
    """A command that a killed run left working."""
    with path.with_name("shop.busy").open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        yield


def test_what_a_killed_run_left_working_is_waited_for(lock: RunModule, path: Path) -> None:
    ended: list[bool] = []
    with contextlib.ExitStack() as work:
        work.enter_context(working(path))
        work.callback(ended.append, True)  # it ends after this
        ender = threading.Timer(0.3, work.close)
        ender.start()
        assert not lock(ALICE).get("failed")
        assert ended
        ender.join()


def test_the_wait_for_it_is_bounded_and_gives_the_lock_back(lock: RunModule, path: Path) -> None:
    with working(path):
        result = lock(ALICE, busy_seconds=0)
    assert "still works on this host after 0 s" in result["msg"]
    assert f"fuser -v {path}.busy" in result["msg"]
    assert not path.exists()


def test_the_same_run_may_take_it_twice(lock: RunModule) -> None:
    lock(ALICE)
    assert not lock(ALICE).get("failed")


def test_another_run_is_told_who_holds_it(lock: RunModule, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    lock(ALICE)
    monkeypatch.setattr(deploy_lock.time, "time", lambda: now + 185)
    refused = lock(BOB)
    assert refused["failed"]
    assert refused["msg"] == (
        "shop is being deployed by root@ctl (pid 123) since 12:00:01 (3 min): ./asgiway deploy -e server=daphne; "
        "if that run is dead: ./asgiway unlock -e app_name=shop"
    )
    assert refused["holder"]["who"] == "root"
    assert holder(path) == "root"


@pytest.mark.parametrize("change", [{"pid": "124"}, {"start": "4712"}, {"host": "other"}, {"boot": "b2"}])
def test_only_the_holder_gives_it_back(lock: RunModule, path: Path, change: dict[str, str]) -> None:
    lock(ALICE)
    result = lock({**ALICE, **change}, state="absent")
    assert (result.get("failed"), result["released"], result["held"]) == (None, False, True)
    assert holder(path) == "root"


def test_force_removes_it_whoever_holds_it(lock: RunModule, path: Path) -> None:
    lock(ALICE)
    assert lock(BOB, state="absent", force=True)["released"]
    assert not path.exists()


def test_a_takeover_needs_the_holder_that_was_judged(lock: RunModule, path: Path) -> None:
    lock(ALICE)
    assert lock(BOB, force=True, expect={**ALICE, "pid": "99"})["failed"]
    assert holder(path) == "root"
    assert not lock(BOB, force=True, expect=ALICE).get("failed")
    assert holder(path) == "bob"


def test_a_crash_between_two_steps_leaves_no_lock(lock: RunModule, path: Path) -> None:
    path.mkdir()
    draft = path.with_name(f".{path.name}.0badcafe")
    draft.mkdir()
    (draft / "info.json").write_text("{")
    assert not lock(ALICE).get("failed")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_lock_that_cannot_be_read_holds(lock: RunModule, path: Path, content: str) -> None:
    path.mkdir()
    (path / "info.json").write_text(content)
    assert "shop is being deployed by somebody; if that run is dead" in lock(ALICE)["msg"]
    assert lock(ALICE, state="absent", force=True)["released"]


def test_of_two_at_once_one_wins(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are held up right after they looked, so that without the guard both would have seen a free lock."""
    both_looked = threading.Barrier(2)
    look = deploy_lock.holder_of

    def look_and_wait(path: Path) -> dict[str, Any] | None:
        found: dict[str, Any] | None = look(path)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_looked.wait(0.5)
        return found

    monkeypatch.setattr(deploy_lock, "holder_of", look_and_wait)
    held: list[bool] = []

    def run(number: int) -> None:
        params = {"info": {**ALICE, "pid": str(number)}, "state": "present", "force": False, "expect": None}
        held.append(deploy_lock.change(params, path)["held"])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held) == [False, True]


def test_check_mode_takes_nothing(run_module: RunModule, path: Path) -> None:
    assert not run_module(deploy_lock.main, _check=True, path=str(path), info=ALICE).get("failed")
    assert not path.exists()


def test_a_missing_parent(run_module: RunModule, tmp_path: Path) -> None:
    path = str(tmp_path / "far" / "gone" / "shop")
    assert "gone cannot be used: No such file" in run_module(deploy_lock.main, path=path)["msg"]
    assert run_module(deploy_lock.main, path=path, state="absent")["released"] is False


def test_the_directory_of_the_locks_is_made_and_is_its_makers_alone(run_module: RunModule, tmp_path: Path) -> None:
    path = tmp_path / "asgiway" / "shop"
    assert not run_module(deploy_lock.main, path=str(path), info=ALICE).get("failed")
    assert holder(path) == "root"
    assert path.parent.stat().st_mode & 0o022 == 0


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(
    ("prepared", "said"),
    [
        ("link", "is no directory"),
        ("open", r"is open for others to write \(1777\)"),
        ("foreign", "belongs to the user"),
    ],
)
def test_a_directory_that_somebody_else_prepared_is_refused(
    run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: str, said: str, state: str
) -> None:
    """A stranger's link would have root write where it leads; a stranger's directory would keep every deploy out."""
    parent = tmp_path / "asgiway"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if prepared == "link":
        parent.symlink_to(elsewhere)
    else:
        parent.mkdir()
    if prepared == "open":
        parent.chmod(0o1777)
    if prepared == "foreign":
        monkeypatch.setattr(deploy_lock.os, "geteuid", lambda: os.getuid() + 1)
    result = run_module(deploy_lock.main, path=str(parent / "shop"), info=ALICE, state=state)
    assert re.search(f"{parent} {said}.*Only root may write there.*ls -ld {parent}", result["msg"])
    assert list(elsewhere.iterdir()) == []
    assert not (parent / "shop").exists()


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59, "59 s"), (185, "3 min"), (7300, "2 h"), (200000, "2 d")]
)
def test_age(seconds: float, said: str) -> None:
    assert deploy_lock.age(seconds) == said


# the controller's side


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that lives until it is told otherwise."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    if process.poll() is None:
        process.communicate(b"\n")


def test_a_living_run_is_not_dead(child: subprocess.Popen[bytes]) -> None:
    us = action.this_run()
    assert us["pid"] == str(os.getpid())
    assert us["start"]
    assert not action.is_dead({**us, "pid": str(child.pid), "start": action.start_of(child.pid)}, us)


def test_a_run_that_ended_is_dead(child: subprocess.Popen[bytes]) -> None:
    us = action.this_run()
    dead = {**us, "pid": str(child.pid), "start": action.start_of(child.pid)}
    child.communicate(b"\n")
    assert action.is_dead(dead, us)


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({"start": "1"}, True),  # the process id was used again
        ({"boot": "before"}, True),  # the controller was started anew
        ({"pid": "4194305", "host": "other"}, False),
        ({"pid": "4194305", "machine": "other"}, False),
        ({"pid": "4194305", "pid_space": "pid:[7]"}, False),  # another container
        ({"pid": ""}, False),
    ],
)
def test_who_counts_as_dead(change: dict[str, str], dead: bool) -> None:
    us = action.this_run()
    assert action.is_dead({**us, **change}, us) is dead


def test_the_main_process_is_named_in_a_fork() -> None:
    code = (
        "import multiprocessing as m, os\n"
        "from ansible_collections.asgiway.django.plugins.action import deploy_lock as a\n"
        "q = m.get_context('fork').SimpleQueue()\n"
        "p = m.get_context('fork').Process(target=lambda: q.put(a.main_pid())); p.start(); p.join()\n"
        "assert q.get() == os.getpid()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (
            ["/x/.venv/bin/ansible-playbook", "/x/playbooks/deploy.yml", "-e", "server=daphne"],
            "./asgiway deploy -e server=daphne",
        ),
        (
            ["ansible-playbook", "deploy.yml", "-e", "db_password=hunter2 server=x"],
            "ansible-playbook deploy.yml -e db_password=... server=x",
        ),
        (["ansible-playbook", "p.yml", "--extra-vars=key=v"], "ansible-playbook p.yml --extra-vars=key=..."),
        (["ansible-playbook", "p.yml", "-e", '{"a": "b"}'], "ansible-playbook p.yml -e ..."),
        (["ansible-playbook", "p.yml", "-e", "@vars.yml"], "ansible-playbook p.yml -e @vars.yml"),
    ],
)
def test_the_command_is_shown_without_secrets(argv: list[str], shown: str) -> None:
    assert action.command_of(argv) == shown


class Fake(action.ActionModule):
    """The action plugin over a module that gives the answers it is told to."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []
        self._task = type("Task", (), {"args": {"path": "/run/asgiway/shop"}})

    def _execute_module(self, **options: Any) -> dict[str, Any]:
        self.asked.append(options["module_args"])
        return self.answers[len(self.asked) - 1]


@pytest.fixture
def no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action.ActionBase, "run", lambda *_: {})


@pytest.mark.usefixtures("no_base")
def test_a_dead_holder_is_taken_over_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(action.display, "warning", said.append)
    dead = {**action.this_run(), "start": "1"}
    plugin = Fake([{"failed": True, "held": True, "holder": dead}, {"changed": False, "held": False}])
    result = plugin.run()
    assert result["taken_over"]
    assert plugin.asked[1]["force"] is True
    assert plugin.asked[1]["expect"] == dead
    assert "was taken over: that run is dead" in said[0]


@pytest.mark.usefixtures("no_base")
def test_a_living_holder_is_left_alone() -> None:
    plugin = Fake([{"failed": True, "held": True, "holder": action.this_run(), "msg": "shop is being deployed"}])
    assert plugin.run()["failed"]
    assert len(plugin.asked) == 1
