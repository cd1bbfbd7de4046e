"""A real certbot and a real ACME server: Pebble asks a running nginx with the rendered site.

By hand: `pytest tests/acme` fetches Debian's Pebble, to unpack it, and certbot into a virtual environment of its own.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nginx_run
import pytest
import rendering
import tools
from ansible.module_utils.testing import patch_module_args
from ansible_collections.asgiway.django.plugins.modules import acme_certificate, visit
from certificates_made import make

RunModule = Callable[..., dict[str, Any]]
NAMES = ["shop.example.test", "www.shop.example.test"]
STRANGER = "other.example.test"  # nginx does not answer to it
START_SECONDS = 20


@contextmanager
def running(command: Sequence[str | Path], ready: Callable[[], Any], log: Path, **environment: str) -> Iterator[None]:
    """Run a server until the end of the block; it answers when the block begins."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, command)), stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None and time.monotonic() < end, f"{command[0]} does not start: {log.read_text()}"
            try:
                ready()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)


class Host:
    """A host that has a site and asks an ACME server of this machine."""

    def __init__(self, scratch: Path, run_module: RunModule) -> None:
        self.scratch, self.run_module = scratch, run_module
        self.http, self.https, self.acme, self.management, self.dns, self.names = nginx_run.free_ports(6)
        self.directory = f"https://127.0.0.1:{self.acme}/dir"
        self.live = scratch / "etc/live/asgiway-shop"
        self.root = scratch / "root.pem"
        server = make("localhost", "127.0.0.1")
        (scratch / "server.pem").write_text(server.pem)
        (scratch / "server.key").write_text(server.key_pem)
        places = " ".join(f"--{name}-dir {scratch}/{name}" for name in ("work", "logs"))
        self.certbot = scratch / "certbot"
        self.certbot.write_text(
            f'#!/bin/sh\nexport REQUESTS_CA_BUNDLE={scratch}/server.pem\nexec {tools.certbot()} "$@" {places}'
            f" --config-dir {scratch}/etc\n"
        )
        self.certbot.chmod(0o755)

    def pebble(self, stack: ExitStack) -> None:
        """Start the ACME server and its DNS, in which every name is this machine's."""
        pebble, names = tools.pebble()
        addresses = ["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""]
        here = ["-dns01", f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.names}"]
        address = ("127.0.0.1", self.names)
        stack.enter_context(
            running(
                [names, *addresses, *here], lambda: socket.create_connection(address).close(), self.scratch / "dns.log"
            )
        )
        config = {
            "listenAddress": f"127.0.0.1:{self.acme}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.scratch / "server.pem"),
            "privateKey": str(self.scratch / "server.key"),
            "httpPort": self.http,
            "tlsPort": self.https,
        }
        (self.scratch / "pebble.json").write_text(json.dumps({"pebble": config}))
        context = ssl.create_default_context(cafile=self.scratch / "server.pem")
        command: list[str | Path] = [
            pebble,
            "-config",
            self.scratch / "pebble.json",
            "-dnsserver",
            f"127.0.0.1:{self.dns}",
        ]
        stack.enter_context(
            running(
                command,
                lambda: urllib.request.urlopen(self.directory, context=context),
                self.scratch / "pebble.log",
                PEBBLE_VA_NOSLEEP="1",
            )
        )
        root = f"https://127.0.0.1:{self.management}/roots/0"
        self.root.write_bytes(urllib.request.urlopen(root, context=context).read())

    def get(self, *names: str, **options: Any) -> dict[str, Any]:
        return self.run_module(
            acme_certificate.main,
            name="asgiway-shop",
            names=list(names),
            directory=self.directory,
            webroot=str(self.scratch / "acme"),
            config_dir=str(self.scratch / "etc"),
            certbot=str(self.certbot),
            **options,
        )


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> RunModule:
    def run(main: Callable[[], None], **options: Any) -> dict[str, Any]:
        capsys.readouterr()
        with patch_module_args(options), pytest.raises(SystemExit):
            main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def rendered(host: Host, **words: Any) -> rendering.Rendered:
    own = {"http_port": host.http, "https_port": host.https, "app_domain": NAMES[0], "app_domain_aliases": NAMES[1:]}
    said = {"__nginx_said": {"stderr": nginx_run.version()}, "__tls_written": {"checksum": "0"}}
    own |= {"trusted_proxies": [], "acme_directory": host.directory, **said, **words}
    return rendering.render_sites(host.scratch, {"shop": own})["shop"]


def test_a_certificate_from_an_acme_server(tmp_path: Path, run_module: RunModule) -> None:
    host = Host(tmp_path, run_module)
    (tmp_path / "acme").mkdir()
    waiting = rendered(host, tls="acme", __answering=True)
    site = waiting.files["nginx/unknown_host.conf.j2"] + waiting.files["nginx/site.conf.j2"]
    site = site.replace("/var/lib/asgiway/acme", str(tmp_path / "acme"))
    with ExitStack() as stack:
        host.pebble(stack)
        nginx = tmp_path / "plain"
        nginx.mkdir()
        with nginx_run.running(site, waiting.files["nginx/main.conf.j2"], nginx, [host.http]):
            first = host.get(*NAMES)
            assert (first.get("msg"), first["changed"], first["why"]) == (None, True, "there is none")
            again = host.get(*NAMES)
            assert (again["changed"], again["checksum"]) == (False, first["checksum"])
            failed = host.get(*NAMES, STRANGER)
            assert f": {STRANGER} Type: " in failed["msg"], failed
            assert host.get(*NAMES)["checksum"] == first["checksum"], "a failure leaves the certificate alone"
            fewer = host.get(NAMES[0])
            assert (fewer["changed"], fewer["why"]) == (True, "it is for other names")
            more = host.get(*NAMES)
            assert (more["changed"], more["why"]) == (True, "it is for other names")
            assert [path.name for path in host.live.parent.iterdir() if path.is_dir()] == ["asgiway-shop"]

        shown = rendered(host, tls="acme")
        site = shown.files["nginx/site.conf.j2"].replace("/etc/letsencrypt/", f"{tmp_path}/etc/")
        site = site.replace("/var/lib/asgiway/acme", str(tmp_path / "acme"))
        nginx = tmp_path / "tls"
        nginx.mkdir()
        with nginx_run.running(site, shown.files["nginx/main.conf.j2"], nginx, [host.http, host.https]):
            renewed = subprocess.run(
                [host.certbot, "renew", "--force-renewal", "--no-random-sleep-on-renew"], capture_output=True, text=True
            )
            assert renewed.returncode == 0, f"through the https site's plain port: {renewed.stdout}{renewed.stderr}"
            seen = run_module(
                visit.main,
                url=f"https://{NAMES[1]}:{host.https}/static/nothing",
                certificate=str(host.root),
                status=[404],
            )
            assert seen.get("status") == 404, seen
