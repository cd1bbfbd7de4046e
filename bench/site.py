#!/usr/bin/env python3
"""The site as the kit deploys it, beside its engine alone and beside two set-ups that others print.

    .venv/bin/python bench/site.py --run "ansible-playbook -i INVENTORY deploy.yml -l HOST" --ssh "ssh HOST"

HOST is a throwaway host with systemd, and its app the sample site on plain HTTP, port 8080: the benchmark deploys it
under several servers, and takes away what else it puts there. Whoever asks is h2load on the host itself, over HTTP/1.1
with 64 connections. What is compared is asked in turns, a few seconds each, so that noise meets all of it; each ratio
is the median of the rounds, with the lowest and the highest. CPU per request is that of nginx and the app's processes,
as the kernel counts it, and hardly knows noise. How often nginx connects to the app for one request is counted by
strace. It ends with 1 when a ratio is beyond its bound.

The others are the configuration in Channels' documentation (supervisor's TCP socket and a proxy without keep-alive),
and the command in cookiecutter-django's compose file (gunicorn with uvicorn's worker, whitenoise), with as many
processes as the kit has. `--plant` slows the kit down, which must be found: `sleep` lets its wrapper wait a tenth of a
second in each request under WSGI, `workers` gives it half of the processes, and `keepalive` has nginx connect anew for
each request.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from site_load import ANEW, KIT, LITTLE, PAGE, SITE, Asked, Target, ask, spread
from throwaway import PLACE, Host, copy_of_sample, options_of, packages_of, say

# one that waits; an asynchronous one; a file
WAITING, ASYNC, STATIC = "/slow/?seconds=0.05", "/events/soon/", "/static/live/live.css"
# of ten requests seven are for pages of synchronous views, two for a static file, one for an asynchronous view
MIXED = (PAGE, PAGE, PAGE, STATIC, PAGE, ASYNC, PAGE, STATIC, PAGE, PAGE)
ASYNC_VIEW = """

import asyncio

from django.http import JsonResponse


async def soon(request):
    await asyncio.sleep(0.01)
    return JsonResponse({})


urlpatterns.append(path("events/soon/", soon))
"""
# Channels 4's "Deploying", "Example Setup": the locations of its nginx
NGINX = """
upstream bench { server 127.0.0.1:18000; }
server {
    listen 127.0.0.1:18080;
    location / {
        proxy_pass http://bench;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_redirect off;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Host $server_name;
    }
}
"""
APT = ("nghttp2-client", "curl", "strace")
WHITENOISE = """
from asgiway_runtime.settings import *
MIDDLEWARE = [MIDDLEWARE[0], "whitenoise.middleware.WhiteNoiseMiddleware", *MIDDLEWARE[1:]]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
"""


@dataclass(frozen=True)
class Row:
    """One comparison, round by round: the kit, and what is beside it."""

    what: str
    other: str
    least: float
    pairs: Sequence[tuple[Asked, Asked]]

    @property
    def ratio(self) -> float:
        """Return the kit's share of the other's requests per second, the median of the rounds."""
        return statistics.median(one.rate / two.rate for one, two in self.pairs)

    @property
    def missed(self) -> str:
        """Return what is to be said of a ratio beyond its bound."""
        said = f"too low: {self.what}, beside {self.other}: {self.ratio:.2f}, at least {self.least:.2f}"
        return said if self.ratio < self.least else ""

    def __str__(self) -> str:
        """Return the row of a Markdown table."""
        rates = [statistics.median(pair[side].rate for pair in self.pairs) for side in (0, 1)]
        bound = f"{self.least:.2f}" if self.least else ""
        ratio = spread([one.rate / two.rate for one, two in self.pairs])
        cpu = spread([one.cpu / two.cpu for one, two in self.pairs])
        return f"| {self.what} | {self.other} | {rates[0]:.0f} | {rates[1]:.0f} | {ratio} | {bound} | {cpu} |"


@dataclass(frozen=True)
class Connections:
    """How many connections to the app a number of answers has taken."""

    what: str
    opened: int
    answers: int
    most: float

    @property
    def ratio(self) -> float:
        """Return the connections for each answer."""
        return self.opened / self.answers

    @property
    def missed(self) -> str:
        """Return what is to be said of a ratio beyond its bound."""
        said = f"too many connections to the app: {self.what}: {self.ratio:.2f}, at most {self.most:.2f}"
        return said if self.ratio > self.most else ""

    def __str__(self) -> str:
        """Return the row of a Markdown table."""
        return f"| {self.what} | {self.opened} | {self.answers} | {self.ratio:.2f} | {self.most:.2f} |"


class Bench:
    """All comparisons on one host."""

    def __init__(self, host: Host, project: Path, seconds: int, rounds: int) -> None:
        """Ask each for `seconds` in each of `rounds`."""
        self._host, self._project, self._seconds, self._rounds = host, project, seconds, rounds
        self._release = ""
        self.rows: list[Row] = []
        self.connections: list[Connections] = []

    def deploy(self, server: str, workers: int) -> None:
        """Deploy, and look where the release is."""
        # one visitor is the whole load, so what one visitor may take is not bounded
        self._release = self._host.deploy(
            app_path=self._project, server=server, workers=workers, drain_seconds=1, requests_per_address=0
        )

    def connect_anew(self) -> None:
        """Have nginx keep no connection to the app."""
        self._host.run(f"grep -q keepalive {SITE}; sed -i '{ANEW}' {SITE}; nginx -qt; nginx -s reload")

    def slow_down(self) -> None:
        """Let the wrapper wait in each request under WSGI."""
        wrapper = f"{self._release}/runtime/asgiway_runtime/wsgi.py"
        self._host.run(
            f"sed -i \"s/^    answer: /    __import__('time').sleep(0.1)\\n&/\" {wrapper}; grep -q sleep {wrapper}; "
            "systemctl restart sample.target; "
            "curl -sf -o /dev/null --retry 50 --retry-all-errors --retry-delay 1 http://127.0.0.1:8080/healthz"
        )

    def engine(self) -> Target:
        """Return the one process of the live release."""
        sockets = self._host.run(f"ls /run/sample/{Path(self._release).name}/*.sock").split()
        if len(sockets) != 1:
            sys.exit(f"one socket is asked beside nginx, and there are {sockets}")
        return Target("the engine's socket", "http://127.0.0.1", sockets[0])

    @contextmanager
    def other(self, name: str, command: str, front: bool) -> Iterator[Target]:
        """Have another server of the same release on TCP, behind the nginx of Channels' documentation or alone."""
        site = "/etc/nginx/conf.d/asgiway-bench.conf"
        environment = {} if front else {"DJANGO_SETTINGS_MODULE": "with_whitenoise"}
        with self._host.serving(self._release, command, **environment):
            if front:
                self._host.run(f"cat >{site}; nginx -qt && nginx -s reload", NGINX)
            try:
                yield Target(name, f"http://127.0.0.1:{18080 if front else 18000}")
            finally:
                self._host.run(f"rm -f {site}; nginx -s reload")

    def compare(self, what: str, one: Target, two: Target, paths: Sequence[str], least: float = 0) -> None:
        """Ask both in turns, the second first in every other round."""
        pairs = []
        for target in (one, two):
            ask(self._host, target, paths, 1)  # what a first request costs once
        for number in range(self._rounds):
            found = {}
            for target in (one, two) if number % 2 == 0 else (two, one):
                found[target] = ask(self._host, target, paths, self._seconds)
            pairs.append((found[one], found[two]))
            ratio, cpu = found[one].rate / found[two].rate, found[one].cpu / found[two].cpu
            say(f"{what}, {one.name} : {two.name}, round {number + 1} of {self._rounds}: {ratio:.2f}, CPU {cpu:.2f}")
        self.rows.append(Row(what, two.name, least, pairs))

    def count_connections(self, what: str, most: float) -> None:
        """Count how often nginx connects to the app while it is asked for what costs the app little."""
        trace = f"{PLACE}/connections"
        self._host.run(
            "workers=$(pgrep -u www-data -x nginx | sed 's/^/-p /'); "
            f"systemd-run -q --collect --unit=asgiway-bench-trace strace -f -e trace=connect -o {trace} $workers; "
            "for i in $(seq 50); do grep -hq '^TracerPid:.*[1-9]' $(pgrep -u www-data -x nginx | "
            "sed 's|.*|/proc/&/status|') && exit 0; sleep 0.1; done; echo 'strace does not attach'; exit 1"
        )
        try:
            answers = ask(self._host, KIT, [LITTLE], self._seconds).answers
        finally:
            self._host.run("systemctl stop asgiway-bench-trace")
        opened = int(self._host.run(f"grep -c '/http/.*[.]sock' {trace} || :"))
        self.connections.append(Connections(what, opened, answers, most))
        say(f"{what}: {opened} connections to the app for {answers} answers")


def measure(bench: Bench, plant: str) -> None:
    """Make all comparisons."""
    bench.deploy("uvicorn", 1)
    if plant == "keepalive":
        bench.connect_anew()
    bench.compare("uvicorn, a page", KIT, bench.engine(), [PAGE], 0.90)
    bench.count_connections("uvicorn, who am I", 0.5)
    command = "uvicorn config.asgi:application --host 127.0.0.1 --port 18000 --no-access-log"
    with bench.other("Channels' documentation", command, True) as other:
        bench.compare("uvicorn, a page", KIT, other, [PAGE])
        bench.compare("uvicorn, who am I", KIT, other, [LITTLE])
    bench.deploy("daphne", 1)
    if plant == "keepalive":
        bench.connect_anew()
    bench.compare("daphne, a page", KIT, bench.engine(), [PAGE], 0.90)
    # as printed there, which logs each request
    command = "daphne -b 127.0.0.1 -p 18000 --access-log - --proxy-headers config.asgi:application"
    with bench.other("Channels' documentation", command, True) as other:
        bench.compare("daphne, a page", KIT, other, [PAGE], 1.3)
        bench.compare("daphne, who am I", KIT, other, [LITTLE])
    bench.deploy("hybrid", 1 if plant == "workers" else 2)
    if plant == "sleep":
        bench.slow_down()
    command = "gunicorn config.asgi:application --bind 127.0.0.1:18000 -w 2 -k uvicorn_worker.UvicornWorker"
    with bench.other("cookiecutter-django's command", command, False) as other:
        bench.compare("hybrid, mixed", KIT, other, MIXED, 1.2)
        # what a synchronous view costs under ASGI shows where the view itself costs little
        bench.compare("hybrid, who am I", KIT, other, [LITTLE], 3)
        bench.compare("hybrid, a page", KIT, other, [PAGE])
        bench.compare("hybrid, a page that waits 50 ms", KIT, other, [WAITING])
        bench.compare("hybrid, a static file", KIT, other, [STATIC])


def main() -> int:
    """Run it all and print a Markdown table; 1 when a ratio is too low."""
    parser = options_of(__doc__ or "")
    parser.add_argument("--seconds", type=int, default=5, help="of each turn (5)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each (7)")
    parser.add_argument(
        "--plant", choices=["sleep", "workers", "keepalive"], default="", help="a slowdown that must be found"
    )
    options = parser.parse_args()
    host = Host(options.ssh, options.run)
    with tempfile.TemporaryDirectory() as work:
        project = copy_of_sample(Path(work) / "project")
        with (project / "config/urls.py").open("a") as urls:
            urls.write(ASYNC_VIEW)
        requirements = (project / "requirements.txt").read_text(encoding="utf-8")
        try:
            host.prepare([requirements, *packages_of("daphne", "gunicorn_uvicorn"), "whitenoise"], *APT)
            host.run(f"cat >{PLACE}/with_whitenoise.py", WHITENOISE)
            bench = Bench(host, project, options.seconds, options.rounds)
            measure(bench, options.plant)
            found = host.versions("daphne", "uvicorn", "uvicorn-worker", "gunicorn", "Django", "uvloop", "httptools")
        finally:
            host.clear()
    sys.stdout.write(f"{time.strftime('%Y-%m-%d')}; {found}\n\n")
    sys.stdout.write(
        "| with the kit | beside | req/s | beside | ratio (lowest to highest) | at least | CPU per request |\n"
    )
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    sys.stdout.write("\n".join(str(row) for row in bench.rows) + "\n")
    sys.stdout.write(
        "\n| with the kit | connections to the app | answers | for each | at most |\n|---|---|---|---|---|\n"
    )
    sys.stdout.write("\n".join(str(row) for row in bench.connections) + "\n")
    missed = [row.missed for row in (*bench.rows, *bench.connections) if row.missed]
    sys.stdout.write("".join(f"\n{said}\n" for said in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
