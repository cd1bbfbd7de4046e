"""Workers, a beat, schedules and NAME-manage while releases come and go, on a real host."""

from __future__ import annotations

import re
import shlex
import subprocess
import threading
from collections import Counter

import pytest
from deploying import edit, wait_for
from working import CELERY, PROCESSES, Workers

pytestmark = pytest.mark.timeout(2400)  # several deploys each


def running(workers: Workers, what: str) -> dict[int, str]:
    """Return pid -> release of the processes of the app that say `what` on their command line."""
    lines = workers.site.on_host("ps", "-eo", "pid=,user:32=,args=").splitlines()
    rows = [line.split(None, 2) for line in lines if what in line]
    found = [
        (pid, re.search(r"/releases/([0-9a-f]{12})/", args)) for pid, user, args in rows if user == workers.site.app
    ]
    return {int(pid): match[1] for pid, match in found if match}


@pytest.fixture
def live(workers: Workers) -> str:
    """Return the release that is live when a test begins: one with the usual processes, and nothing of another."""
    workers.deploy()
    wait_for("an old worker has ended", lambda: len({*running(workers, CELERY).values()}) == 1, 120)
    release: str = workers.site.health()["release"]
    return release


class Watch:
    """Counts the beats that run on the host, ten times a second."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.seen: list[int] = []
        self.thread = threading.Thread(target=self._look)
        self.stop = f"/tmp/stop-{id(self)}"

    def _look(self) -> None:
        loop = (
            f"until [ -e {self.stop} ]; do pgrep -c -f '[b]in/{CELERY} beat' || :; sleep 0.1; done; rm -f {self.stop}"
        )
        self.seen = [int(word) for word in self.workers.site.on_host("sh", "-c", loop, limit=600).split()]

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.workers.site.on_host("touch", self.stop)
        self.thread.join(30)


class Asking:
    """Asks for a task of 20 s every 3 s, so that some are under way whenever something happens."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        options = ["--seconds=20", "--every=3"]
        self.thread = threading.Thread(target=workers.ask, args=("slow", "often", *options), kwargs={"limit": 900})

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.workers.touch("often-enough")
        self.thread.join(30)


@pytest.mark.core
def test_tasks_finish_and_schedules_run_exactly_once_across_a_deploy(workers: Workers, live: str) -> None:
    workers.ask("held", "held")
    workers.wait("begun", key="held")
    workers.wait("note", limit=2 * workers.period + 30)
    workers.change_code()
    try:
        with Watch(workers) as beats, Asking(workers):
            workers.deploy()
        new = workers.site.health()["release"]
        assert new != live
        # nobody waits for the one that takes very long
        assert workers.lines("done", key="held") == []
        assert "finishes what it has begun" in " ".join(workers.site.change("status").output.split())
        # one beat after the other, and never two
        assert max(beats.seen) == 1
        assert len(running(workers, f"{CELERY} beat")) == 1
        # each due time had one run, of whichever release was live
        workers.wait("note", limit=2 * workers.period + 30, release=new)
        notes = workers.lines("note")
        due = [int(line["at"] // workers.period) for line in notes]
        assert due == [*range(due[0], due[0] + len(due))]
        assert {line["release"] for line in notes} == {live, new}
        assert workers.deploy().changed == 0
    finally:
        workers.touch("let-held-go")
    assert workers.wait("done", key="held")["release"] == live
    asked = {line["key"] for line in workers.lines("asked")}
    wait_for("all are done", lambda: asked <= {line["key"] for line in workers.lines("done")}, 120)
    counted = Counter((line["what"], line["key"]) for what in ("begun", "done") for line in workers.lines(what))
    assert counted == {(what, key): 1 for what in ("begun", "done") for key in asked}
    # the new worker was there while old ones finished theirs
    first = min(line["at"] for line in workers.lines("begun", release=new))
    across = [line for line in workers.lines("done", release=live) if line["at"] > first and line["key"] != "held"]
    assert across
    wait_for("the old worker is gone", lambda: {*running(workers, CELERY).values()} == {new}, 30)


@pytest.mark.core
def test_a_second_deploy_changes_nothing_and_heals_a_worker(workers: Workers, live: str) -> None:
    assert workers.deploy().changed == 0
    worker = f"{workers.site.app}-{live}-worker"
    stop = ["systemctl", "stop", f"{worker}@1"] if workers.systemd else ["supervisorctl", "stop", f"{worker}:*"]
    workers.site.on_host(*stop, limit=120)
    assert not running(workers, f"{CELERY} worker")
    assert workers.deploy().changed > 0
    assert running(workers, f"{CELERY} worker")
    assert workers.deploy().changed == 0


def test_a_worker_that_dies_leaves_everything_as_it_was(workers: Workers, live: str) -> None:
    before = running(workers, CELERY)
    broken = {**PROCESSES, "worker": {"command": "celery -A nothing_of_that_name worker"}}
    code, run = workers.site.attempt("deploy", *workers.words(app_processes=broken))
    assert code != 0
    assert "does not stay up" in run.output
    assert "nothing_of_that_name" in run.output
    assert f"Release {live} of {workers.site.app} is live as before" in run.output
    assert workers.site.health()["release"] == live
    assert running(workers, CELERY) == before


def test_a_release_that_fails_at_the_gate_touches_no_worker(workers: Workers, live: str) -> None:
    before = running(workers, CELERY)
    urls = workers.project / "config/urls.py"
    text = urls.read_text()
    edit(urls, 'path("healthz"', 'path("no-healthz"')
    try:
        code, run = workers.site.attempt("deploy", *workers.words())
    finally:
        urls.write_text(text)
    assert code != 0
    assert "Stopped at: Ask the new release whether it is good" in run.output
    assert running(workers, CELERY) == before


def test_a_rollback_brings_the_workers_of_that_release(workers: Workers, live: str) -> None:
    workers.change_code()
    workers.deploy()
    assert {*running(workers, CELERY).values()} - {live} == {workers.site.health()["release"]}
    workers.site.change("rollback")
    assert workers.site.health()["release"] == live
    wait_for("only they run", lambda: {*running(workers, CELERY).values()} == {live}, 120)
    workers.ask("slow", "back", "--seconds=0")
    assert workers.wait("done", key="back")["release"] == live


def test_what_is_not_wanted_any_more_is_gone(workers: Workers, live: str) -> None:
    workers.deploy(app_processes={}, app_schedules={})
    wait_for("the workers are gone", lambda: not running(workers, CELERY), 120)
    # a host with systemd may have no cron
    left = workers.site.on_host("sh", "-c", "ls /etc/systemd/system /etc/cron.d 2>/dev/null || :").split()
    assert left
    mine = (f"{workers.site.app}-schedule@", f"asgiway-{workers.site.app}")
    assert [name for name in left if name.startswith(mine[0]) or name == mine[1]] == []


def test_what_is_typed_reaches_manage_py_as_it_was(workers: Workers, live: str) -> None:
    words = ["two words", "$HOME", "it's", '"', "*", "", "-x\\n"]
    workers.site.on_host(f"{workers.site.app}-manage", "note", "--", *words)
    line = workers.wait("note", words=words)  # the schedule notes, too
    assert (line["release"], line["tty"], line["debug"]) == (live, False, False)


def test_somebody_who_may_use_sudo_need_not_type_it_and_keeps_the_terminal(workers: Workers, live: str) -> None:
    ssh = workers.site._ssh
    command = shlex.join([f"{workers.site.app}-manage", "note", "by hand"])
    done = subprocess.run([ssh[0], "-tt", *ssh[1:], command], capture_output=True, text=True, timeout=60, check=False)
    assert "noted" in done.stdout, done
    assert workers.wait("note", words=["by hand"])["tty"] is True
