#!/usr/bin/python
"""Ansible module: wait until nobody is connected to a release's Unix sockets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drain
short_description: Wait until nobody is connected to Unix sockets
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Counts the server side of the connections to the given sockets, those still waiting to be accepted included, in
    the kernel's table of Unix sockets, and returns when none is left or the bound is reached.
  - With O(order_file) it first gives the release's processes the order to send their WebSockets away.
  - Never fails because somebody stays; RV(left) says how many will be cut.
options:
  sockets:
    description: Paths of the sockets. A symbolic link counts for what it leads to. Missing ones have no connections.
    type: list
    elements: str
    required: true
  seconds:
    description: Bound of the wait in seconds; 0 only counts.
    type: int
    default: 10
  poll:
    description: Seconds between two looks.
    type: float
    default: 0.2
  order_file:
    description:
      - File to create at the start, with O(seconds) as its text. What paces the goodbye in the processes looks for it.
      - Its directory must exist, otherwise there is nobody to order and the file is left out.
    type: path
  proc_file:
    description: The kernel's table of Unix sockets.
    type: path
    default: /proc/net/unix
attributes:
  check_mode:
    description: In check mode it only counts.
    support: full
"""

EXAMPLES = r"""
- name: Wait until nginx has left the old release
  asgiway.django.drain:
    sockets: [/run/shop/3f9c2a41b07d/asgi-1.sock, /run/shop/3f9c2a41b07d/asgi-2.sock]
    seconds: 10
"""

RETURN = r"""
waited:
  description: How long it took, in seconds.
  type: float
  returned: always
  sample: 2.6
found:
  description: Connections at the start.
  type: int
  returned: always
  sample: 41
left:
  description: Connections at the end.
  type: int
  returned: always
  sample: 0
sockets:
  description: Connections at the end by socket, as given, without the empty ones.
  type: dict
  returned: always
  sample: {}
ordered:
  description: Whether the order file was written.
  type: bool
  returned: always
  sample: false
"""

import os
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

# columns of /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path (proc(5)); St is socket_state of
# linux/net.h: 01 unconnected (the listener), 02 connecting (waits to be accepted), 03 connected
BUSY = ("02", "03")


def count(table: str, sockets: list[str]) -> dict[str, int]:
    """Return the number of server-side connections by socket path, for each path as given.

    A connection counts once, even when a link and what it leads to are both given.
    """
    found: dict[str, int] = {}
    for line in table.splitlines()[1:]:
        columns = line.split(maxsplit=7)
        if len(columns) == 8 and columns[5] in BUSY:
            found[columns[7]] = found.get(columns[7], 0) + 1
    counts: dict[str, int] = {}
    seen: set[str] = set()
    for path in sockets:
        names = {path, os.path.realpath(path)} - seen
        counts[path] = counts.get(path, 0) + sum(found.get(name, 0) for name in names)
        seen |= names
    return counts


def give_order(path: Path, seconds: int) -> bool:
    """Write the order file in one step; False when its directory is not there."""
    if not path.parent.is_dir():
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(f"{seconds}\n")
    draft.chmod(0o644)
    draft.replace(path)
    return True


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "sockets": {"type": "list", "elements": "str", "required": True},
            "seconds": {"type": "int", "default": 10},
            "poll": {"type": "float", "default": 0.2},
            "order_file": {"type": "path"},
            "proc_file": {"type": "path", "default": "/proc/net/unix"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["seconds"] < 0 or params["poll"] <= 0:
        module.fail_json(msg="drain: seconds must not be negative, and poll must be above 0.")
    proc = Path(params["proc_file"])

    def look() -> dict[str, int]:
        return count(proc.read_text(errors="surrogateescape"), params["sockets"])

    started = time.monotonic()
    try:
        now = look()
        found = sum(now.values())
        ordered = False
        if not module.check_mode:
            if params["order_file"]:
                ordered = give_order(Path(params["order_file"]), params["seconds"])
            end = started + params["seconds"]
            while any(now.values()) and (left := end - time.monotonic()) > 0:
                time.sleep(min(params["poll"], left))
                now = look()
    except OSError as error:
        module.fail_json(msg=f"drain: {error.filename} cannot be used: {error.strerror}.")
    module.exit_json(
        changed=False,
        waited=round(time.monotonic() - started, 2),
        found=found,
        left=sum(now.values()),
        sockets={path: number for path, number in now.items() if number},
        ordered=ordered,
    )


if __name__ == "__main__":
    main()
