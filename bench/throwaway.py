"""The throwaway host that a benchmark measures on, reached as root by ssh."""

from __future__ import annotations

import argparse
import io
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils.source_tree import EXCLUDE

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT / "roles/app_server/defaults/main/engines.yml"
PLACE = "/opt/asgiway-bench"


def say(what: str) -> None:
    """Tell what goes on."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")


def options_of(document: str) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark on a host is told."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="ansible-playbook with inventory, deploy.yml and limit")
    parser.add_argument("--ssh", required=True, help="how a command is run on the host, with sudo without a password")
    return parser


def copy_of_sample(place: Path) -> Path:
    """Return a copy of the sample site that may be changed."""
    return Path(shutil.copytree(ROOT / "sample_app", place, ignore=shutil.ignore_patterns(*EXCLUDE)))


def packages_of(*engines: str) -> list[str]:
    """Return what the registry installs for these engines."""
    registry = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))["app_server_engines_default"]
    return [package for engine in engines for package in registry[engine]["packages"]]


class Host:
    """The host, with the kit's sample site on it."""

    def __init__(self, ssh: str, deploy: str) -> None:
        """Take the command lines that reach it and deploy to it."""
        self._ssh = shlex.split(ssh)
        self._deploy = shlex.split(deploy)

    def run(self, script: str, given: str | bytes = "", limit: int = 600) -> str:
        """Run a shell script as root and return what it printed; a failure ends the benchmark."""
        argv = [*self._ssh, "sudo", "sh", "-euc", shlex.quote(script)]
        entered = given.encode() if isinstance(given, str) else given
        done = subprocess.run(argv, input=entered, capture_output=True, timeout=limit)
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            sys.exit(f"on the host, {script!r} ended with {done.returncode}:\n{said}")
        return done.stdout.decode()

    def lay(self, directory: Path) -> None:
        """Put a directory of this checkout beside what `prepare` makes."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(directory, directory.name)
        self.run(f"tar -x -C {PLACE}", archive.getvalue())

    def deploy(self, **words: Any) -> str:
        """Deploy with these words of the user's and return the directory of the live release."""
        say("deploying " + " ".join(f"{name}={value}" for name, value in words.items()))
        argv = [*self._deploy, *(part for word in words.items() for part in ("-e", "{}={}".format(*word)))]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout[-4000:] + done.stderr)
        return self.run("readlink -f /srv/sample/live").strip()

    def prepare(self, requirements: Sequence[str], *apt: str) -> None:
        """Install what the benchmark needs, Python's packages into an environment of its own."""
        say("preparing the host")
        self.run(f"DEBIAN_FRONTEND=noninteractive apt-get install -qq -y {' '.join([*apt, 'python3-venv'])} >/dev/null")
        self.run(f"mkdir -p {PLACE}; cat >{PLACE}/requirements.txt", "\n".join([*requirements, ""]))
        self.run(f"test -x {PLACE}/bin/python || python3 -m venv {PLACE}")
        self.run(f"{PLACE}/bin/pip install -q --disable-pip-version-check -r {PLACE}/requirements.txt 2>&1")

    @contextmanager
    def serving(self, release: str, command: str, **environment: str) -> Iterator[None]:
        """Have a server from the benchmark's environment on 127.0.0.1:18000, with what a release's processes have."""
        variables = {"PYTHONPATH": f"{release}/runtime:{release}/src:{PLACE}", **environment}
        words = " ".join(f"{name}={value}" for name, value in variables.items())
        start = f"{release}/as-app /usr/bin/env {words} {PLACE}/bin/{command}"
        ask = "curl -sf -o /dev/null http://127.0.0.1:18000/healthz"
        try:
            self.run(
                "systemctl stop asgiway-bench 2>/dev/null || :\n"  # of a run that was killed
                f"systemd-run -q --collect --unit=asgiway-bench -p LimitNOFILE=20000 {start}\n"
                f"for i in $(seq 100); do {ask} && exit 0; sleep 0.2; done; journalctl -n 30 -u asgiway-bench; exit 1"
            )
            yield
        finally:
            self.run("systemctl stop asgiway-bench")

    def versions(self, *names: str) -> str:
        """Return what takes part, with its version; names are those of Python packages."""
        nginx, cores, debian = self.run("nginx -v 2>&1 | cut -d/ -f2; nproc; cat /etc/debian_version").split()
        found = self.run(f"{PLACE}/bin/pip list --format=freeze 2>/dev/null | grep -iE '^({'|'.join(names)})=='")
        return ", ".join([f"Debian {debian}, {cores} cores, nginx {nginx}", *found.replace("==", " ").splitlines()])

    def clear(self) -> None:
        """Take away what `prepare` made, but Debian's packages."""
        self.run(f"rm -rf {PLACE}")
