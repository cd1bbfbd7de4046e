"""Render every server under every process manager, in one run of Ansible, with the roles' own defaults and wiring."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tools
import yaml

HERE = Path(__file__).resolve().parent
REGISTRY = yaml.safe_load((tools.ROOT / "roles/app_server/defaults/main/engines.yml").read_text(encoding="utf-8"))
ENGINES: dict[str, dict[str, Any]] = REGISTRY["app_server_engines_default"]
ALIASES: dict[str, str] = REGISTRY["app_server_aliases_default"]

MANAGERS = ("systemd", "supervisor")
RELEASE = "0123456789ab"
SECRET = "a-secret-of-the-app"
KEEPER_SECRET = "a-secret-of-who-changes-others"
# what a user says beside server and process_manager; each number differs from every default and from the others
WORDS: dict[str, Any] = {
    "app_name": "shop",
    "app_path": str(tools.ROOT / "sample_app"),
    "app_domain": "shop.example.com",
    "app_domain_aliases": ["www.shop.example.com"],
    "app_env": {"PAYMENT_KEY": SECRET},
    "app_asgi_routes": ["/ws/", "/events/"],
    "workers": 3,
    "threads": 7,
    "http_port": 18080,
    "websocket_timeout": 1234,
    "max_body_size": "33m",
    "trusted_proxies": ["192.0.2.7", "2001:db8::/32"],
    "websocket_origins": ["https://app.example.com:8443"],
    "requests_per_address": 21,
    "websockets_per_address": 321,
    "requests_per_second": 11,
    "manage_firewall": True,
    "firewall_allow": ["51820/udp", "60000-61000/udp"],
}
# and what is rendered so for one server only
OTHERWISE: dict[str, dict[str, Any]] = {"hybrid": {"app_network": "local"}, "daphne": {"app_network": "any"}}
# this one's hosts ask a cloud's metadata address for names
NAMESERVERS: dict[str, list[str]] = {"granian": ["169.254.169.254"]}


def servers() -> list[str]:
    """Return engines, aliases, and as many pairs as let each engine be in one; a pair is no more than its parts."""
    wsgi, asgi = (
        [name for name, engine in ENGINES.items() if engine["interface"] == interface] for interface in ("wsgi", "asgi")
    )
    rounds = range(max(len(wsgi), len(asgi)))
    pairs = [f"{wsgi[number % len(wsgi)]}+{asgi[number % len(asgi)]}" for number in rounds]
    return [*ENGINES, *ALIASES, *pairs]


def pairs_of(chosen: Sequence[str], managers: Sequence[str]) -> list[tuple[str, str]]:
    """Return servers with process managers; what both parts of a pair are under supervisor is seen with each alone."""
    return [
        (server, manager)
        for server in chosen
        for manager in managers
        if manager == "systemd" or "+" not in server or len(chosen) == 1
    ]


@dataclass
class Rendered:
    """What one deploy would install."""

    server: str
    manager: str
    groups: list[dict[str, Any]]
    units: list[str]
    links: list[dict[str, str]]
    processes: dict[str, str]
    files: dict[str, str]
    schedules: dict[str, str]
    watched: list[str]

    @property
    def interfaces(self) -> set[str]:
        """Return wsgi, asgi or both."""
        return {group["interface"] for group in self.groups}


def render(scratch: Path, chosen: list[str]) -> dict[tuple[str, str], Rendered]:
    """Return (server, manager) -> what is rendered, or was before; logs of rendered programs go below scratch."""
    jobs = pairs_of(chosen, MANAGERS)
    done = scratch / "done.json"
    if not done.exists():
        data = run({_name(job): _variables(*job, scratch) for job in jobs}, scratch)
        done.write_text(json.dumps(data), encoding="utf-8")
    data = json.loads(done.read_text(encoding="utf-8"))
    return {job: Rendered(*job, **data[_name(job)]) for job in jobs}


def render_sites(scratch: Path, sites: dict[str, dict[str, Any]], manager: str = "systemd") -> dict[str, Rendered]:
    """Return name -> what is rendered for one server under a manager, with these words and variables beside WORDS."""
    job = ("uvicorn", manager)
    data = run({name: {**_variables(*job, scratch), **words} for name, words in sites.items()}, scratch)
    return {name: Rendered(*job, **data[name]) for name in sites}


def run(hosts: dict[str, dict[str, Any]], scratch: Path) -> dict[str, Any]:
    """Render for each host of an inventory; raise RuntimeError when one cannot be."""
    inventory, result = scratch / "hosts.json", scratch / "rendered.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, HERE / "render.yml"],
        cwd=tools.ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(tools.ROOT / "ansible.cfg"), "RENDER_RESULT": str(result)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"nothing could be rendered:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}")
    rendered: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return rendered


def _name(job: tuple[str, str]) -> str:
    return "-under-".join(job).replace("+", "-and-")


def _variables(server: str, manager: str, scratch: Path) -> dict[str, Any]:
    return {
        **WORDS,
        **OTHERWISE.get(server, {}),
        "server": server,
        "process_manager": manager,
        "pretended_facts": {
            "service_mgr": "systemd" if manager == "systemd" else "sysvinit",
            "processor_vcpus": 4,
            "dns": {"nameservers": NAMESERVERS.get(server, ["192.0.2.53"])},
        },
        "release_id": RELEASE,
        "own_words": ["release_id", "nginx_ipv6"],  # which a deploy works out
        "host_log_dir": str(scratch),
        "app_server_log_dir": str(scratch),
        "nginx_log_dir": str(scratch),
        "nginx_ipv6": _ipv6(),
        "redis_log_dir": str(scratch),
        "__redis_password": {"value": SECRET},
        "__redis_keeper": {"value": KEEPER_SECRET},
    }


def _ipv6() -> bool:
    """Whether nginx could bind an IPv6 address on this machine; `nginx -t` tries."""
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return False
    return True
