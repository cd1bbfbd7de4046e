"""Where on a host the app's secrets are that they should not be; run there by root: python3 - NAME.

Prints one line `secret: place` each, never a value. PLANTED, name to value, may be set in front of this text.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PLACES = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var")
# for root alone: the files that hold the generated ones, and each release's environment
MEANT = "/etc/asgiway/{name}/[^/]+|/srv/{name}/releases/[0-9a-f]{{12}}/env"
Secrets = dict[str, bytes]


def secrets_of(name: str, planted: dict[str, str]) -> Secrets:
    """Return what was planted and what the kit generated, with the values from before a rotation."""
    found = {key: value.encode() for key, value in planted.items()}
    for path in sorted(Path(f"/etc/asgiway/{name}").iterdir()):
        if path.is_file() and re.match(r"secret_key|redis_.*password", path.name):
            found |= {f"{path.name}[{number}]": line for number, line in enumerate(path.read_bytes().split())}
    return found


def inside(data: bytes, secrets: Secrets) -> list[str]:
    """Return the names of the secrets in it."""
    return [name for name, value in secrets.items() if value in data]


def output(*argv: str, given: bytes = b"") -> bytes:
    """Return what a command prints, whatever it returns; nothing where there is none."""
    try:
        return subprocess.run(argv, input=given, capture_output=True, check=False).stdout
    except FileNotFoundError:
        return b""


def in_files(name: str, secrets: Secrets) -> Iterator[str]:
    """Look into every file, backups and binary ones too; where they are meant to be, others must not read them."""
    lines = b"\n".join(secrets.values())
    there = [place for place in PLACES if Path(place).is_dir()]
    listed = output("grep", "-rlsaF", "--null", "--devices=skip", "-f", "-", *there, given=lines)
    for path in map(Path, filter(None, listed.decode().split("\0"))):
        if not path.is_file():  # gone meanwhile
            continue
        status = path.stat()
        closed = status.st_mode & 0o077 == 0 and status.st_uid == 0
        if not (closed and re.fullmatch(MEANT.format(name=re.escape(name)), str(path))):
            for secret in inside(path.read_bytes(), secrets):
                yield f"{secret}: {path} ({status.st_mode & 0o7777:o})"


def in_processes(secrets: Secrets) -> Iterator[str]:
    """Look at command lines, which everybody reads."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            for secret in inside(path.read_bytes(), secrets):
                yield f"{secret}: command line of {path.parent.name}"
        except OSError:  # ended meanwhile
            continue


def in_managers(name: str, secrets: Secrets) -> Iterator[str]:
    """Look at what systemd and supervisor tell everybody, and at the journal with the fields that it hides."""
    told = {
        "systemctl show": ("systemctl", "show", "--all", "*"),
        "systemctl show-environment": ("systemctl", "show-environment"),
        "systemctl cat": ("systemctl", "cat", f"{name}*"),
        "supervisorctl": ("supervisorctl", "avail"),
        "journal": ("journalctl", "--no-pager", "--quiet", "--all", "--boot", "--output=export"),
    }
    for where, argv in told.items():
        for secret in inside(output(*argv), secrets):
            yield f"{secret}: {where}"


def main(name: str) -> None:
    """Print what was found, and how many secrets were looked for."""
    secrets = secrets_of(name, globals().get("PLANTED", {}))
    for places in (in_files(name, secrets), in_processes(secrets), in_managers(name, secrets)):
        for line in places:
            print(line)
    print(f"looked for {len(secrets)}")


if __name__ == "__main__":
    main(sys.argv[1])
