"""One engine of the registry, started as its entry says, on a Unix socket in a directory of the test's."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import tools
import yaml
from ansible_collections.asgiway.django.plugins.module_utils import unix_http
from ansible_collections.asgiway.django.plugins.plugin_utils import servers
from websockets.sync.client import ClientConnection, unix_connect

ENGINES: dict[str, dict[str, Any]] = yaml.safe_load(tools.REGISTRY.read_text())["app_server_engines_default"]
HOST = "localhost"
CLIENT = "192.0.2.7"
# as nginx sends them
HEADERS = {"Host": HOST, "X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https", "X-Forwarded-Host": HOST}
START_LIMIT = 30.0  # seconds until an engine answers


class Engine:
    """A running engine.

    Attributes:
        entry: its entry in the registry.
        group: what the kit makes of the entry.
        argv: its command.
        socket: the path that it listens on.
    """

    def __init__(self, name: str, python: Path, state: Path, directory: Path) -> None:
        """Start it with two workers, below a directory of its own."""
        self.entry = ENGINES[name]
        (self.group,) = servers.server_groups(
            name,
            ENGINES,
            {},
            tuning={interface: {"workers": 2} for interface in ("wsgi", "asgi")},
            host={"cores": 2, "memory": 4096, "slots": 24},
            values={
                "venv": python.parent.parent,
                "wsgi": "asgiway_runtime.wsgi:application",
                "asgi": "asgiway_runtime.asgi:application",
                "runtime": directory,
                "websocket_timeout": 3600,
            },
        )
        self.argv = [str(word).replace("{instance}", "1") for word in self.group["argv"]]
        self.socket = Path(self.group["socket"].replace("{instance}", "1"))
        self._directory = directory
        self._output = directory / "log"
        environment = {
            "DJANGO_DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "ASGIWAY_WSGI": "config.wsgi:application",
            "ASGIWAY_ASGI": "config.asgi:application",
            "ASGIWAY_STATE_DIR": str(state),
            "ASGIWAY_RUNTIME_DIR": str(directory),
            "ASGIWAY_ENGINE": name,
            "ASGIWAY_CLOSE_CODE": str(self.group["close_code"]),
            "PYTHONPATH": f"{tools.ROOT / 'runtime'}{os.pathsep}{tools.ROOT / 'sample_app'}",
            **self.group["environment"],
        }
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                self.argv,
                cwd=tools.ROOT / "sample_app",
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o007,  # as the unit and the launch script set it
            )

    def client(self, **options: Any) -> httpx.Client:
        """Return a client that speaks to it as nginx does."""
        transport = httpx.HTTPTransport(uds=str(self.socket))
        return httpx.Client(transport=transport, base_url=f"http://{HOST}", headers=HEADERS, timeout=20, **options)

    def slow(self, seconds: float) -> int:
        """Return the status of a request that takes so long."""
        with self.client() as client:
            return int(client.get("/slow/", params={"seconds": seconds}).status_code)

    def connection(self) -> http.client.HTTPConnection:
        """Return one connection, which is not opened again when the engine closes it."""
        connection = http.client.HTTPConnection(HOST, timeout=10)
        connection.sock = unix_http.connect(str(self.socket), 10)
        connection.auto_open = 0
        return connection

    def websocket(self, path: str) -> ClientConnection:
        """Return an open WebSocket."""
        return unix_connect(
            str(self.socket),
            f"ws://{HOST}{path}",
            additional_headers={name: value for name, value in HEADERS.items() if name != "Host"},
            ping_interval=None,
            max_queue=None,
            close_timeout=2,
            legacy=True,
        )

    def wait_until_it_answers(self) -> None:
        """Return when it answers well; fail with what it printed."""
        end = time.monotonic() + START_LIMIT
        while True:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < end, f"no answer after {START_LIMIT:.0f} s:\n{self.log()}"
            try:
                if unix_http.get(str(self.socket), "/healthz", HEADERS, 5).status == 200:
                    return
            except unix_http.NotYet:
                pass
            time.sleep(0.05)

    def order_to_leave(self, seconds: float, limit: float) -> None:
        """Write the order of asgiway_runtime.drain."""
        (self._directory / "drain").write_text(f"{seconds} {limit}")

    def stop(self) -> float:
        """Ask it to stop as a process manager does; return how many seconds that took."""
        start = time.monotonic()
        self.process.send_signal(signal.Signals[f"SIG{self.entry['stop_signal']}"])
        self.process.wait(self.entry["grace"] + 10)  # what systemd and supervisor allow
        return time.monotonic() - start

    def kill(self) -> None:
        """End it with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def log(self) -> str:
        """Return the end of what it printed."""
        return self._output.read_text(errors="replace")[-4000:]
