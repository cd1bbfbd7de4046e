"""Runs that are killed at a chosen moment, and what the next run makes of the host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from deploying import LIMIT, ROOT, Run, Site, copy_of_sample, edit, wait_for, wrong

WORDS = ("server=hybrid", "drain_seconds=2", "drain_limit=6", "app_server_gate_idle_seconds=0.5", "keep_releases=3")
KEEP = 3
REGISTRY = yaml.safe_load((ROOT / "roles/app_server/defaults/main/engines.yml").read_text())
CLOSE_CODE = REGISTRY["app_server_engines_default"]["uvicorn"]["close_code"]
PLUGIN = {
    "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent),
    "ANSIBLE_CALLBACKS_ENABLED": "crash_point",
}


@dataclass
class Row:
    """A line of the table that is printed in the end."""

    boundary: str
    live: str = ""  # which release the kill left: old or new
    found: str = ""  # what the kill left that the next run had to heal
    healing: float = 0.0
    changed: int = -1
    red: str = ""


class Crasher:
    """Kills runs of a site's playbooks at chosen moments, and sees how the next run heals."""

    def __init__(self, site: Site, work: Path) -> None:
        """Work on a site; `work` is for records and copies of the project."""
        self.site = site
        self.work = work
        self.rows: list[Row] = []
        self.known: set[str] = set()  # found before: each finding belongs to the kill that made it

    def words(self, *more: str) -> tuple[str, ...]:
        """Return the words of a deploy of content that was never deployed before, with packages that nobody shares."""
        new = {"app_env": {"MARK": uuid4().hex}, "packages_renewed": uuid4().hex}
        return (*WORDS, json.dumps(new), *more)

    def record(self, playbook: str, *words: str) -> list[dict[str, Any]]:
        """Run a playbook to its end; return its tasks in order."""
        path = self.work / f"{uuid4().hex}.jsonl"
        run = self.site.start(playbook, *words, environment={**PLUGIN, "ASGIWAY_CRASH_RECORD": str(path)})
        assert run.wait() == 0, run.output[-4000:]
        return [task for task in map(json.loads, path.read_text().splitlines()) if task["event"] == "end"]

    def kill_after(self, boundary: str, playbook: str, *words: str) -> Run:
        """Run a playbook until a task is finished, and kill it before the next one starts."""
        record = self.work / f"{uuid4().hex}.jsonl"
        environment = {**PLUGIN, "ASGIWAY_CRASH_RECORD": str(record), "ASGIWAY_CRASH_AFTER": boundary}
        run = self.site.start(playbook, *words, environment=environment)
        code = run.wait()
        run.kill()  # its ssh may live on
        assert code == -9, f"no task {boundary!r} came, so nothing was killed ({code}):\n{run.output[-2000:]}"
        return run

    def kill_amid(self, task: str, on_host: str, playbook: str, *words: str) -> Run:
        """Run a playbook until a task has begun and a shell condition holds on the host, and kill it there and then."""
        record = self.work / f"{uuid4().hex}.jsonl"
        run = self.site.start(playbook, *words, environment={**PLUGIN, "ASGIWAY_CRASH_RECORD": str(record)})

        def begun() -> bool:
            events = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
            return bool(events) and events[-1]["event"] == "start" and task in events[-1]["key"]

        try:
            wait_for(f"{task} begins", begun, LIMIT)
            self.site.on_host("timeout", "30", "sh", "-c", f"until {on_host}; do sleep 0.02; done")
            assert begun(), f"{task} was over too soon"
        finally:
            run.kill()
        return run

    def heal(self, boundary: str, before: str, *words: str, playbook: str = "deploy") -> Row:
        """Run it again and look at the host: everything must be as if nothing had been interrupted."""
        row = Row(boundary)
        self.rows.append(row)
        left = self.site.state()
        # nginx keeps connections to the release before for up to 2 s
        wait_for("the live release answers", lambda: self.site.health()["release"] == left["live"], 5)
        row.live = "old" if left["live"] == before else "new"
        row.found = summary(left, before)
        print(f"{boundary}: {row.live} release is live, left behind: {row.found}", flush=True)
        code, run = self.site.attempt(playbook, *words)
        row.healing, row.changed = run.seconds, run.changed
        if code:
            row.red = f"the next run ended with {code}"
            pytest.fail(f"{boundary}: {row.red}\n{run.output[-3000:]}")
        print(f"{boundary}: healed in {row.healing:.0f} s, {row.changed} changed", flush=True)
        now = self.site.health()["release"]
        findings = set(wrong(self.site.state(), now, KEEP))
        new, self.known = sorted(findings - self.known), findings
        if new:
            row.red = "; ".join(new)
        elif now == before:
            row.red = f"{before} is live as before, and not what was asked for"
        assert not row.red, f"after a kill {boundary}: {row.red}"
        return row


def summary(state: dict[str, Any], before: str) -> str:
    """Say in a few words what a kill left."""
    half = sum(not one["complete"] for one in state["releases"].values())
    others = sum(release != state["live"] for release in state["running"])
    last = (state["history"] or [{}])[-1].get("to")
    said = [
        f"{half} half release" if half else "",
        f"{others} other running" if others else "",
        "order to drain" if any("drain" in one["names"] for one in state["sockets"].values()) else "",
        "lock" if state["locks"] else "",
        "" if last == state["live"] else "no history line",
        "unread files" if state["behind"] else "",
    ]
    return ", ".join(filter(None, said)) or "nothing"


def changed_code(crasher: Crasher, number: int) -> tuple[str, ...]:
    """Return the word for changed code, at every fifth time; otherwise it is the environment that changes."""
    if number % 5:
        return ()
    app = copy_of_sample(crasher.work / f"app-{number}-{uuid4().hex[:6]}")
    edit(app / "live/views.py", "MAX_AMOUNT = ", f"CHANGE = {number}\nMAX_AMOUNT = ")
    return (f"app_path={app}",)
