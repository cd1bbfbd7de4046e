#!/usr/bin/env python3
"""What a deploy costs, beside sixty trivial tasks over the same connection: with nothing to do, and with new code.

    . .venv/bin/activate
    bench/deploy.py -i INVENTORY [-i MORE] [-e WORD=VALUE ...] [--app DIRECTORY] [--rounds 3]

It deploys a copy of a project (the sample app) to the hosts of an inventory, which should have nothing else to do, and
puts a file into it for each release of new code. The drain is left out: nobody is connected, and its time is the
visitors'. The kinds of run take turns, and are compared within a round. Each release retires one, as on a host that has
been deployed to for a while. It prints a table in Markdown, and ends with 1 when a target is missed; `--plant 10` adds
ten tasks to each deploy, to see that it would.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils.source_tree import EXCLUDE

ROOT = Path(__file__).resolve().parents[1]
TRIVIAL = 60
# kind of run: tasks per host, and share of the time of the trivial tasks
TARGETS = {"nothing to do": (12, 0.25), "new code": (35, 0.8)}
WORDS = ("drain_seconds=0", "keep_releases=2")
RECAP = re.compile(r"^(\S+)\s*: ok=(\d+) +changed=(\d+) .*?failed=(\d+) +skipped=(\d+)", re.M)


@dataclass(frozen=True)
class Run:
    """One run of a playbook.

    Attributes:
        seconds: on the clock; cpu: of the controller's processes.
        tasks: that ran, on the host with the most of them; changed and skipped: on the same host.
    """

    seconds: float
    tasks: int
    changed: int
    skipped: int
    cpu: float = 0.0


def read(output: str, seconds: float, cpu: float = 0.0) -> Run:
    """Read the recap of a run.

    Raises:
        ValueError: when there is none, or a host failed.
    """
    found = [[int(number) for number in row[1:]] for row in RECAP.findall(output)]
    if not found or any(failed for _, _, failed, _ in found):
        raise ValueError(output[-3000:])
    tasks, changed, _, skipped = max(found)
    return Run(seconds, tasks, changed, skipped, cpu)


def misses(rounds: dict[str, list[Run]]) -> list[str]:
    """Return a sentence for each target that is missed; rounds holds the runs of each kind, in turn."""
    said = []
    for kind, (tasks, share) in TARGETS.items():
        most, ratio = max(run.tasks for run in rounds[kind]), statistics.median(shares(rounds, kind))
        if most > tasks:
            said.append(f"{kind}: {most} tasks, at most {tasks} are wanted")
        if ratio > share:
            said.append(f"{kind}: {ratio:.2f} of the time of {TRIVIAL} trivial tasks, at most {share} is wanted")
    return said


def shares(rounds: dict[str, list[Run]], kind: str) -> list[float]:
    """Return, for each round, the share of the time of the trivial tasks."""
    return [run.seconds / trivial.seconds for run, trivial in zip(rounds[kind], rounds["trivial"], strict=True)]


def table(rounds: dict[str, list[Run]]) -> str:
    """Return the figures as a table in Markdown: medians, and the spread of the ratios."""
    lines = [
        "| run | tasks | skipped | seconds | of the trivial ones | target |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, runs in rounds.items():
        seconds = statistics.median(run.seconds for run in runs)
        ratios = shares(rounds, kind)
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        target = "{} tasks, {}".format(*TARGETS[kind]) if kind in TARGETS else ""
        tasks, skipped = max(run.tasks for run in runs), max(run.skipped for run in runs)
        name = f"{TRIVIAL} trivial tasks" if kind == "trivial" else kind
        lines.append(f"| {name} | {tasks} | {skipped} | {seconds:.1f} | {spread} | {target} |")
    return "\n".join(lines)


class Bench:
    """Playbooks against the hosts of an inventory."""

    def __init__(self, inventories: list[str], words: list[str], app: Path, room: Path, planted: int) -> None:
        """`room` is a directory for the copy of the project and the playbooks."""
        self.command = ["ansible-playbook", *(part for file in inventories for part in ("-i", file))]
        self.words = [part for word in (*WORDS, *words) for part in ("-e", word)]
        self.room, self.copy = room, room / "app"
        shutil.copytree(app, self.copy, ignore=shutil.ignore_patterns(*EXCLUDE))
        self.trivial = self._play("trivial", TRIVIAL)
        deploy = [{"ansible.builtin.import_playbook": str(ROOT / "playbooks/deploy.yml")}]
        if planted:
            deploy = [*yaml.safe_load(self._play("planted", planted).read_text()), *deploy]
        self.deploy = room / "deploy.yml"
        self.deploy.write_text(yaml.safe_dump(deploy, sort_keys=False))

    def _play(self, name: str, number: int) -> Path:
        """Write a playbook of tasks that change nothing, reached as a deploy reaches the hosts."""
        task = {"name": "Look", "ansible.builtin.stat": {"path": "/"}}
        play = {
            "hosts": "{{ target | default('all') }}",
            "become": True,
            "gather_facts": False,
            "tasks": [task] * number,
        }
        file = self.room / f"{name}.yml"
        file.write_text(yaml.safe_dump([play], sort_keys=False))
        return file

    def run(self, playbook: Path, *words: str) -> Run:
        """Run a playbook to its end, and tell what it took."""
        argv = [*self.command, str(playbook), *words]
        start, used = time.monotonic(), os.times()
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        seconds, after = time.monotonic() - start, os.times()
        if done.returncode:
            raise ValueError(f"{' '.join(argv)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
        cpu = sum(after[2:4]) - sum(used[2:4])
        return read(done.stdout, seconds, cpu)

    def release(self, change: bool, *words: str) -> Run:
        """Deploy the copy, after a change of its code when one is wanted."""
        if change:
            (self.copy / "bench_of_deploys.py").write_text(f"NUMBER = {time.time_ns()}\n")
        return self.run(self.deploy, *self.words, "-e", f"app_path={self.copy}", *words)


def main() -> int:
    """Measure, print, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", "--inventory", action="append", required=True, help="as for ansible-playbook")
    parser.add_argument("-e", "--extra", action="append", default=[], metavar="WORD=VALUE", help="as for a deploy")
    parser.add_argument("--app", type=Path, default=ROOT / "sample_app", help="directory of the project")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plant", type=int, default=0, metavar="TASKS", help="tasks to add to each deploy")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="asgiway-bench-") as room:
        bench = Bench(options.inventory, options.extra, options.app, Path(room), options.plant)
        rounds: dict[str, list[Run]] = {"trivial": [], **{kind: [] for kind in TARGETS}}
        # two releases to be there, so that each further one retires one
        for number in (1, 2):
            sys.stderr.write(f"bench: preparation {number} of 2\n")
            bench.release(change=True)
        for number in range(1, options.rounds + 1):
            sys.stderr.write(f"bench: round {number} of {options.rounds}\n")
            rounds["trivial"].append(bench.run(bench.trivial))
            rounds["nothing to do"].append(bench.release(change=False))
            rounds["new code"].append(bench.release(change=True))
    sys.stdout.write(table(rounds) + "\n\n")
    changed = max(run.changed for run in rounds["nothing to do"])
    missed = misses(rounds) + ([f"nothing to do: {changed} tasks changed something"] if changed else [])
    sys.stdout.write("\n".join(missed or ["All targets are met."]) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
