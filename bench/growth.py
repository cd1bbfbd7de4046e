#!/usr/bin/env python3
"""How a deploy grows with the number of hosts: the time, and the controller's CPU seconds for each host.

    . .venv/bin/activate
    bench/growth.py -i INVENTORY [-i MORE] [-e WORD=VALUE ...] [--sizes 1,2,4,8] [--rounds 2]

It deploys a copy of the sample app to the first hosts of an inventory, with new code and then with nothing to do, the
numbers of hosts in turns. It prints a table and plots in Markdown (Mermaid, as GitHub draws it), and ends with 1 when a
host costs a tenth more CPU among many than alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy import ROOT, Bench, Run

KINDS = {"new code": True, "nothing to do": False}
MOST = 1.1  # of a host's CPU seconds, beside those of a run for one host


def hosts_of(inventories: list[str]) -> list[str]:
    """Return the hosts of the inventories, in their order."""
    argv = ["ansible-inventory", *(part for file in inventories for part in ("-i", file)), "--list"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout)["_meta"]["hostvars"])


def plot(kind: str, sizes: list[int], seconds: list[float], each: list[float]) -> str:
    """Return a plot of seconds, and one of the CPU seconds for a host."""
    return "\n".join(
        f"```mermaid\nxychart-beta\n"
        f'  title "{kind}: {what}"\n'
        f'  x-axis "hosts" [{", ".join(map(str, sizes))}]\n'
        f'  y-axis "seconds" 0 --> {max(values) * 1.2:.1f}\n'
        f"  line [{', '.join(f'{value:.1f}' for value in values)}]\n```"
        for what, values in {"on the clock": seconds, "the controller's CPU for each host": each}.items()
    )


def main() -> int:
    """Measure and print; 1 when a host costs more among many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-i", "--inventory", action="append", required=True, help="as for ansible-playbook")
    parser.add_argument("-e", "--extra", action="append", default=[], metavar="WORD=VALUE", help="as for a deploy")
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    hosts = hosts_of(options.inventory)
    if len(hosts) < max(options.sizes):
        parser.error(f"the inventory has {len(hosts)} hosts, and --sizes wants {max(options.sizes)}")
    found: dict[str, dict[int, list[Run]]] = {kind: {size: [] for size in options.sizes} for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="asgiway-bench-") as room:
        bench = Bench(options.inventory, options.extra, ROOT / "sample_app", Path(room), 0)
        largest = f"--limit={','.join(hosts[: max(options.sizes)])}"
        for number in (1, 2):  # so that each further release retires one
            sys.stderr.write(f"bench: preparation {number} of 2, a load of {os.getloadavg()[0]:.1f}\n")
            bench.release(True, largest)
        for number in range(options.rounds):
            for size in options.sizes if number % 2 == 0 else options.sizes[::-1]:
                for kind, change in KINDS.items():
                    run = bench.release(change, f"--limit={','.join(hosts[:size])}")
                    sys.stderr.write(f"bench: {kind}, {size} hosts: {run.seconds:.1f} s, CPU {run.cpu:.1f} s\n")
                    found[kind][size].append(run)
    missed = []
    sys.stdout.write("| run | hosts | seconds | CPU seconds for each host |\n| --- | --- | --- | --- |\n")
    plots = []
    for kind, sizes in found.items():
        each = [statistics.median(run.cpu for run in runs) / size for size, runs in sizes.items()]
        seconds = [statistics.median(run.seconds for run in runs) for runs in sizes.values()]
        for size, clock, cpu in zip(sizes, seconds, each, strict=True):
            sys.stdout.write(f"| {kind} | {size} | {clock:.1f} | {cpu:.1f} |\n")
        plots.append(plot(kind, list(sizes), seconds, each))
        if each[-1] > MOST * each[0]:
            missed.append(f"{kind}: {each[-1]:.1f} s of CPU for each of {options.sizes[-1]} hosts, alone {each[0]:.1f}")
    sys.stdout.write("\n" + "\n".join([*plots, *missed]) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
