"""What the steps need of this machine, made when it is missing; all of it is kept below .cache.

Debian's nginx and supervisor are unpacked, not installed: they would start, and this is somebody's machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
COLLECTION = "ansible_collections.asgiway.django"
UNPACKED = CACHE / "unpacked"
SAMPLE_REQUIREMENTS = ROOT / "sample_app" / "requirements.txt"
BROWSER_REQUIREMENTS = ("playwright>=1.50,<2",)
CERTBOT_REQUIREMENTS = ("certbot>=4,<6",)
REGISTRY = ROOT / "roles" / "app_server" / "defaults" / "main" / "engines.yml"
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class MissingError(Exception):
    """Something that a test needs can be neither found nor made."""


def _say(sentence: str) -> None:
    print(f"test: {sentence}", file=sys.stderr, flush=True)


def _run(*argv: str | Path, root: bool = False, cwd: Path = ROOT) -> None:
    """Run a command quietly, as root when asked; raise MissingError with its last words when it fails."""
    command = [str(part) for part in argv]
    if root and os.geteuid() != 0:
        command = ["sudo", "-n", *command] if not sys.stdin.isatty() else ["sudo", *command]
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except OSError as error:
        raise MissingError(f"{command[0]} cannot be run ({error.strerror})") from error
    if done.returncode:
        raise MissingError(f"`{' '.join(command)}` failed: {(done.stderr or done.stdout).strip()[-800:]}")


def link_collection() -> None:
    """Give mypy, which does not look into the venv for untyped packages, this checkout as the collection."""
    link = CACHE / "types" / COLLECTION.replace(".", "/")
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.resolve() != ROOT:  # missing, or the checkout was moved
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT)


def apt_install(*packages: str) -> None:
    """Install packages on this machine."""
    _say(f"installing with apt: {' '.join(packages)}")
    _run("apt-get", "update", "-qq", root=True)
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qq", "-y", "--no-install-recommends")
    _run(*quiet, *packages, root=True)


def _unpack(package: str) -> Path:
    """Return the directory of an unpacked Debian package; nothing of it is installed."""
    target = UNPACKED / package
    if target.is_dir():
        return target
    _say(f"fetching Debian's {package}, to unpack and not to install")
    work = UNPACKED / f".{package}.{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    try:
        _run("apt-get", "download", "-qq", package, cwd=work)
    except MissingError:  # a fresh machine has no package lists
        _run("apt-get", "update", "-qq", root=True)
        _run("apt-get", "download", "-qq", package, cwd=work)
    tree = work / "tree"
    for archive in work.glob("*.deb"):
        _run("dpkg-deb", "-x", archive, tree)
    tree.rename(target)
    shutil.rmtree(work)
    return target


def nginx() -> Path:
    """Return an nginx."""
    found = shutil.which("nginx", path=SYSTEM_PATH)
    return Path(found) if found else _unpack("nginx") / "usr/sbin/nginx"


def nginx_unit() -> Path:
    """Return the unit of Debian's nginx."""
    places = [Path("usr/lib/systemd/system/nginx.service"), Path("lib/systemd/system/nginx.service")]
    installed = [path for path in (Path("/") / place for place in places) if path.exists()]
    if installed:
        return installed[0]
    tree = _unpack("nginx-common")
    return next(path for path in (tree / place for place in places) if path.exists())


def supervisor_packages() -> Path:
    """Return the directory that holds Debian's `supervisor` module, for /usr/bin/python3."""
    installed = Path("/usr/lib/python3/dist-packages")
    if (installed / "supervisor").is_dir():
        return installed
    return _unpack("supervisor") / "usr/lib/python3/dist-packages"


def nft() -> tuple[Path, dict[str, str]]:
    """Return nftables' program, and the environment that it needs."""
    found = shutil.which("nft", path=SYSTEM_PATH)
    if found:
        return Path(found), {}
    libraries = ("libnftables1", "libnftnl11", "libmnl0", "libjansson4", "libedit2", "libbsd0", "libmd0", "libtinfo6")
    directories = [path for name in (*libraries, "libxtables12") for path in _unpack(name).glob("usr/lib/*-linux-gnu")]
    return _unpack("nftables") / "usr/sbin/nft", {"LD_LIBRARY_PATH": os.pathsep.join(map(str, directories))}


def redis_server() -> tuple[Path, dict[str, str]]:
    """Return a redis-server, and the environment that it needs."""
    found = shutil.which("redis-server", path=SYSTEM_PATH)
    if found:
        return Path(found), {}
    program = _unpack("redis-tools") / "usr/bin/redis-check-rdb"  # the server by another name
    needed = subprocess.run(["apt-cache", "depends", "redis-tools"], capture_output=True, text=True).stdout
    libraries = [word for word in re.findall(r"^  Depends: (\S+)$", needed, re.MULTILINE) if word.startswith("li")]
    directories = [path for name in libraries for path in _unpack(name).glob("usr/lib/*-linux-gnu")]
    server = program.with_name("redis-server")
    if not server.exists():
        server.symlink_to(program.name)
    return server, {"LD_LIBRARY_PATH": os.pathsep.join(map(str, directories))}


def pebble() -> tuple[Path, Path]:
    """Return Let's Encrypt's ACME server for tests, and the DNS server that comes with it."""
    programs = _unpack("pebble") / "usr/bin"
    return programs / "pebble", programs / "pebble-challtestsrv"


def certbot() -> Path:
    """Return a certbot, in a virtual environment that holds nothing else."""
    wanted = "\n".join([sys.version, *CERTBOT_REQUIREMENTS])
    venv = CACHE / "certbot" / hashlib.sha256(wanted.encode()).hexdigest()[:12]
    if not (venv / ".whole").exists():
        _say("fetching certbot")
        _run(sys.executable, "-m", "venv", "--clear", venv)
        try:
            _run("uv", "pip", "install", "-q", "--python", venv / "bin/python", *CERTBOT_REQUIREMENTS)
        except MissingError:  # uv does not read pip.conf: where only pip knows the index, pip does it
            _run(venv / "bin/python", "-m", "pip", "install", "-q", *CERTBOT_REQUIREMENTS)
        (venv / ".whole").touch()
    return venv / "bin/certbot"


def systemd_analyze() -> Path:
    """Return systemd-analyze; the package starts nothing where systemd does not run."""
    if not shutil.which("systemd-analyze"):
        apt_install("systemd")
    return Path(shutil.which("systemd-analyze") or "/usr/bin/systemd-analyze")


def parsers() -> None:
    """Make everything ready that reads rendered files."""
    nginx()
    nginx_unit()
    supervisor_packages()
    systemd_analyze()
    redis_server()


def django_python() -> Path:
    """Return the Python of a virtual environment that holds what the sample site requires, and every engine.

    channels.testing imports one of the engines.
    """
    engines = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))["app_server_engines_default"].values()
    packages = [package for engine in engines for package in engine["packages"]]
    wanted = "\n".join([sys.version, SAMPLE_REQUIREMENTS.read_text(encoding="utf-8"), *packages])
    venv = CACHE / "django" / hashlib.sha256(wanted.encode()).hexdigest()[:12]
    python = venv / "bin" / "python"
    if (venv / ".whole").exists():
        return python
    _say("making a virtual environment with the sample site's requirements and every engine")
    _run(sys.executable, "-m", "venv", "--clear", venv)
    options = ("-q", "-r", SAMPLE_REQUIREMENTS, *packages)
    try:
        # as pip does it: what starts a Django never writes bytecode, and would compile all of it each time
        _run("uv", "pip", "install", "--compile-bytecode", "--python", python, *options)
    except MissingError:  # uv does not read pip.conf: where only pip knows the index, pip does it
        _run(python, "-m", "pip", "install", *options)
    (venv / ".whole").touch()
    return python


def chromium() -> Path:
    """Return Debian's chromium, a large package that only the browser test needs."""
    if not shutil.which("chromium"):
        apt_install("chromium")
    return Path(shutil.which("chromium") or "/usr/bin/chromium")


def playwright() -> Path:
    """Return a directory for sys.path that holds playwright, without a browser of its own."""
    wanted = "\n".join([sys.version, *BROWSER_REQUIREMENTS])
    place = CACHE / "playwright" / hashlib.sha256(wanted.encode()).hexdigest()[:12]
    if (place / ".whole").exists():
        return place
    _say("fetching playwright")
    shutil.rmtree(place, ignore_errors=True)
    try:
        _run("uv", "pip", "install", "-q", "--python", sys.executable, "--target", place, *BROWSER_REQUIREMENTS)
    except MissingError:  # uv does not read pip.conf: where only pip knows the index, pip does it
        _run(sys.executable, "-m", "pip", "install", "-q", "--target", place, *BROWSER_REQUIREMENTS)
    (place / ".whole").touch()
    return place
