"""The ports of ssh: that of the connection itself, through sudo, and those where sshd listens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import ssh_ports

RunModule = Callable[..., dict[str, Any]]
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
CAME = b"LANG=C\0SSH_CONNECTION=198.51.100.7 50000 192.0.2.1 2201\0HOME=/root\0"


def line(port: int, inode: int, state: str = "0A") -> str:
    where, rest = f"00000000:{port:04X}", "00000000:00000000 00:00000000 00000000     0        0"
    return f"   0: {where} 00000000:0000 {state} {rest} {inode} 1\n"


def process(
    proc: Path, pid: int, comm: str, *, parent: int = 1, environment: bytes = b"", sockets: tuple[int, ...] = ()
) -> None:
    descriptors = proc / str(pid) / "fd"
    descriptors.mkdir(parents=True)
    (proc / str(pid) / "comm").write_text(comm + "\n")
    (proc / str(pid) / "stat").write_text(f"{pid} ({comm} (x) y) S {parent} 1 1 0\n")
    (proc / str(pid) / "environ").write_bytes(environment)
    (descriptors / "0").symlink_to("/dev/null")
    for number, inode in enumerate(sockets, 3):
        (descriptors / str(number)).symlink_to(f"socket:[{inode}]")


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host: nginx listens on 8080, sshd on 2222 in both families, and nobody has come by ssh."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(HEAD + line(8080, 10) + line(2222, 11) + line(40022, 12, "01"))
    (tmp_path / "net/tcp6").write_text(HEAD + line(2222, 13))
    process(tmp_path, 1, "init", parent=0)
    process(tmp_path, 50, "nginx", sockets=(10,))
    process(tmp_path, 60, "sshd", sockets=(11, 12, 13))
    process(tmp_path, 101, "python3")
    monkeypatch.setattr(ssh_ports, "PROC", tmp_path)
    monkeypatch.setattr(ssh_ports.os, "getpid", lambda: 101)
    return tmp_path


@pytest.mark.usefixtures("proc")
def test_where_sshd_listens_and_no_other_port(run_module: RunModule) -> None:
    """Neither nginx's, nor the far end of a connection that sshd has."""
    assert run_module(ssh_ports.main)["ports"] == [2222]


def test_the_connection_of_the_run_is_found_through_sudo(run_module: RunModule, proc: Path) -> None:
    """With socket activation it is systemd that listens."""
    process(proc, 201, "sshd-session")
    process(proc, 202, "sh", parent=201, environment=CAME)
    process(proc, 203, "sudo", parent=202, environment=b"LANG=C\0")
    (proc / "101/stat").write_text("101 (python3) S 203 1 1 0\n")
    assert run_module(ssh_ports.main)["ports"] == [2201, 2222]


def test_a_host_without_ssh_keeps_the_usual_port(run_module: RunModule, proc: Path) -> None:
    (proc / "60/comm").write_text("dropbear\n")
    (proc / "net/tcp6").unlink()
    assert run_module(ssh_ports.main)["ports"] == [22]


def test_this_machine_can_be_read(run_module: RunModule) -> None:
    assert run_module(ssh_ports.main, _check=True)["ports"]
