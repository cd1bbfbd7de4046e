#!/usr/bin/env python3
"""Idle WebSockets through the kit's nginx, what one costs, and how late a broadcast comes.

    .venv/bin/python bench/sockets.py --run "ansible-playbook -i INVENTORY deploy.yml -l HOST" --ssh "ssh HOST"

HOST is a throwaway host with systemd, and its app the sample site on plain HTTP, port 8080. The sockets are opened on
the host itself by the driver of ./asgiway compare, stay for five minutes, and must all answer at the end. They are
weighed as PSS of the processes, beside the same engine started alone, without the kit's wrapper and nginx. It ends with
1 when a bound is not kept.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from throwaway import PLACE, ROOT, Host, options_of, packages_of, say

DRIVER = Path(__file__).with_name("socket_driver.py")
LISTENERS, BROADCAST_SECONDS = 1000, 30
NGINX_BYTES = 18 * 1024  # what a socket costs in an nginx of a few lines
SHARE = 1.1  # of what it costs there and in the bare engine together
BARE = "uvicorn config.asgi:application --host 127.0.0.1 --port 18000 --workers 2 --no-access-log"


def drive(host: Host, port: int, what: str, count: int, seconds: int) -> dict[str, Any]:
    """Run the driver on the host and return what it found."""
    python = f"PYTHONPATH={PLACE}/compare {PLACE}/bin/python"
    command = f"ulimit -n $(ulimit -Hn); {python} - {port} {what} {count} {seconds}"
    found: dict[str, Any] = json.loads(host.run(command, DRIVER.read_text(encoding="utf-8"), seconds + 600))
    say(f"{what}, {count} sockets on port {port}: {found}")
    return found


def main() -> int:
    """Run it all; 1 when a bound is not kept."""
    parser = options_of(__doc__ or "")
    parser.add_argument("--count", type=int, default=5000, help="sockets (5000)")
    parser.add_argument("--seconds", type=int, default=300, help="that they idle (300)")
    options = parser.parse_args()
    host = Host(options.ssh, options.run)
    try:
        requirements = (ROOT / "sample_app/requirements.txt").read_text(encoding="utf-8")
        host.prepare([requirements, *packages_of("uvicorn"), "websockets"], "curl")
        host.lay(ROOT / "compare")
        release = host.deploy(server="uvicorn", workers=2, drain_seconds=1, websockets_per_address=0)
        # what a process has had for earlier sockets it keeps for later ones
        retry = "--retry 50 --retry-all-errors --retry-delay 1"
        host.run(f"systemctl restart sample.target; curl -sf {retry} http://127.0.0.1:8080/healthz")
        through = drive(host, 8080, "idle", options.count, options.seconds)
        with host.serving(release, BARE):
            alone = drive(host, 18000, "idle", options.count, 1)
        told = drive(host, 8080, "broadcast", LISTENERS, BROADCAST_SECONDS)
        found = host.versions("uvicorn", "Django", "channels", "websockets", "uvloop")
    finally:
        host.clear()
    share = (through["app"] + through["nginx"]) / (alone["app"] + NGINX_BYTES)
    sys.stdout.write(
        f"""{time.strftime("%Y-%m-%d")}; {found}

| | found | bound |
|---|---|---|
| WebSockets open for {options.seconds} s | {through["opened"]} of {options.count} | all |
| of these lost | {through["lost"]} | 0 |
| opened in | {through["opened_in"]:.1f} s | |
| one costs in the app's processes | {through["app"] / 1024:.1f} KiB | |
| one costs in nginx | {through["nginx"] / 1024:.1f} KiB | |
| both, beside the bare engine's {alone["app"] / 1024:.1f} KiB and {NGINX_BYTES // 1024} KiB | {share:.2f} | {SHARE} |
| deliveries a second of chat messages to {LISTENERS} | {told["messages"] / told["seconds"]:.0f} | |
| until a socket had it, p50 and p99 | {told["p50"]:.2f} s, {told["p99"]:.2f} s | |
| deliveries lost | {told["lost"]} of {told["messages"] + told["lost"]} | 0 |
"""
    )
    kept = through["opened"] == options.count and not through["lost"] and not told["lost"]
    return 0 if kept and share <= SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
