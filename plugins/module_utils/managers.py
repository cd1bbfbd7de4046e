"""What systemctl and supervisorctl print, as data."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Run = Callable[[list[str]], str]

UPTIME = re.compile(r"\bpid (\d+), uptime (?:(\d+) days?, )?(\d+):(\d+):(\d+)")


def reader(module: Any) -> Run:
    """Return a function that gives a command's output, '' where there is no such command.

    Exit codes are of no use: each of the managers' commands has one for "some of them are not there".
    """

    def run(command: list[str]) -> str:
        try:
            return str(module.run_command(command, handle_exceptions=False)[1])
        except OSError:
            return ""

    return run


def units(output: str) -> dict[str, dict[str, str]]:
    """Return unit -> its properties, from `systemctl show`; Id must be among those that were asked for."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in output.split("\n\n")]
    return {block["Id"]: block for block in blocks if block.get("Id")}


def programs(output: str) -> dict[str, str]:
    """Return process -> its state and what supervisor says of it, from `supervisorctl status`."""
    lines = [line.split(maxsplit=1) for line in output.splitlines()]
    # anything else is a message, such as that of a supervisord that is not there
    return {words[0]: words[1] for words in lines if len(words) > 1 and words[1].split()[0].isupper()}


def uptime(said: str) -> tuple[int, int]:
    """Return pid and seconds that a process has been up, from what supervisor says of it; zeros when it is not up."""
    found = UPTIME.search(said)
    pid, days, hours, minutes, seconds = (int(number or 0) for number in (found.groups() if found else "00000"))
    return pid, ((days * 24 + hours) * 60 + minutes) * 60 + seconds
