#!/usr/bin/env python3
"""What each setting of nginx and of the engines gains: the site as it is deployed, beside the site without it.

    .venv/bin/python bench/settings.py --run "ansible-playbook -i INVENTORY deploy.yml -l HOST" --ssh "ssh HOST"

HOST is a throwaway host with systemd, and its app the sample site on plain HTTP, port 8080. A setting is taken out of
nginx's file, and nginx reads it again; both are asked in turns as in site.py. uvicorn's loop and parser are compared by
a server beside. The figures are for decision 15; nothing here has a bound.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from site_load import ANEW, KIT, LITTLE, SITE, Asked, Target, ask, spread
from throwaway import Host, copy_of_sample, options_of, packages_of, say

LARGE, TEXT = "/static/bench.bin", "/static/bench.css"
GZIP = ("-H", "'accept-encoding: gzip'")


@dataclass(frozen=True)
class Setting:
    """A setting: what sed does to the deployed file to have the other case, and what is asked."""

    name: str
    sed: str
    path: str
    options: Sequence[str] = ()


NGINX = (
    Setting("access log in blocks of 64 KiB", "s/ buffer=64k flush=5s//", LITTLE),
    Setting("request_pool_size 1k", "/request_pool_size/d", LITTLE),
    Setting("sendfile, a file of 1 MB", "s/sendfile on;/sendfile off;/", LARGE),
    Setting("gzip_static, a file of 100 KB", "s/gzip_static on;/gzip_static off;/", TEXT, GZIP),
    Setting("open_file_cache, a file of 30 KB", "/location .* .static/,/expires/{/open_file_cache/d}", TEXT, GZIP),
)


class Bench:
    """All comparisons on one host."""

    def __init__(self, host: Host, project: Path, seconds: int, rounds: int) -> None:
        """Ask each for `seconds` in each of `rounds`."""
        self._host, self._project, self._seconds, self._rounds = host, project, seconds, rounds
        self.rows: list[str] = []

    def deploy(self, **words: object) -> str:
        """Deploy, with files of some size among the static ones, and return the release."""
        release = self._host.deploy(app_path=self._project, drain_seconds=1, requests_per_address=0, **words)
        root = "/srv/sample/static"
        self._host.run(
            f"head -c 1000000 /dev/urandom >{root}/bench.bin; seq 20000 | head -c 100000 >{root}/bench.css; "
            f"gzip -kf9 {root}/bench.css; chmod 644 {root}/bench.*"
        )
        return release

    def _read(self, file: str) -> None:
        """Have nginx read a site, and wait for the last worker that has read another."""
        self._host.run(
            f"old=$(pgrep -u www-data -x nginx); cp {file} {SITE}; nginx -qt; nginx -s reload; "
            "for i in $(seq 100); do now=$(pgrep -u www-data -x nginx || :); "
            'for pid in $old; do case "$now" in *"$pid"*) sleep 0.1; continue 2;; esac; done; [ "$now" ] && exit 0; '
            "sleep 0.1; done; echo 'old workers stay'; exit 1"
        )

    def without(self, setting: Setting, under: str = "") -> None:
        """Compare the deployed site with the other case of a setting."""
        name = f"{setting.name}, {under}" if under else setting.name
        self._host.run(f"cp {SITE} /run/bench-with; sed '{setting.sed}' {SITE} >/run/bench-without")
        try:
            if not self._host.run("cmp -s /run/bench-with /run/bench-without || echo differ"):
                sys.exit(f"{name}: {setting.sed} changes nothing")

            def one(case: str) -> Asked:
                self._read(f"/run/bench-{case}")
                ask(self._host, KIT, [setting.path], 1, *setting.options)
                return ask(self._host, KIT, [setting.path], self._seconds, *setting.options)

            self._turns(name, one, "with", "without")
        finally:
            self._host.run(f"cp /run/bench-with {SITE}; nginx -s reload; rm -f /run/bench-with /run/bench-without")

    def command(self, name: str, release: str, command: str, plain: str) -> None:
        """Compare two command lines of a server beside."""
        beside = Target(name, "http://127.0.0.1:18000")

        def one(command: str) -> Asked:
            with self._host.serving(release, command):
                ask(self._host, beside, [LITTLE], 1)
                return ask(self._host, beside, [LITTLE], self._seconds)

        self._turns(name, one, command, plain)

    def _turns(self, name: str, one: Callable[[str], Asked], case: str, other: str) -> None:
        pairs = []
        for number in range(self._rounds):
            found = {each: one(each) for each in ((case, other) if number % 2 == 0 else (other, case))}
            pairs.append((found[case], found[other]))
        rates = spread([one.rate / two.rate for one, two in pairs])
        cpu = spread([one.cpu / two.cpu for one, two in pairs])
        say(f"{name}: {rates}, CPU {cpu}")
        middle = statistics.median(two.rate for _, two in pairs)
        self.rows.append(f"| {name} | {middle:.0f} | {rates} | {cpu} |")


def measure(bench: Bench) -> None:
    """Make all comparisons."""
    keepalive = Setting("connections to the app kept open", ANEW, LITTLE)
    release = bench.deploy(server="uvicorn", workers=2)
    bench.without(keepalive, "uvicorn")
    uvicorn = "uvicorn config.asgi:application --host 127.0.0.1 --port 18000 --workers 2 --no-access-log"
    for option, plain in {"--loop": "asyncio", "--http": "h11"}.items():
        name = {"--loop": "uvloop", "--http": "httptools"}[option]
        bench.command(f"{name}, uvicorn", release, uvicorn, f"{uvicorn} {option} {plain}")
    bench.deploy(server="daphne", workers=2)
    bench.without(keepalive, "daphne")
    bench.deploy(server="hybrid", workers=2)
    bench.without(keepalive, "gunicorn")
    for setting in NGINX:
        bench.without(setting)
    bench.deploy(server="hybrid", workers=2, microcache_seconds=1)
    bench.without(Setting("microcache_seconds: 1, a page without a form", "/^ *proxy_cache /d", "/"))


def main() -> int:
    """Run it all and print a Markdown table."""
    parser = options_of(__doc__ or "")
    parser.add_argument("--seconds", type=int, default=3, help="of each turn (3)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    options = parser.parse_args()
    host = Host(options.ssh, options.run)
    with tempfile.TemporaryDirectory() as work:
        project = copy_of_sample(Path(work) / "project")
        requirements = (project / "requirements.txt").read_text(encoding="utf-8")
        try:
            host.prepare([requirements, *packages_of("uvicorn")], "nghttp2-client", "curl")
            bench = Bench(host, project, options.seconds, options.rounds)
            measure(bench)
            found = host.versions("uvicorn", "Django", "uvloop", "httptools")
        finally:
            host.clear()
    sys.stdout.write(f"{time.strftime('%Y-%m-%d')}; {found}\n\n")
    sys.stdout.write(
        "| setting | req/s without | ratio with it (lowest to highest) | CPU per request |\n|---|---|---|---|\n"
    )
    sys.stdout.write("\n".join(bench.rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
