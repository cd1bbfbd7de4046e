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
  - With O(order_file) it first gives the release's processes the order to send their WebSockets away, and their
    event streams in the end, and collects what they tell of it.
  - Never fails because somebody stays; RV(left) says how many will be cut.
options:
  sockets:
    description: Paths of the sockets. A symbolic link counts for what it leads to. Missing ones have no connections.
    type: list
    elements: str
    required: true
  seconds:
    description: Seconds over which the processes close their WebSockets.
    type: int
    default: 10
  limit:
    description: Bound of the wait in seconds; 0 only counts. Below O(seconds), O(seconds) is the bound.
    type: int
    default: 0
  poll:
    description: Seconds between two looks.
    type: float
    default: 0.2
  order_file:
    description:
      - File to create at the start, with O(seconds) and O(limit) as its text. What paces the goodbye in the processes
        looks for it, and answers in files of that name with C(.PID) behind it.
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
    limit: 30
    order_file: /run/shop/3f9c2a41b07d/drain
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
told:
  description:
    - What the processes told, added up. C(websockets) and C(streams) they had since the order, and C(websockets_left)
      and C(streams_left) that are to be cut.
  type: dict
  returned: always
  sample: {websockets: 40, streams: 1, websockets_left: 0, streams_left: 0}
"""

import json
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


def give_order(path: Path, seconds: int, limit: int) -> bool:
    """Write the order file in one step; False when its directory is not there."""
    if not path.parent.is_dir():
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(f"{seconds} {limit}\n")
    draft.chmod(0o644)
    draft.replace(path)
    return True


def told(order: Path) -> dict[str, int]:
    """Add up what the processes told; the answer of one that is being written is left out."""
    sums = dict.fromkeys(("websockets", "streams", "websockets_left", "streams_left"), 0)
    for path in order.parent.glob(f"{order.name}.*"):
        try:
            answer = json.loads(path.read_text())
            sums = {kind: number + int(answer[kind]) for kind, number in sums.items()}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sums


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "sockets": {"type": "list", "elements": "str", "required": True},
            "seconds": {"type": "int", "default": 10},
            "limit": {"type": "int", "default": 0},
            "poll": {"type": "float", "default": 0.2},
            "order_file": {"type": "path"},
            "proc_file": {"type": "path", "default": "/proc/net/unix"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["seconds"] < 0 or params["limit"] < 0 or params["poll"] <= 0:
        module.fail_json(msg="drain: seconds and limit must not be negative, and poll must be above 0.")
    bound = max(params["seconds"], params["limit"])
    order = Path(params["order_file"]) if params["order_file"] else None
    proc = Path(params["proc_file"])

    def look() -> dict[str, int]:
        return count(proc.read_text(errors="surrogateescape"), params["sockets"])

    started = time.monotonic()
    try:
        now = look()
        found = sum(now.values())
        ordered = False
        if not module.check_mode:
            if order:
                ordered = give_order(order, params["seconds"], bound)
            end = started + bound
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
        told=told(order) if order else {},
    )


if __name__ == "__main__":
    main()
