"""Start and stop the processes of releases by systemd or supervisor, now and at boot."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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

    def prepare(self, ones: Sequence[One]) -> list[str]:
        """Let systemd read what was written since it last did, and start the app's target at boot."""
        target = f"{self.app}.target"
        names = [
            *(name for one in ones for name in self.names(one)),
            target,
            f"asgiway-{self.app.replace('-', '_')}.slice",
        ]
        shown = managers.units(self.run(["systemctl", "show", "--property=Id,NeedDaemonReload", *names])[1])
        unread = sorted(name for name, values in shown.items() if values.get("NeedDaemonReload") == "yes")
        if unread:
            self._must(["systemctl", "daemon-reload"])
        if (UNITS / target).exists() and not (UNITS / "multi-user.target.wants" / target).is_symlink():
            self._must(["systemctl", "enable", "--quiet", target])
            unread.append(target)
        return unread

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

    def prepare(self, ones: Sequence[One]) -> list[str]:
        """Do nothing: a start reads what it starts."""
        return []

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
            # one in FATAL was never up, and no stop changes that
            if names and all(self._state(status[name]).kind == "down" or "FATAL" in status[name] for name in names):
                self.run(["supervisorctl", "remove", self.program(one)])

    def log(self, name: str) -> str:
        """Return the last lines of one process."""
        release, rest = re.fullmatch(rf"{self.app}-([0-9a-f]{{12}})-(.*)", name.split(":")[1]).groups()  # type: ignore[union-attr]
        return self.run(["tail", "-n", str(LOG_LINES), f"{self.log_dir}/{release}-{rest}.log"])[1]
