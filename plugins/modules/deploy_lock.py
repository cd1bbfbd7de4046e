#!/usr/bin/python
"""Ansible module: one deploy at a time per app and host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock
short_description: One deploy at a time per app and host
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Takes a lock on the host, a directory with the holder's name, or says who holds it since when.
  - The action plugin of the same name fills O(info) on the controller, and takes over from a run of the same
    controller that is no longer alive.
  - Whoever gets the lock then waits for what a killed run left working, as far as that holds O(busy).
  - The lock is a transient, so a task with it is never C(changed).
options:
  path:
    description:
      - The lock directory, for instance C(/run/asgiway/shop). Its parent is made where it is missing.
      - A parent that is a link, belongs to somebody else or is open for others to write is refused, as C(/run/lock) is.
        Who makes the lock's name first would keep every deploy out.
    type: path
    required: true
  state:
    description: C(present) takes the lock, C(absent) gives it back when this run holds it.
    type: str
    choices: [present, absent]
    default: present
  busy:
    description:
      - A file that long commands of a deploy hold with flock(1) while they work.
      - Default O(path) with C(.busy) behind it.
      - A run that is killed leaves its commands on the host working; two at once would spoil each other's work.
    type: path
  busy_seconds:
    description: Bound in seconds of the wait for O(busy).
    type: int
    default: 600
  force:
    description: Take or remove the lock whoever holds it.
    type: bool
    default: false
  info:
    description:
      - Who asks. Filled by the action plugin with C(who), C(host), C(machine), C(boot), C(pid_space), C(pid), C(start),
        C(command) and C(since).
    type: dict
    default: {}
  expect:
    description: With O(force), only take over from this holder. Used by the action plugin.
    type: dict
attributes:
  check_mode:
    description: In check mode no lock is taken or given back.
    support: full
"""

EXAMPLES = r"""
- name: Take the lock
  asgiway.django.deploy_lock:
    path: /run/asgiway/shop

- name: Give the lock back
  asgiway.django.deploy_lock:
    path: /run/asgiway/shop
    state: absent

- name: Remove a lock that nobody will give back (./asgiway unlock)
  asgiway.django.deploy_lock:
    path: /run/asgiway/shop
    state: absent
    force: true
"""

RETURN = r"""
held:
  description: Whether the lock is held after the task by somebody else.
  type: bool
  returned: always
holder:
  description: Who held the lock before the task, as in O(info); empty for nobody.
  type: dict
  returned: always
taken_over:
  description: The lock of a dead run of this controller was taken over.
  type: bool
  returned: when it was
released:
  description: Whether a lock was removed.
  type: bool
  returned: when O(state=absent)
"""

import fcntl
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

IDENTITY = ("host", "machine", "boot", "pid_space", "pid", "start")
GUARD_SECONDS = 10.0


@contextmanager
def guard(path: Path, seconds: float = GUARD_SECONDS) -> Iterator[None]:
    """Hold flock(2) on a directory or file, waiting a bounded time; a killed process lets go by itself.

    Raises:
        BlockingIOError: when somebody else keeps it for longer.
        OSError: when it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def unsafe(path: Path) -> str:
    """Make the directory of the locks where it is missing; return why it cannot be trusted, '' when it can.

    Raises:
        OSError: when it cannot be made.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o755)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return "is no directory"
    if status.st_uid != os.geteuid():
        return f"belongs to the user {status.st_uid}"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"is open for others to write ({stat.S_IMODE(status.st_mode):04o})"
    return ""


def identity(info: dict[str, Any]) -> tuple[str, ...]:
    """Return what tells one run from another, even when a process id is used again."""
    return tuple(str(info.get(key, "")) for key in IDENTITY)


def holder_of(path: Path) -> dict[str, Any] | None:
    """Return who holds the lock, None when it is free; an unreadable holder is {'who': 'somebody'}."""
    try:
        data = json.loads((path / "info.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        # an empty directory is no lock: ours appear with their content in one rename
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return None
        return {"who": "somebody"}
    except (OSError, ValueError):
        return {"who": "somebody"}
    return data if isinstance(data, dict) else {"who": "somebody"}


def take(path: Path, info: dict[str, Any]) -> None:
    """Put a complete lock directory in place with one rename, so that a crash leaves a whole lock or none."""
    for leftover in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.mkdir(mode=0o755)
    (draft / "info.json").write_text(json.dumps({**info, "taken": time.time()}), encoding="utf-8")
    remove(path)
    draft.rename(path)


def remove(path: Path) -> None:
    """Remove the lock in one step."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        gone = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def age(seconds: float) -> str:
    """Say a duration in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def sentence(path: Path, holder: dict[str, Any], now: float) -> str:
    """Say who deploys since when, and what to type when that run is dead; now in seconds since the epoch."""
    app = path.name
    text = f"{app} is being deployed by {holder.get('who', 'somebody')}"
    if holder.get("host"):
        text += f"@{holder['host']}"
    if holder.get("pid"):
        text += f" (pid {holder['pid']})"
    with suppress(ValueError):
        text += f" since {datetime.fromisoformat(str(holder.get('since'))):%H:%M:%S}"
    taken = holder.get("taken")
    if isinstance(taken, int | float):
        text += f" ({age(now - taken)})"
    if holder.get("command"):
        text += f": {holder['command']}"
    return f"{text}; if that run is dead: ./asgiway unlock -e app_name={app}"


def change(params: dict[str, Any], path: Path) -> dict[str, Any]:
    """Take or give back the lock; return the result, with `held` when somebody else keeps it."""
    info = params["info"]
    with guard(path.parent):
        holder = holder_of(path)
        ours = holder is not None and identity(holder) == identity(info)
        expected = params["expect"] is None or (holder is not None and identity(holder) == identity(params["expect"]))
        allowed = holder is None or ours or (params["force"] and expected)
        result: dict[str, Any] = {"changed": False, "held": not allowed, "holder": holder or {}}
        if params["state"] == "absent":
            result["released"] = allowed and holder is not None
            if allowed:
                remove(path)
        elif allowed and not ours:
            take(path, info)
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "force": {"type": "bool", "default": False},
            "info": {"type": "dict", "default": {}},
            "expect": {"type": "dict"},
            "busy": {"type": "path"},
            "busy_seconds": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    if module.check_mode:
        module.exit_json(changed=False, held=False, holder={}, released=False)
    if module.params["state"] == "absent" and not path.parent.is_dir():
        module.exit_json(changed=False, held=False, holder={}, released=False)
    try:
        if why := unsafe(path.parent):
            module.fail_json(
                msg=f"deploy_lock: {path.parent} {why}, and a lock in it could be anybody's. Only root may write there."
                f" See who made it and remove it: ls -ld {path.parent}"
            )
        result = change(module.params, path)
    except BlockingIOError:
        module.fail_json(msg=f"deploy_lock: something else has kept {path.parent} locked for {GUARD_SECONDS:.0f} s.")
    except OSError as error:
        module.fail_json(msg=f"deploy_lock: {error.filename or path} cannot be used: {error.strerror}.")
    if result["held"] and module.params["state"] == "present":
        module.fail_json(msg=sentence(path, result["holder"], time.time()), **result)
    if module.params["state"] == "present":
        busy = Path(module.params["busy"] or f"{path}.busy")
        try:
            with suppress(FileNotFoundError), guard(busy, module.params["busy_seconds"]):
                pass
        except BlockingIOError:
            with guard(path.parent):
                remove(path)
            module.fail_json(
                msg=f"A command of an earlier deploy, which was killed, still works on this host after "
                f"{module.params['busy_seconds']} s and holds {busy}. See which: fuser -v {busy}",
                **result,
            )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
