"""The socket that is left for a server: closed to others, and replaceable."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from asgiway_runtime import closed_socket


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "1.sock"


def test_others_may_not_open_it_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        closed_socket.leave(path)
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_what_a_killed_process_left_is_replaced(path: Path) -> None:
    path.write_text("no socket")
    path.chmod(0o666)
    closed_socket.leave(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_nobody_answers_on_it(path: Path) -> None:
    closed_socket.leave(path)
    with socket.socket(socket.AF_UNIX) as visitor, pytest.raises(ConnectionRefusedError):
        visitor.connect(str(path))


def test_asyncio_takes_its_place(path: Path) -> None:
    closed_socket.leave(path)

    async def serve() -> None:
        server = await asyncio.start_unix_server(lambda reader, writer: None, path)
        server.close()

    asyncio.run(serve())


def test_it_becomes_the_command(path: Path) -> None:
    command = [sys.executable, "-c", "import os, sys; print(os.getpid(), *sys.argv[1:])", "--uds", str(path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "asgiway_runtime.closed_socket", path, *command],
        env={"PYTHONPATH": str(Path(closed_socket.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate(timeout=20)
    assert output.split() == [str(process.pid), "--uds", str(path)]
    assert path.is_socket()
