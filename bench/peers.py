#!/usr/bin/env python3
"""The kit beside the stack that one assembles without it: both on one host, in turns, under the same visitors.

    . .venv/bin/activate
    ansible-galaxy role install -r bench/peers/requirements.yml -p ROLES
    bench/peers.py -i INVENTORY [-i MORE] --roles ROLES [-e WORD=VALUE ...] [--rounds 3]

The stack is bench/peers/site.yml: geerlingguy.redis, ansistrano.deploy with rsync (the controller needs it) and
geerlingguy.nginx, with a shared virtual environment and uvicorn. The inventory is that of one throwaway host with
systemd. Both deploy the same copy of the sample app to it, the kit as `bench` to port 8090 and the stack to port 8091:
they share nginx and its nginx.conf, which is the stack's, and each has a Redis of its own.

In each round both run with nothing to do, and then bring the same new code, each while its site is asked for its first
page at a steady rate, always over a new connection, from a second before to three seconds after. Who comes first
changes from round to round. The drain of WebSockets is left out, for nobody has one open (`drain_seconds=0`), and the
bound on what one visitor may ask at once, for one asks it all. It prints a table in Markdown, and ends with 1 when a
target is missed; `--plant 60` adds sixty tasks to each of the kit's deploys, to see that it would.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml
from deploy import ROOT, Bench, Run

STACK = ROOT / "bench/peers"
REQUIREMENTS = STACK / "requirements.yml"
KIT_PORT, STACK_PORT = 8090, 8091
# kind of run: the share of the stack's time that is not to be exceeded
TARGETS = {"nothing to do": 0.25, "new code": 1.0}
RATE = 50  # requests a second
BEFORE, AFTER = 1, 3  # seconds of requests around a release
LIMIT = 30  # seconds for one answer


@dataclass
class Load:
    """What was asked of a site, and what was no answer."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Turn:
    """What one of the two did in a round: a run of each kind, and the load beside that of new code."""

    runs: dict[str, Run]
    load: Load


@dataclass(frozen=True)
class Round:
    """A turn of each."""

    kit: Turn
    stack: Turn


async def visit(url: str, load: Load, stop: threading.Event) -> None:
    """Ask for a page at the rate, whether or not the answers come, until the stop."""

    async def ask() -> None:
        try:
            answer = await client.get(url)
        except httpx.HTTPError as error:
            load.failed.append(repr(error))
        else:
            if not answer.is_success and not answer.is_redirect:
                load.failed.append(str(answer.status_code))

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(timeout=LIMIT, trust_env=False, limits=limits) as client,
        asyncio.TaskGroup() as asking,
    ):
        start = time.monotonic()
        while not stop.is_set():
            asking.create_task(ask())
            load.asked += 1
            await asyncio.sleep(start + load.asked / RATE - time.monotonic())


@contextmanager
def visited(url: str) -> Iterator[Load]:
    """Have the site visited, from a thread of its own.

    Raises:
        ValueError: when no request at all was answered well.
    """
    load, stop = Load(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        visitor = pool.submit(asyncio.run, visit(url, load, stop))
        try:
            time.sleep(BEFORE)
            yield load
            time.sleep(AFTER)
        finally:
            stop.set()
        visitor.result()  # raises what ended it, if it was not the stop
    if len(load.failed) == load.asked:
        raise ValueError(f"{url} answered nothing well: {load.failed[0]}")


def ratios(rounds: Sequence[Round], kind: str) -> list[float]:
    """Return, for each round, the kit's share of the stack's time."""
    return [one.kit.runs[kind].seconds / one.stack.runs[kind].seconds for one in rounds]


def misses(rounds: Sequence[Round]) -> list[str]:
    """Return a sentence for each target that the kit misses."""
    said = []
    for kind, most in TARGETS.items():
        ratio = statistics.median(ratios(rounds, kind))
        if ratio > most:
            said.append(f"{kind}: {ratio:.2f} of the stack's time, at most {most} is wanted")
    changed = max(one.kit.runs["nothing to do"].changed for one in rounds)
    if changed:
        said.append(f"nothing to do: {changed} tasks changed something")
    failed = [why for one in rounds for why in one.kit.load.failed]
    if failed:
        said.append(f"new code: {len(failed)} requests failed, the first with {failed[0]}")
    return said


def table(rounds: Sequence[Round]) -> str:
    """Return the figures as a table in Markdown: medians, and the spread of the ratios."""
    sides = ([one.kit for one in rounds], [one.stack for one in rounds])
    lines = ["| | the kit | the stack | of its time | target |", "| --- | --- | --- | --- | --- |"]
    for kind, most in TARGETS.items():
        seconds = [f"{statistics.median(turn.runs[kind].seconds for turn in side):.1f}" for side in sides]
        found = ratios(rounds, kind)
        spread = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
        lines.append(f"| {kind}: seconds | {' | '.join(seconds)} | {spread} | {most} |")
        changed = [str(max(turn.runs[kind].changed for turn in side)) for side in sides]
        wanted = "0" if kind == "nothing to do" else ""
        lines.append(f"| {kind}: tasks that changed something | {' | '.join(changed)} |  | {wanted} |")
    failed = [
        f"{sum(len(turn.load.failed) for turn in side)} of {sum(turn.load.asked for turn in side)}" for side in sides
    ]
    lines.append(f"| new code: requests that failed | {' | '.join(failed)} |  | 0 |")
    return "\n".join(lines)


class Both(Bench):
    """The kit's deploy and the stack's, of one copy of the sample app to one host."""

    def __init__(self, inventories: list[str], words: list[str], roles: Path, room: Path, planted: int) -> None:
        """`room` is a directory for the copy of the project and the playbooks, `roles` has those of the stack."""
        listing = [*(part for file in inventories for part in ("-i", file)), "--list"]
        done = subprocess.run(["ansible-inventory", *listing], cwd=ROOT, capture_output=True, text=True, check=True)
        hosts = json.loads(done.stdout)["_meta"]["hostvars"]
        if len(hosts) != 1:
            raise ValueError(f"one host is wanted, and the inventory has {len(hosts)}")
        [(name, variables)] = hosts.items()
        self.address = variables.get("ansible_host", name)
        site = {"app_domain": self.address, "app_domain_aliases": [], "tls": "none", "http_port": KIT_PORT}
        kit = {"app_name": "bench", "requests_per_address": 0, **site}
        super().__init__(inventories, [json.dumps(kit), *words], ROOT / "sample_app", room, planted)
        self.stack = shutil.copytree(STACK, room / "stack") / "site.yml"
        # where Ansible looks first
        (room / "stack/roles").symlink_to(roles.resolve())

    def edit(self) -> None:
        """Change the code that both deploy."""
        (self.copy / "bench_of_peers.py").write_text(f"NUMBER = {time.time_ns()}\n")

    def deploy_kit(self) -> Run:
        """Deploy with the kit."""
        return self.release(change=False)

    def deploy_stack(self) -> Run:
        """Deploy with the stack."""
        return self.run(self.stack, "-e", f"peers_app={self.copy}", "-e", f"peers_port={STACK_PORT}")

    def round(self, kit_first: bool) -> Round:
        """Let both take a turn."""
        ways = {KIT_PORT: self.deploy_kit, STACK_PORT: self.deploy_stack}
        order = sorted(ways, reverse=not kit_first)
        same = {port: ways[port]() for port in order}
        self.edit()
        turns = {}
        for port in order:
            with visited(f"http://{self.address}:{port}/") as load:
                new = ways[port]()
            turns[port] = Turn({"nothing to do": same[port], "new code": new}, load)
        return Round(turns[KIT_PORT], turns[STACK_PORT])


def main() -> int:
    """Measure, print, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", "--inventory", action="append", required=True, help="as for ansible-playbook")
    parser.add_argument("-e", "--extra", action="append", default=[], metavar="WORD=VALUE", help="as for a deploy")
    parser.add_argument("--roles", type=Path, required=True, help="directory of the stack's roles")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plant", type=int, default=0, metavar="TASKS", help="tasks to add to each deploy of the kit")
    options = parser.parse_args()
    wanted = [role["name"] for role in yaml.safe_load(REQUIREMENTS.read_text())["roles"]]
    missing = [name for name in wanted if not (options.roles / name / "tasks").is_dir()]
    if missing:
        command = f"ansible-galaxy role install -r {os.path.relpath(REQUIREMENTS)} -p {options.roles}"
        parser.error(f"{options.roles} has no {' and no '.join(missing)}: {command}")
    with tempfile.TemporaryDirectory(prefix="asgiway-bench-") as room:
        both = Both(options.inventory, options.extra, options.roles, Path(room), options.plant)
        # two releases to be there, so that each further one retires one
        for number in (1, 2):
            sys.stderr.write(f"bench: preparation {number} of 2, a load of {os.getloadavg()[0]:.1f}\n")
            both.edit()
            both.deploy_kit()
            both.deploy_stack()
        rounds = []
        for number in range(options.rounds):
            sys.stderr.write(f"bench: round {number + 1} of {options.rounds}, a load of {os.getloadavg()[0]:.1f}\n")
            rounds.append(both.round(kit_first=number % 2 == 0))
    missed = misses(rounds)
    sys.stdout.write(f"{table(rounds)}\n\n" + "\n".join(missed or ["All targets are met."]) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
