"""The site that is changed: its playbooks, its host over ssh, and what must hold after a change."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import columns
import httpx
import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import registry
from seen import Figures
from visitors import Visitors

ROOT = Path(__file__).parents[2]
OWN_INVENTORY = ROOT / "inventories/own_engine.yml"
OWN_ENGINES = yaml.safe_load(OWN_INVENTORY.read_text())["all"]["vars"]["app_server_engines_custom"]
ENGINES = registry.engine_entries(columns.ENGINES | OWN_ENGINES)
# followers that poll hold a thread of a WSGI server each: 16 per process, the usual default, are too few for them
THREADS, PROCESSES_WITHOUT_THREADS = 24, 12
REQUESTS_PER_ADDRESS = 1000  # all visitors come from one
DEPLOY_LIMIT = 600  # seconds
GAP_LIMIT = 2.0  # seconds without an answer that nobody may see
QUIET = 3  # seconds of traffic before and after a change, to compare with
BACK_LIMIT = 10  # seconds until all WebSockets are open again
LIMIT_OF_CODE = re.compile(r"^MAX_AMOUNT = [\d_]+$", re.M)  # the constant that makes another release of the sample


def engines(server: str) -> dict[str, dict[str, Any]]:
    """Return the registry's entries of a server word, by name."""
    return {name: ENGINES[name] for name in columns.names(server)}


def capacity(server: str) -> dict[str, int]:
    """Return the words that give a server room for all visitors."""
    wsgi = [engine for engine in engines(server).values() if engine["interface"] == "wsgi"]
    threads = all("threads" in engine["tuning"] for engine in wsgi)
    room = {"threads": THREADS} if threads else {"wsgi_workers": PROCESSES_WITHOUT_THREADS}
    return {**room, "requests_per_address": REQUESTS_PER_ADDRESS}


def close_codes(server: str) -> set[int]:
    """Return the codes with which a server's WebSockets are drained, none under WSGI alone."""
    return {engine["close_code"] for engine in engines(server).values() if engine["interface"] == "asgi"}


def edit(copy: Path, number: int) -> str:
    """Change a constant of a copy of the sample app (made when missing) and return its path."""
    if not copy.exists():
        shutil.copytree(ROOT / "sample_app", copy, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"))
    views = copy / "live/views.py"
    text, found = LIMIT_OF_CODE.subn(f"MAX_AMOUNT = {number}", views.read_text())
    assert found == 1, f"{views} has no MAX_AMOUNT to change"
    views.write_text(text)
    return str(copy)


@dataclass(frozen=True)
class Site:
    """A deployed sample app.

    Attributes:
        url: where it answers.
        command: ansible-playbook with its inventory.
        ssh: the command that runs a command on its host, or nothing.
        app: its name on the host.
        drain_seconds: the span over which its WebSockets are closed.
        sockets: how many WebSockets its visitors hold.
    """

    url: str
    command: str
    ssh: str
    app: str
    drain_seconds: int
    sockets: int

    def draining(self, seconds: int) -> Site:
        """Return the same site, to be drained more slowly or faster."""
        return replace(self, drain_seconds=seconds)

    def play(self, playbook: str, **words: Any) -> str:
        """Run a playbook against the site; returns its output."""
        words = {"drain_seconds": self.drain_seconds, **words}
        command = [*shlex.split(self.command), "-i", str(OWN_INVENTORY)]
        argv = [*command, str(ROOT / f"playbooks/{playbook}.yml"), "-e", json.dumps(words)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=DEPLOY_LIMIT, check=False)
        assert done.returncode == 0, f"{playbook} {words}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
        return done.stdout

    def deploy(self, server: str, **words: Any) -> str:
        """Deploy under a server; returns the id of the release that is live then."""
        self.play("deploy", server=server, **capacity(server), **words)
        return str(self.health()["release"])

    def health(self) -> dict[str, Any]:
        """Return what the site says of itself."""
        answer: dict[str, Any] = httpx.get(f"{self.url}/healthz", trust_env=False).raise_for_status().json()
        return answer

    def serves(self, server: str) -> bool:
        """Return whether a server word is what is live: who answers pages, and who the async routes."""
        async_route = httpx.get(f"{self.url}/events/whoami/", trust_env=False).raise_for_status().json()
        names = list(engines(server))
        return [self.health()["server"], async_route["server"]] == [names[0], names[-1]]

    def is_well(self) -> bool:
        """Return whether the site answers."""
        try:
            return bool(self.health())
        except httpx.HTTPError:
            return False

    def code(self) -> int:
        """Return the constant of the code that is live, from the words of its refusal."""
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            client.get("/balance/")
            headers = {"X-CSRFToken": client.cookies["csrftoken"], "Origin": self.url}
            answer = client.post("/balance/deposit/", data={"amount": 0}, headers=headers)
        return int(answer.text.rsplit(maxsplit=1)[-1].rstrip("."))

    def deposits(self, keys: list[str]) -> tuple[int, int]:
        """Return how many of these deposits are not stored, and how many were stored or sent more than once."""
        lost = doubled = 0
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            for key in keys:
                stored = client.get("/balance/entries/", params={"key": key}).raise_for_status().json()
                lost += stored["rows"] == 0
                doubled += stored["rows"] > 1 or stored["posts"] > 1
        return lost, doubled

    def on_host(self, command: str, limit: float = 60) -> str:
        """Run a command on the host; returns its output."""
        argv = [*shlex.split(self.ssh), command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=False)
        assert done.returncode == 0, f"{command} on the host: {done.stdout}{done.stderr}"
        return done.stdout

    def nginx_workers(self) -> set[int]:
        """Return the process ids of nginx's workers: a reload replaces them."""
        return {int(pid) for pid in self.on_host('pgrep -P "$(sudo cat /run/nginx.pid)"').split()}

    def connections(self) -> Counter[str]:
        """Return how many connections are open to the sockets of each release that has any."""
        # columns of /proc/net/unix: the state is the sixth (03: connected), the path the eighth
        lines = [line.split() for line in self.on_host("cat /proc/net/unix").splitlines()]
        paths = [line[7] for line in lines if len(line) == 8 and line[5] == "03"]
        return Counter(path.split("/")[3] for path in paths if path.startswith(f"/run/{self.app}/"))

    def releases(self) -> set[str]:
        """Return the releases that have processes: what listens on their sockets."""
        found = re.findall(rf" 01 +\d+ /run/{self.app}/([0-9a-f]+)/", self.on_host("cat /proc/net/unix"))
        return set(found)

    def processes(self) -> dict[int, str]:
        """Return the app's processes with their command lines."""
        lines = self.on_host(f"ps -o pid=,args= -u {self.app}").splitlines()
        found = {int(pid): args for pid, _, args in (line.strip().partition(" ") for line in lines)}
        return {pid: args for pid, args in found.items() if f"/srv/{self.app}/releases/" in args}

    def versions(self, server: str) -> dict[str, str]:
        """Return what is installed on the host: system, nginx, and the packages that matter here."""
        packages = [package for engine in engines(server).values() for package in engine["packages"]]
        names = [re.split(r"[^\w-]", package)[0] for package in packages]
        names = list(dict.fromkeys([*names, "Django", "channels", "channels-redis"]))
        code = (
            "import importlib.metadata as m, json;"
            "have = {d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()};"
            f"print(json.dumps({{n: have[n.lower()] for n in {names!r} if n.lower() in have}}))"
        )
        found: dict[str, str] = json.loads(
            self.on_host(f"sudo /srv/{self.app}/live/venv/bin/python -c {shlex.quote(code)}")
        )
        nginx = self.on_host("sudo nginx -v 2>&1").strip().rpartition("/")[2]
        return {"Debian": self.on_host("cat /etc/debian_version").strip(), "nginx": nginx, **found}

    def manager(self) -> str:
        """Return the process manager that keeps the app's processes."""
        programs = f"/etc/supervisor/conf.d/{self.app}-*-*sgi.conf"  # wsgi or asgi
        return self.on_host(f"ls {programs} >/dev/null 2>&1 && echo supervisor || echo systemd").strip()

    @contextmanager
    def visited(self, sockets: int = 0) -> Iterator[Visitors]:
        """Let visitors use the site while it is changed, and a little before and after."""
        with Visitors(self.url, sockets or self.sockets) as visitors:
            time.sleep(QUIET)
            visitors.phase("during")
            yield visitors
            visitors.phase("after")
            time.sleep(QUIET)

    def judge(self, visitors: Visitors) -> Figures:
        """Return the figures of a run that is over; nothing failed, got lost or came twice, and nobody had to wait."""
        seen = visitors.seen
        figures = seen.figures(*self.deposits(seen.keys))
        told = f"{figures.as_dict()}\n{Counter(seen.failed).most_common(8)}"
        assert not seen.failed, told
        assert (figures.deposits_lost, figures.deposits_doubled) == (0, 0), told
        assert (figures.updates_lost, figures.updates_doubled) == (0, 0), told
        assert figures.updates >= figures.deposits > 0, told
        assert figures.gap <= GAP_LIMIT, told
        return figures

    def closed_evenly(self, closes: list[tuple[float, int]], codes: set[int], sockets: int) -> None:
        """Each socket was closed once, with one of these codes, evenly over drain_seconds."""
        assert len(closes) == (sockets if codes else 0), f"{len(closes)} closes of {sockets} sockets"
        assert {code for _, code in closes} == codes
        if not codes:
            return
        times = sorted(moment for moment, _ in closes)
        # the last leaves well after the first, and no second sees a crowd
        assert self.drain_seconds * 0.6 < times[-1] - times[0] < self.drain_seconds + 2, times[-1] - times[0]
        crowd = max(sum(start <= moment < start + 1 for moment in times) for start in times)
        assert crowd <= 3 * sockets / self.drain_seconds, f"{crowd} of {sockets} closed within a second"


def wait_for(what: str, condition: Any, limit: float) -> float:
    """Wait until a condition holds; returns how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, f"{what}: not within {limit} s"
        time.sleep(0.2)
    return time.monotonic() - start
