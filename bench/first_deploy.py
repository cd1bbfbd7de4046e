#!/usr/bin/env python3
r"""What a first deploy on a fresh host takes, beside the bare installation of the same packages on another one.

    .venv/bin/python bench/first_deploy.py --run "ansible-playbook -i INVENTORY deploy.yml -l HOST" \
        --ssh "ssh HOST" --bare "ssh OTHER"

HOST and OTHER are throwaway hosts, alike and fresh: each can be used once. The deploy comes first and says what was
installed: Debian's packages, and those in each virtual environment. The same versions of them are then installed on
OTHER by apt-get, pip and uv alone. It ends with 1 when the deploy takes more than 2.5 times as long.
"""

from __future__ import annotations

import shlex
import sys
import time

from throwaway import Host, options_of, say

MOST = 2.5
PLACE = "/opt/asgiway-bench-first"
# where the kit has its own uv
TOOLS = "/opt/asgiway/bin"


def main() -> int:
    """Deploy, install the same, and compare."""
    parser = options_of(__doc__ or "")
    parser.add_argument("--bare", required=True, help="like --ssh, for the other host")
    options = parser.parse_args()
    host, other = Host(options.ssh, options.run), Host(options.bare, "")
    packages = "dpkg-query -W -f '${Package}=${Version}\\n'"
    before = set(host.run(packages).split())
    start = time.monotonic()
    release = host.deploy()
    deploy = time.monotonic() - start
    installed = sorted(set(host.run(packages).split()) - before)
    freeze = "uv pip freeze --no-config --exclude-editable --python"
    tools = host.run(f"{TOOLS}/{freeze} {TOOLS}/python")
    project = host.run(f"{TOOLS}/{freeze} {release}/venv/bin/python")
    say(f"{len(installed)} of Debian's packages, {len(tools.split())} and {len(project.split())} of Python's")
    parts = {
        "Debian's packages": (
            "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "
            f"{shlex.join(installed)} >/dev/null 2>&1",
            "",
        ),
        "the tools' environment": (
            f"/usr/bin/python3 -m venv {PLACE}/tools; cat >{PLACE}/tools.txt; "
            f"{PLACE}/tools/bin/pip install -q --disable-pip-version-check -r {PLACE}/tools.txt 2>&1",
            tools,
        ),
        "the project's environment": (
            f"PATH={PLACE}/tools/bin:$PATH; uv venv -q --python /usr/bin/python3 {PLACE}/venv; cat >{PLACE}/venv.txt; "
            f"uv pip install -q --system-certs --compile-bytecode --python {PLACE}/venv/bin/python -r {PLACE}/venv.txt",
            project,
        ),
    }
    seconds = {}
    for name, (script, given) in parts.items():
        say(name)
        start = time.monotonic()
        other.run(script, given)
        seconds[name] = time.monotonic() - start
    bare = sum(seconds.values())
    rows = "".join(f"| {name} | {value:.1f} | |\n" for name, value in seconds.items())
    sys.stdout.write(
        f"| {time.strftime('%Y-%m-%d')} | seconds | of the bare installation |\n|---|---|---|\n{rows}"
        f"| these, one after the other | {bare:.1f} | 1.00 |\n"
        f"| a first deploy | {deploy:.1f} | {deploy / bare:.2f}, at most {MOST} |\n"
    )
    return 0 if deploy <= MOST * bare else 1


if __name__ == "__main__":
    sys.exit(main())
