#!/usr/bin/python
"""Ansible module: the TCP ports by which one logs in to this host, so that no firewall closes them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_ports
short_description: Find the ports by which one logs in
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Returns the port that the connection of this run uses, and every port where an sshd listens. Changes nothing.
  - The first is what sshd says of it in SSH_CONNECTION, so it is the host's own port, whatever is forwarded to it.
  - Without either, as on a host that is not reached by ssh, it is port 22.
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Find the ports of ssh
  asgiway.django.ssh_ports:
  register: ssh
"""

RETURN = r"""
ports:
  description: The ports, in order; never empty.
  type: list
  elements: int
  returned: always
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

PROC = Path("/proc")
LISTEN = "0A"  # TCP_LISTEN in include/net/tcp_states.h
USUAL = 22


def parent_of(proc: Path, pid: int) -> int:
    """Return the parent of a process, 0 for none: the second field behind the command's name (proc(5))."""
    try:
        return int((proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def own_port(proc: Path, pid: int) -> set[int]:
    """Return the host's port of the connection that pid came by; sudo clears the environment, so parents are asked."""
    while pid > 0:
        try:
            environment = (proc / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            environment = []
        for entry in environment:
            if entry.startswith(b"SSH_CONNECTION="):
                port = entry.split()[-1]  # client, its port, server, its port (ssh(1))
                return {int(port)} if port.isdigit() else set()
        pid = parent_of(proc, pid)
    return set()


def listening(proc: Path) -> dict[str, int]:
    """Return inode -> port of every listening TCP socket."""
    found = {}
    for table in (proc / "net/tcp", proc / "net/tcp6"):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in map(str.split, lines):
            if fields[3] == LISTEN:
                found[fields[9]] = int(fields[1].rpartition(":")[2], 16)
    return found


def sshd_ports(proc: Path) -> set[int]:
    """Return the ports whose socket an sshd has open."""
    sockets = listening(proc)
    found = set()
    for directory in proc.glob("[0-9]*"):
        try:
            if not (directory / "comm").read_text().startswith("sshd"):
                continue
            names = [os.readlink(descriptor) for descriptor in (directory / "fd").iterdir()]  # noqa: PTH115 - no path
        except OSError:  # ended meanwhile
            continue
        inodes = {name.removeprefix("socket:[").rstrip("]") for name in names if name.startswith("socket:[")}
        found |= {port for inode, port in sockets.items() if inode in inodes}
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, ports=sorted(own_port(PROC, os.getpid()) | sshd_ports(PROC)) or [USUAL])


if __name__ == "__main__":
    main()
