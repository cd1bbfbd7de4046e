#!/usr/bin/python
"""Ansible module: let the background processes of one release take the place of other releases'."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hand_over
short_description: Let one release's background processes take the place of others'
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Starts the background processes of a release, now and at boot, and waits until they have stayed up for a while; one
    that dies ends it, with its last log lines, while those of the other releases still work.
  - Then tells the processes of other releases to stop, now and at boot, and does not wait for them. They may finish
    what they have begun, for as long as their own definition says; the process manager sees to that.
  - Singletons never overlap. The other releases' ones are stopped, and waited for, before this release's are started.
  - A process that stands as it should is left alone, so that a second call changes nothing.
options:
  name:
    description: Name of the app.
    type: str
    required: true
  root:
    description: Directory of the app. Default C(/srv/NAME).
    type: path
  release:
    description: The release whose processes take over; empty to let the others go and start nothing.
    type: str
    default: ''
  groups:
    description: Its groups, each with C(name), C(instances), C(singleton) and C(argv).
    type: list
    elements: dict
    default: []
  others:
    description: Groups of other releases, each with C(release), C(name), C(instances) and C(singleton).
    type: list
    elements: dict
    default: []
  programs:
    description: Further programs that the release must have, such as those of its schedules.
    type: list
    elements: str
    default: []
  manager:
    description: The process manager.
    type: str
    choices: [systemd, supervisor]
    required: true
  settle:
    description: Seconds for which a process must have been up; 0 does not wait.
    type: float
    default: 5
  patience:
    description: Seconds that all started processes together may take until they have been up for O(settle).
    type: float
    default: 60
  wait:
    description: Whether to wait until the processes of O(others) have stopped; each bound by its own definition.
    type: bool
    default: false
  log_dir:
    description: Where supervisor keeps the output, for the message about a process that died.
    type: path
attributes:
  check_mode:
    description: Nothing is done in check mode, for the release is not built.
    support: full
"""

EXAMPLES = r"""
- name: Hand over to the release's background processes
  asgiway.django.hand_over:
    name: shop
    manager: systemd
    release: 3f9c2a41b07d
    groups:
      - {name: worker, instances: 2, singleton: false, argv: [/srv/shop/releases/@RELEASE@/venv/bin/celery, worker]}
    others:
      - {release: 0a1b2c3d4e5f, name: worker, instances: 2, singleton: false}
"""

RETURN = r"""
started:
  description: Units, or programs of supervisor, that were started.
  type: list
  elements: str
  returned: always
told:
  description: Those that were told to stop.
  type: list
  elements: str
  returned: always
busy:
  description: Those that still finish what they have begun.
  type: list
  elements: str
  returned: always
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.asgiway.django.plugins.module_utils import managers

POLL = 0.2  # seconds
LOG_LINES = 15
TELL_SECONDS = 10.0  # until supervisord, told by somebody else, has heard of it
UNITS = Path("/etc/systemd/system")
CONF = Path("/etc/supervisor/conf.d")

Run = Callable[[Sequence[str]], tuple[int, str]]


class Refusal(Exception):
    """A sentence for the user."""


@dataclass(frozen=True)
class One:
    """One group of a release."""

    release: str
    name: str
    instances: int
    singleton: bool = False


@dataclass(frozen=True)
class State:
    """What a process manager says of one process.

    kind: up | starting | down | dead (it failed, or is started again and again) | stopping
    """

    kind: str
    seconds: float = 0.0  # for which it has been up


class Systemd:
    """Units of systemd."""

    def __init__(self, app: str, root: Path, run: Run, log_dir: str) -> None:
        """log_dir and root are for others: the journal has everything."""
        self.app, self.run = app, run

    def names(self, one: One) -> list[str]:
        """The unit of each process."""
        return [f"{self.app}-{one.release}-{one.name}@{number}.service" for number in range(1, one.instances + 1)]

    def states(self, ones: Sequence[One]) -> dict[str, State]:
        """Ask for all of them at once."""
        names = [name for one in ones for name in self.names(one)]
        if not names:
            return {}
        wanted = "Id,ActiveState,SubState,ActiveEnterTimestampMonotonic"
        found = {name: State("down") for name in names}
        output = self.run(["systemctl", "show", f"--property={wanted}", *names])[1]
        for unit, values in managers.units(output).items():
            active, sub = values.get("ActiveState", ""), values.get("SubState", "")
            since = int(values.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
            if active == "active":
                state = State("up", time.clock_gettime(time.CLOCK_MONOTONIC) - since)
            elif active == "failed" or sub == "auto-restart":
                state = State("dead")
            else:
                state = State({"activating": "starting", "deactivating": "stopping"}.get(active, "down"))
            found[unit] = state
        return {name: found[name] for name in names}

    def start(self, ones: Sequence[One], states: dict[str, State]) -> list[str]:
        """Start what does not run, now and at boot; one that still stops begins anew when it has."""
        wants = UNITS / f"{self.app}.target.wants"
        names = list(states)
        absent = [name for name in names if not (wants / name).is_symlink()]
        if absent:
            self._must(["systemctl", "enable", "--quiet", *absent])
        idle = [name for name in names if states[name].kind in ("down", "dead")]
        if idle:
            self._must(["systemctl", "start", *idle])
        stopping = [name for name in names if states[name].kind == "stopping"]
        queued = self._queued(stopping)
        if stopping != queued:
            self._must(["systemctl", "start", "--no-block", *stopping])
        return sorted({*absent, *idle, *(name for name in stopping if name not in queued)})

    def _queued(self, names: list[str]) -> list[str]:
        """Return those that systemd will start by itself when they have stopped."""
        jobs = self.run(["systemctl", "list-jobs", "--no-legend", "--plain"])[1] if names else ""
        return [name for name in names if re.search(rf"\s{re.escape(name)}\s+(start|restart)\s", jobs)]

    def tell(self, ones: Sequence[One], wait: bool) -> list[str]:
        """Tell them to stop, now and at boot; return whom that was news to."""
        states = self.states(ones)
        wants = UNITS / f"{self.app}.target.wants"
        enabled = [name for name in states if (wants / name).is_symlink()]
        if enabled:
            self._must(["systemctl", "disable", "--quiet", *enabled])
        queued = self._queued([name for name, state in states.items() if state.kind == "stopping"])
        running = [name for name, state in states.items() if state.kind in ("up", "starting", "dead")] + queued
        stopping = [name for name, state in states.items() if state.kind == "stopping"]
        if running or (wait and stopping):
            self._must(["systemctl", "stop", *([] if wait else ["--no-block"]), *sorted({*running, *stopping})])
        return sorted({*enabled, *running})

    def log(self, name: str) -> str:
        """Return the last lines of one process."""
        return self.run(["journalctl", "--no-pager", "-o", "cat", "-n", str(LOG_LINES), "-u", name])[1]

    def _must(self, command: list[str]) -> None:
        code, output = self.run(command)
        if code:
            logs = "".join(self.log(name) for name in command if name.endswith(".service"))
            raise Refusal(f"{' '.join(command[:2])} failed: {output.strip()}\n{logs}".strip())


class Supervisor:
    """Programs of supervisor; one program is a group of processes."""

    def __init__(self, app: str, root: Path, run: Run, log_dir: str) -> None:
        """Root has the definitions, which count for supervisor when they are linked into its directory."""
        self.app, self.root, self.run, self.log_dir = app, root, run, log_dir

    def program(self, one: One) -> str:
        """Name of a group's program."""
        return f"{self.app}-{one.release}-{one.name}"

    def names(self, one: One) -> list[str]:
        """Each process as supervisorctl names it."""
        program = self.program(one)
        return [f"{program}:{program}-{number}" for number in range(1, one.instances + 1)]

    def _status(self) -> dict[str, str]:
        return managers.programs(self.run(["supervisorctl", "status"])[1])

    def states(self, ones: Sequence[One]) -> dict[str, State]:
        """Ask for all of them at once."""
        status = self._status() if ones else {}
        return {name: self._state(status.get(name, "")) for one in ones for name in self.names(one)}

    def _state(self, said: str) -> State:
        word = said.split()[0] if said else ""
        if word == "RUNNING":
            return State("up", managers.uptime(said)[1])
        kinds = {"STARTING": "starting", "STOPPING": "stopping", "BACKOFF": "dead", "FATAL": "dead"}
        return State(kinds.get(word, "down"))

    def start(self, ones: Sequence[One], states: dict[str, State]) -> list[str]:
        """Start what does not run, now and at boot."""
        news = []
        for one in ones:
            program, link = self.program(one), CONF / f"{self.program(one)}.conf"
            target = self.root / "releases" / one.release / f"{one.name}.supervisor.conf"
            if not link.is_symlink() or link.readlink() != target:
                link.unlink(missing_ok=True)
                link.symlink_to(target)
                news += self.names(one)
            busy = [name for name in self.names(one) if states[name].kind == "stopping"]
            if busy:
                raise Refusal(
                    f"{busy[0]} still finishes what it had begun when it was told to stop, and cannot be started until"
                    " then. Try again later; ./asgiway status shows whether it is still there"
                )
            idle = [name for name in self.names(one) if states[name].kind in ("down", "dead")]
            if idle:
                self.run(["supervisorctl", "reread"])
                self.run(["supervisorctl", "add", program])
                self.run(["supervisorctl", "start", f"{program}:*"])  # what is wrong with it the wait will see
            news += idle
        return sorted({*news})

    def tell(self, ones: Sequence[One], wait: bool) -> list[str]:
        """Tell them to stop, now and at boot; take out what has stopped, and return whom that was news to."""
        news = []
        for one in ones:
            program, link = self.program(one), CONF / f"{self.program(one)}.conf"
            if link.is_symlink():
                link.unlink()
                news += self.names(one)
            kinds = {name: state.kind for name, state in self.states([one]).items()}
            running = [name for name, kind in kinds.items() if kind in ("up", "starting", "dead")]
            news += running
            if running and not wait:
                self._tell_alone(one)
            elif wait:
                self.run(["supervisorctl", "stop", f"{program}:*"])
                while any(state.kind == "stopping" for state in self.states([one]).values()):
                    time.sleep(POLL)
        self.reap(ones)
        return sorted({*news})

    def _tell_alone(self, one: One) -> None:
        """Leave supervisorctl alone, for it waits until they have stopped; supervisord goes on without it."""
        subprocess.Popen(  # noqa: S603
            ["supervisorctl", "stop", f"{self.program(one)}:*"],  # noqa: S607
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + TELL_SECONDS
        while any(state.kind in ("up", "starting") for state in self.states([one]).values()):
            if time.monotonic() > end:
                raise Refusal(f"supervisor has not begun to stop {self.program(one)} within {TELL_SECONDS:.0f} s")
            time.sleep(POLL)

    def reap(self, ones: Sequence[One]) -> None:
        """Let supervisord forget programs that have stopped."""
        status = self._status()
        for one in ones:
            names = [name for name in self.names(one) if name in status]
            if names and all(self._state(status[name]).kind == "down" for name in names):
                self.run(["supervisorctl", "remove", self.program(one)])

    def log(self, name: str) -> str:
        """Return the last lines of one process."""
        release, rest = re.fullmatch(rf"{self.app}-([0-9a-f]{{12}})-(.*)", name.split(":")[1]).groups()  # type: ignore[union-attr]
        return self.run(["tail", "-n", str(LOG_LINES), f"{self.log_dir}/{release}-{rest}.log"])[1]


def missing_programs(programs: Sequence[str]) -> list[str]:
    """Return those that nobody could run."""
    return [program for program in dict.fromkeys(programs) if not os.access(program, os.X_OK)]


def wait_until_up(manager: Systemd | Supervisor, ones: Sequence[One], settle: float, patience: float) -> None:
    """Return when all have been up for a while.

    Raises:
        Refusal: about one that died, or has not come up in time, with its log.
    """
    end = time.monotonic() + patience
    down: set[str] = set()
    while True:
        states = manager.states(ones)
        # one that still stops is started by the manager afterwards, and is down for a moment in between
        seen, down = down, {name for name, state in states.items() if state.kind == "down"}
        dead = [name for name, state in states.items() if state.kind == "dead" or name in seen & down]
        young = [
            name
            for name, state in states.items()
            if state.kind in ("starting", "down") or (state.kind == "up" and state.seconds < settle)
        ]
        late = young if time.monotonic() > end else []
        for name in [*dead, *late]:
            why = "does not stay up" if name in dead else f"has not been up for {settle:g} s within {patience:g} s"
            raise Refusal(f"{name} {why}. Its last lines:\n{manager.log(name).strip() or '(none)'}")
        if not young:
            return
        time.sleep(POLL)


def hand_over(manager: Systemd | Supervisor, params: dict[str, Any]) -> dict[str, Any]:
    """Do it, in the order of the documentation."""
    release = params["release"]
    groups = [
        One(release, str(group["name"]), int(group["instances"]), bool(group.get("singleton")))
        for group in params["groups"]
    ]
    others = [
        One(str(one["release"]), str(one["name"]), int(one["instances"]), bool(one.get("singleton")))
        for one in params["others"]
    ]
    programs = [str(group["argv"][0]).replace("@RELEASE@", release) for group in params["groups"] if group.get("argv")]
    absent = missing_programs(programs + [program.replace("@RELEASE@", release) for program in params["programs"]])
    if absent:
        raise Refusal(
            f"{absent[0]} is not there, or cannot be run. It must come with the project's requirements,"
            " or with app_packages"
        )
    alone = {group.name for group in groups if group.singleton}
    started: list[str] = []
    told: list[str] = []

    def start(chosen: list[One]) -> None:
        if chosen:
            started.extend(manager.start(chosen, manager.states(chosen)))
            if params["settle"]:
                wait_until_up(manager, chosen, params["settle"], params["patience"])

    start([group for group in groups if not group.singleton])
    first = [one for one in others if one.singleton or one.name in alone]
    if first:
        told.extend(manager.tell(first, wait=True))
    start([group for group in groups if group.singleton])
    rest = [one for one in others if one not in first]
    if rest:
        told.extend(manager.tell(rest, wait=params["wait"]))
    busy = [name for name, state in manager.states(others).items() if state.kind == "stopping"]
    return {"changed": bool(started or told), "started": started, "told": told, "busy": busy}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path"},
            "release": {"type": "str", "default": ""},
            "groups": {"type": "list", "elements": "dict", "default": []},
            "others": {"type": "list", "elements": "dict", "default": []},
            "programs": {"type": "list", "elements": "str", "default": []},
            "manager": {"type": "str", "choices": ["systemd", "supervisor"], "required": True},
            "settle": {"type": "float", "default": 5},
            "patience": {"type": "float", "default": 60},
            "wait": {"type": "bool", "default": False},
            "log_dir": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=False, started=[], told=[], busy=[])

    def run(command: Sequence[str]) -> tuple[int, str]:
        code, out, err = module.run_command(list(command))
        return code, out + err

    kind = Systemd if params["manager"] == "systemd" else Supervisor
    root = Path(params["root"] or f"/srv/{params['name']}")
    manager = kind(params["name"], root, run, params["log_dir"] or f"/var/log/{params['name']}")
    try:
        result = hand_over(manager, params)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=f"hand_over: {error.filename} cannot be used: {error.strerror}.")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
