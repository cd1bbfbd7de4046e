"""A site that tests change, break and look at: its playbooks, what its host says, copies of the sample app.

Used by the tests that pass --url and --run; each run of a playbook can be killed with everything that it started.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent
MARK = "ASGIWAY_TEST_RUN"  # in the environment of a run and of all that it starts
LIMIT = 600.0  # seconds for one playbook
COLORS = re.compile(r"\x1b\[[0-9;]*m")
IGNORED = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "staticfiles")

State = dict[str, Any]


def add_options(parser: pytest.Parser, group: str) -> None:
    """Say where the site is, and how it is changed and reached."""
    options = parser.getgroup(group, "the site that is changed while visitors use it")
    options.addoption("--url", help="base URL of the deployed sample app (required)")
    options.addoption("--run", default="", help="ansible-playbook with its inventory (required)")
    options.addoption("--ssh", default="", help="ssh with its options and the host; default: a throwaway host's")
    options.addoption("--core", action="store_true", help="the most telling cases only")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start without a site; a suite's conftest imports this hook."""
    config.addinivalue_line("markers", "core: among the most telling cases, which --core runs")
    if not (config.getoption("url", None) and config.getoption("run", None)) and not config.option.help:
        raise pytest.UsageError('say which site, and how it is changed: --url URL --run "ansible-playbook -i FILE"')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what --core leaves out; a suite's conftest imports this hook."""
    others = [item for item in items if config.getoption("core") and not item.get_closest_marker("core")]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)


class Run:
    """One run of a playbook, in a session of its own."""

    def __init__(self, argv: list[str], environment: Mapping[str, str], output: Path) -> None:
        """Start it."""
        self.mark = uuid4().hex
        self.started = time.monotonic()
        self.path = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **environment, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it printed so far, without colours."""
        return COLORS.sub("", self.path.read_text(errors="replace"))

    @property
    def changed(self) -> int:
        """How many tasks changed something, from the recap; -1 where there is none."""
        found = re.findall(r"changed=(\d+)", self.output)
        return sum(map(int, found)) if found else -1

    def wait(self, limit: float = LIMIT) -> int:
        """Return its exit code; a run that takes too long is killed, and the test fails."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"not finished after {limit:.0f} s:\n{self.output[-3000:]}")
        self.seconds = time.monotonic() - self.started
        return code

    def kill(self) -> None:
        """Kill it as a power cut would: with its workers, which have sessions of their own, and their ssh."""
        end = time.monotonic() + 10
        while (found := self._processes()) and time.monotonic() < end:
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.02)  # a zombie's environment is empty at once, a fork's may come a moment later
        self.process.wait(10)
        assert not found, f"{found} survived"

    def _processes(self) -> list[int]:
        """Return the processes whose environment carries our mark."""
        mark = f"{MARK}={self.mark}".encode()
        found = []
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                try:
                    if mark in (path / "environ").read_bytes().split(b"\0"):
                        found.append(int(path.name))
                except OSError:  # ended meanwhile
                    continue
        return found


class Site:
    """The deployed sample app."""

    def __init__(self, config: pytest.Config, work: Path, app: str = "sample") -> None:
        """Take the site from the options; `work` is for the runs' output."""
        self.url = str(config.getoption("url")).rstrip("/")
        self.app = app
        self._command = shlex.split(config.getoption("run"))
        host = urlsplit(self.url).hostname or ""
        own = f"ssh -F {shlex.quote(str(ROOT / '.cache/hosts/ssh_config'))} {host}"
        self._ssh = shlex.split(config.getoption("ssh") or own)
        self._work = work

    def start(self, playbook: str, *words: str, environment: Mapping[str, str] | None = None) -> Run:
        """Start a playbook with some words; JSON ones may be among them."""
        argv = [*self._command, str(ROOT / f"playbooks/{playbook}.yml"), "-e", f"app_name={self.app}"]
        argv += [part for word in words for part in ("-e", word)]
        return Run(argv, environment or {}, self._work / f"{uuid4().hex}.log")

    def attempt(self, playbook: str, *words: str, limit: float = LIMIT) -> tuple[int, Run]:
        """Run a playbook to its end, well or not."""
        run = self.start(playbook, *words)
        return run.wait(limit), run

    def change(self, playbook: str, *words: str, limit: float = LIMIT) -> Run:
        """Run a playbook that must succeed."""
        code, run = self.attempt(playbook, *words, limit=limit)
        assert code == 0, f"{playbook} {' '.join(words)} ended with {code}:\n{run.output[-4000:]}"
        return run

    def health(self) -> dict[str, Any]:
        """What the site says of itself."""
        answer: dict[str, Any] = httpx.get(f"{self.url}/healthz", trust_env=False).raise_for_status().json()
        return answer

    def on_host(self, *command: str, given: str = "", limit: float = 60) -> str:
        """Return what a command prints on the host, run by root."""
        argv = [*self._ssh, "sudo", shlex.join(command)]
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=limit, check=False)
        assert done.returncode == 0, f"{command[:3]} on the host: {done.returncode}\n{done.stderr[-2000:]}"
        return done.stdout

    def state(self) -> State:
        """What stands and runs on the host, in one call (tests/host_state.py)."""
        script = (ROOT / "tests/host_state.py").read_text()
        state: State = json.loads(self.on_host("python3", "-", self.app, given=script))
        return state


def remains(state: State, release: str) -> list[str]:
    """Return what is left on the host of a release that should be gone; its kept log may stay."""
    found = [path for path in state["mentions"].get(release, []) if not path.endswith(f"/failed-{release}.log")]
    found += [f"{unit['unit']} is {unit['load']} {unit['active']}" for unit in units_of(state, release)]
    found += [f"still runs: {command}" for command in state["running"].get(release, [])]
    return found


def units_of(state: State, release: str) -> list[dict[str, str]]:
    """Return what the process manager knows of a release."""
    return [unit for unit in state["units"] + state["programs"] if f"-{release}-" in unit["unit"]]


def wrong(state: State, live: str, keep: int = 5) -> list[str]:
    """Return how the host differs from one on which `live` is live and nothing was ever interrupted."""
    found = []
    if state["live"] != live:
        found.append(f"live is {state['live']}, not {live}")
    whole = [release for release, one in state["releases"].items() if one["complete"]]
    found += [f"release {release} is a half one" for release in state["releases"] if release not in whole]
    if len(whole) > keep + 2:  # the live one and its predecessor stay whatever their age
        found.append(f"{len(whole)} releases are kept")
    if live not in whole:
        found.append("the live release is not whole")
    shared = {one["venv"] for one in state["releases"].values()}
    found += [f"the packages {name} belong to no release" for name in state["venvs"] if name not in shared]
    found += [
        f"{path} belongs to no release"
        for path in state["definitions"]
        if not any(f"-{release}-" in path for release in whole)
    ]
    for unit in [*state["units"], *state["programs"]]:
        release = (re.findall(r"-([0-9a-f]{12})-", unit["unit"]) or [live])[0]
        if unit["unit"].endswith(".target"):
            continue
        if release != live:
            found.append(f"{unit['unit']} of another release is {unit['active']}")
        elif unit["active"] not in ("active", "RUNNING"):
            found.append(f"{unit['unit']} is {unit['active']}")
        if unit.get("stale") == "yes":
            found.append(f"{unit['unit']} changed on disk, and systemd has not read it")
    found += [f"release {release} still runs: {one[0]}" for release, one in state["running"].items() if release != live]
    if live not in state["running"]:
        found.append("nothing runs of the live release")
    for release, runtime in state["sockets"].items():
        if release != live:
            found.append(f"the runtime directory of release {release} is left")
        found += [f"nobody listens on {name} of {release}" for name in runtime["dead"]]
        if "drain" in runtime["names"] and release == live:
            found.append("the live release has an order to drain")
    found += [f"lock {name} is left" for name in state["locks"]]
    found += [f"{path} is left of an interrupted write" for path in state["temporary"]]
    found += state["behind"]
    last = (state["history"] or [{}])[-1]
    if last.get("to") != live:
        found.append(f"the history's last line is {last}, not one about {live}")
    return found


def copy_of_sample(directory: Path) -> Path:
    """Return a copy of the sample app."""
    shutil.copytree(ROOT / "sample_app", directory, ignore=IGNORED)
    return directory


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text, f"{old!r} is no more in {path.name}"
    path.write_text(text.replace(old, new))


def wait_for(what: str, true: Callable[[], bool], limit: float = 30) -> None:
    """Return when the condition holds; fail when it does not in time."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, f"not within {limit:.0f} s: {what}"
        time.sleep(0.05)
