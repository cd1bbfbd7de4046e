"""The drain against real connections, counted in the kernel's own table."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import drain

RunModule = Callable[..., dict[str, Any]]


class Server:
    """A listener whose accepted connections the test closes when it likes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open: list[socket.socket] = []
        self.listener = self.keep(socket.socket(socket.AF_UNIX))
        self.listener.bind(str(path))
        self.listener.listen()

    def keep(self, sock: socket.socket) -> socket.socket:
        self.open.append(sock)
        return sock

    def dial(self) -> socket.socket:
        """Return a client's connection that waits to be accepted."""
        client = self.keep(socket.socket(socket.AF_UNIX))
        client.connect(str(self.path))
        return client

    def visit(self) -> socket.socket:
        """Return the server's side of a new connection."""
        self.dial()
        return self.keep(self.listener.accept()[0])

    def close(self) -> None:
        for sock in self.open:
            sock.close()


@pytest.fixture
def server(socket_dir: Path) -> Iterator[Server]:
    server = Server(socket_dir / "asgi 1.sock")
    yield server
    server.close()


def test_a_listener_alone_is_empty(run_module: RunModule, server: Server) -> None:
    result = run_module(drain.main, sockets=[str(server.path)], seconds=5)
    assert (result["found"], result["left"], result["changed"]) == (0, 0, False)
    assert result["waited"] < 1


def test_who_stays_is_counted_at_the_bound(run_module: RunModule, server: Server) -> None:
    server.visit()
    server.visit()
    result = run_module(drain.main, sockets=[str(server.path), "/nowhere.sock"], seconds=1)
    assert (result["found"], result["left"]) == (2, 2)
    assert result["sockets"] == {str(server.path): 2}
    assert 1 <= result["waited"] < 2


def test_it_returns_when_the_last_one_leaves(
    run_module: RunModule, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = [server.visit(), server.visit()]
    monkeypatch.setattr(drain.time, "sleep", lambda _: visits.pop().close())
    result = run_module(drain.main, sockets=[str(server.path)], seconds=60)
    assert (result["found"], result["left"], visits) == (2, 0, [])


def test_one_that_waits_to_be_accepted_counts(run_module: RunModule, server: Server) -> None:
    server.dial()
    assert run_module(drain.main, sockets=[str(server.path)], seconds=0)["left"] == 1


def test_a_link_counts_for_what_it_leads_to_and_nothing_twice(
    run_module: RunModule, server: Server, tmp_path: Path
) -> None:
    link = tmp_path / "1.sock"
    link.symlink_to(server.path)
    server.visit()
    assert run_module(drain.main, sockets=[str(link)], seconds=0)["left"] == 1
    assert run_module(drain.main, sockets=[str(server.path), str(link)], seconds=0)["left"] == 1


def test_connections_of_others_do_not_count(run_module: RunModule, server: Server, socket_dir: Path) -> None:
    server.visit()
    assert run_module(drain.main, sockets=[str(socket_dir / "asgi")], seconds=0)["left"] == 0


def test_the_order_is_written_before_the_wait(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    order = tmp_path / "drain"
    visit = server.visit()

    def leave() -> None:
        while not order.exists():
            threading.Event().wait(0.01)
        visit.close()

    leaver = threading.Thread(target=leave)
    leaver.start()
    result = run_module(drain.main, sockets=[str(server.path)], seconds=10, limit=20, order_file=str(order))
    leaver.join()
    assert (result["left"], result["ordered"], order.read_text()) == (0, True, "10 20\n")
    assert [path.name for path in tmp_path.iterdir()] == ["drain"]


def test_nobody_to_order(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(drain.main, sockets=[], order_file=str(tmp_path / "gone" / "drain"))
    assert (result["ordered"], result.get("failed")) == (False, None)


def test_check_mode_only_counts(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    server.visit()
    order = tmp_path / "drain"
    result = run_module(drain.main, _check=True, sockets=[str(server.path)], seconds=60, order_file=str(order))
    assert (result["left"], order.exists()) == (1, False)
    assert result["waited"] < 1


def test_an_unreadable_table_is_one_sentence(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(drain.main, sockets=[], proc_file=str(tmp_path / "unix"))
    assert result["msg"] == f"drain: {tmp_path}/unix cannot be used: No such file or directory."


def test_the_limit_bounds_the_wait(run_module: RunModule, server: Server) -> None:
    server.visit()
    result = run_module(drain.main, sockets=[str(server.path)], seconds=0, limit=1)
    assert result["left"] == 1
    assert 1 <= result["waited"] < 2


def test_what_the_processes_tell_is_added_up(run_module: RunModule, server: Server, tmp_path: Path) -> None:
    (tmp_path / "drain.11").write_text('{"websockets": 3, "streams": 1, "websockets_left": 1, "streams_left": 0}')
    (tmp_path / "drain.12").write_text('{"websockets": 2, "streams": 0, "websockets_left": 0, "streams_left": 0}')
    (tmp_path / "drain.13").write_text('{"webso')  # was killed in the middle of it
    result = run_module(drain.main, sockets=[str(server.path)], seconds=0, order_file=str(tmp_path / "drain"))
    assert result["told"] == {"websockets": 5, "streams": 1, "websockets_left": 1, "streams_left": 0}
