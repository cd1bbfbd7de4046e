"""Debian's nginx with a rendered site, in a directory of its own: what it says of the files, and what it answers."""

from __future__ import annotations

import http.server
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tools

PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
START_SECONDS = 10
SLOTS = 24  # names of sockets that nginx knows of each kind


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A project behind nginx."""

    daemon_threads = True


def version() -> str:
    """Return what `nginx -v` says."""
    return subprocess.run([tools.nginx(), "-v"], capture_output=True, text=True, check=True).stderr


def _command(site: str, main: str, scratch: Path) -> list[str | Path]:
    (scratch / "site.conf").write_text(site)
    (scratch / "main.conf").write_text(main)
    places = "".join(f"{name}_temp_path {scratch}/{name};\n" for name in PATHS)
    (scratch / "nginx.conf").write_text(
        f"pid {scratch}/pid;\nerror_log stderr;\ninclude {scratch}/main.conf;\nevents {{}}\n"
        # one process, which may be root where the tests are: the certificate and the sockets are its own
        f"daemon off;\nmaster_process off;\nhttp {{\n{places}include {scratch}/site.conf;\n}}\n"
    )
    return [tools.nginx(), "-e", "stderr", "-p", scratch, "-c", scratch / "nginx.conf"]


def complaints(site: str, main: str, scratch: Path) -> list[str]:
    """Return what `nginx -t` has against a site; nothing when it takes it without a warning."""
    done = subprocess.run([*_command(site, main, scratch), "-t"], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "[" in line and "[notice]" not in line]
    return said or ([done.stderr] if done.returncode else [])


def findings(site: str, main: str, scratch: Path) -> list[dict[str, Any]]:
    """Return what gixy finds in a site above "low"."""
    *_, file = _command(site, main, scratch)
    gixy = Path(sys.executable).with_name("gixy")
    done = subprocess.run([gixy, "--format", "json", file], capture_output=True, text=True)
    assert done.stdout.startswith("["), done.stderr
    return [entry for entry in json.loads(done.stdout) if entry["severity"] in ("MEDIUM", "HIGH")]


@contextmanager
def running(site: str, main: str, scratch: Path, ports: list[int]) -> Iterator[None]:
    """Run nginx until the end of the block; it answers on all ports when the block begins."""
    with (scratch / "stderr").open("wb") as output:
        process = subprocess.Popen(_command(site, main, scratch), stderr=output)
    try:
        end = time.monotonic() + START_SECONDS
        waiting = list(ports)
        while waiting:
            said = (scratch / "stderr").read_text()
            assert process.poll() is None and time.monotonic() < end, f"nginx does not start: {said}"
            waiting = [port for port in waiting if not _open(port)]
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        time.sleep(0.05)  # refused at once: ask again, not a thousand times
        return False
    return True


@contextmanager
def answering(path: Path, handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[None]:
    """Have a project answer on a Unix socket until the end of the block."""
    with UnixServer(str(path), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


@contextmanager
def live(place: Path, handler: type[http.server.BaseHTTPRequestHandler], *offers: str) -> Iterator[None]:
    """Have a project answer under every name that nginx knows, until the end of the block; see `below`."""
    for offer in offers:
        (place / "live" / offer).mkdir(parents=True)
        for slot in range(1, SLOTS + 1):
            (place / f"live/{offer}/{slot}.sock").symlink_to(place / "live/socket")
    with answering(place / "live/socket", handler):
        yield


def below(place: Path) -> dict[str, str]:
    """Return the variables for a site whose files and sockets are below a directory."""
    return {
        **dict.fromkeys(("host_root", "release_root", "app_server_root"), str(place)),
        "nginx_live_dir": str(place / "live"),
        "nginx_static_root": str(place / "static"),
    }


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on; none with 443 in it, as gixy takes each of those for one of TLS."""
    sockets: list[socket.socket] = []
    ports: list[int] = []
    while len(ports) < count:
        sockets.append(socket.create_server(("127.0.0.1", 0)))
        port = int(sockets[-1].getsockname()[1])
        if "443" not in str(port):
            ports.append(port)
    for one in sockets:
        one.close()
    return ports
