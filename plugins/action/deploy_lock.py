"""Action plugin: tell the lock who asks, and take over from a run of this controller that is dead."""

from __future__ import annotations

import contextlib
import getpass
import multiprocessing
import os
import re
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# extra variables whose values may stand in a lock that others read; everything else may be a secret
SHOWN = ("server", "app_name", "target")
PLAYBOOK = re.compile(r"(?:^|/)playbooks/([\w-]+)\.yml$")

display = Display()


def _read(path: str) -> str:
    """Return a small file's text, '' when it cannot be read (another system than Linux)."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def start_of(pid: int) -> str:
    """Return when the process started, in whatever unit the system tells; '' for a dead one.

    Field 22 of /proc/PID/stat (proc(5)); the command's name before it may contain spaces and brackets.
    """
    stat = _read(f"/proc/{pid}/stat")
    if stat:
        fields = stat.rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else fields[19]
    if Path("/proc/self/stat").exists():
        return ""
    with contextlib.suppress(OSError):
        ps = ["ps", "-o", "lstart=", "-p", str(pid)]
        # S603: no shell, and the one variable is a number
        found = subprocess.run(ps, capture_output=True, text=True, check=False)  # noqa: S603
        return found.stdout.strip()
    return ""


def main_pid() -> int:
    """Return the id of the ansible-playbook process: tasks run in children that it forks."""
    parent = multiprocessing.parent_process()
    return parent.pid if parent is not None and parent.pid else os.getpid()


def command_of(argv: list[str]) -> str:
    """Return the command as a person typed it, without values that may be secrets."""
    words: list[str] = []
    extra = False
    for position, word in enumerate(argv):
        if position == 0:
            words.append(Path(word).name)
        elif extra or word.startswith("--extra-vars="):
            prefix, text = ("", word) if extra else ("--extra-vars=", word.split("=", 1)[1])
            words.append(prefix + _safe_extra(text))
            extra = False
        else:
            extra = word in ("-e", "--extra-vars")
            words.append(word if len(word) <= 80 else word[:77] + "...")
    if len(words) > 1 and (playbook := PLAYBOOK.search(words[1])):
        words[:2] = ["./asgiway", playbook[1]]
    return " ".join(words)


def _safe_extra(text: str) -> str:
    """Return the value of -e with unknown values left out."""
    if text.startswith("@"):
        return text
    if text.lstrip().startswith(("{", "[")):
        return "..."
    pairs = (pair.partition("=") for pair in text.split())
    return " ".join(f"{name}={value}" if name in SHOWN else f"{name}=..." for name, _, value in pairs)


def this_run() -> dict[str, str]:
    """Return who runs this playbook where, in the words of the module's option `info`."""
    pid = main_pid()
    try:
        who = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        who = str(os.getuid())
    try:
        pid_space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        pid_space = ""
    return {
        "who": who,
        "host": socket.gethostname(),
        "machine": _read("/etc/machine-id"),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "pid_space": pid_space,
        "pid": str(pid),
        "start": start_of(pid),
        "command": command_of(sys.argv),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def is_dead(holder: dict[str, Any], us: dict[str, str]) -> bool:
    """Say whether the holder certainly ran on this controller and runs no more.

    Another machine, or another container of this one, cannot be judged from here and counts as alive.
    """
    if any(str(holder.get(key)) != us[key] for key in ("host", "machine")) or not holder.get("pid"):
        return False
    if str(holder.get("boot")) != us["boot"]:
        return True  # the controller was started anew since
    if str(holder.get("pid_space")) != us["pid_space"]:
        return False
    return start_of(int(holder["pid"])) != str(holder.get("start"))


class ActionModule(ActionBase):  # type: ignore[misc]
    """Run the module with `info` filled in, and once more when the holder is a dead run of ours."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        us = this_run()
        arguments = {**self._task.args, "info": {**us, **(self._task.args.get("info") or {})}}

        def ask(more: dict[str, Any]) -> dict[str, Any]:
            answer: dict[str, Any] = self._execute_module(
                module_name="asgiway.django.deploy_lock", module_args={**arguments, **more}, task_vars=task_vars
            )
            return answer

        answer = ask({})
        holder = answer.get("holder") or {}
        if answer.get("failed") and answer.get("held") and is_dead(holder, us):
            answer = ask({"force": True, "expect": holder})
            if not answer.get("failed"):
                display.warning(
                    f"the lock of {holder.get('who')}@{holder.get('host')} (pid {holder.get('pid')}, since "
                    f"{holder.get('since')}) was taken over: that run is dead."
                )
                answer["taken_over"] = True
        result.update(answer)
        return result
