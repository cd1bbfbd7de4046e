#!/usr/bin/python
"""Ansible module: start or stop the processes of a release that serve its visitors."""

from __future__ import annotations

DOCUMENTATION = r"""
module: web_processes
short_description: Start or stop the processes of a release that serve visitors
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Starts them all, now and at boot, or stops them, now and at boot, in one call.
  - A start takes back an order to drain, and lets systemd read definitions that it has not read yet.
  - A stop ends with the removal of the release's sockets, also where no process is left.
  - What stands as it should is left alone, so that a second call changes nothing.
  - Whether a server that was started answers is for M(asgiway.django.gate) to find out.
options:
  name:
    description: Name of the app.
    type: str
    required: true
  root:
    description: Directory of the app. Default C(/srv/NAME).
    type: path
  release:
    description: The release.
    type: str
    required: true
  groups:
    description: Its groups, each with C(name) and C(instances).
    type: list
    elements: dict
    required: true
  state:
    description: What they shall be.
    type: str
    choices: [started, stopped]
    default: started
  manager:
    description: Who runs them.
    type: str
    choices: [systemd, supervisor]
    required: true
  run:
    description: Directory of the releases' sockets. Default C(/run/NAME).
    type: path
  log_dir:
    description: Where supervisor keeps the output.
    type: path
  patience:
    description: Seconds that one which still stops has, before it is started again.
    type: float
    default: 120
attributes:
  check_mode:
    description: Nothing is done in check mode, for the release is not built.
    support: full
"""

EXAMPLES = r"""
- name: Start the release's processes
  asgiway.django.web_processes:
    name: shop
    manager: systemd
    release: 3f9c2a41b07d
    groups: [{name: wsgi, instances: 1}, {name: asgi, instances: 2}]
"""

RETURN = r"""
news:
  description: Units, programs and files that something was done to.
  type: list
  elements: str
  returned: always
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.asgiway.django.plugins.module_utils import processes
from ansible_collections.asgiway.django.plugins.module_utils.processes import One, Refusal, Supervisor, Systemd


def start(manager: Systemd | Supervisor, ones: Sequence[One], runtime: Path, patience: float) -> list[str]:
    """Start what does not run; return what that was news to.

    Raises:
        Refusal: about one that does not start, or has not stopped within `patience` seconds.
    """
    order = runtime / "drain"
    news = [str(order)] if order.exists() else []
    order.unlink(missing_ok=True)
    news += manager.prepare(ones)
    end = time.monotonic() + patience
    while stopping := [name for name, state in manager.states(ones).items() if state.kind == "stopping"]:
        if time.monotonic() > end:
            raise Refusal(f"{stopping[0]} was told to stop, and has not ended within {patience:g} s")
        time.sleep(processes.POLL)
    return news + manager.start(ones, manager.states(ones))


def stop(manager: Systemd | Supervisor, ones: Sequence[One], runtime: Path) -> list[str]:
    """Stop what runs, and remove the sockets; return what that was news to."""
    news = manager.tell(ones, wait=True)
    if runtime.exists():
        shutil.rmtree(runtime)
        news.append(str(runtime))
    return news


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path"},
            "release": {"type": "str", "required": True},
            "groups": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "manager": {"type": "str", "choices": ["systemd", "supervisor"], "required": True},
            "run": {"type": "path"},
            "log_dir": {"type": "path"},
            "patience": {"type": "float", "default": 120},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    if module.check_mode:
        module.exit_json(changed=False, news=[])
    if not params["release"]:
        module.fail_json(msg="web_processes: release is empty; which release's processes are meant?")

    def run(command: Sequence[str]) -> tuple[int, str]:
        code, out, err = module.run_command(list(command))
        return code, out + err

    name = params["name"]
    kind = Systemd if params["manager"] == "systemd" else Supervisor
    manager = kind(name, Path(params["root"] or f"/srv/{name}"), run, params["log_dir"] or f"/var/log/{name}")
    ones = [One(params["release"], str(group["name"]), int(group["instances"])) for group in params["groups"]]
    runtime = Path(params["run"] or f"/run/{name}") / params["release"]
    try:
        if params["state"] == "started":
            news = start(manager, ones, runtime, params["patience"])
        else:
            news = stop(manager, ones, runtime)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=f"web_processes: {error.filename} cannot be used: {error.strerror}.")
    module.exit_json(changed=bool(news), news=news)


if __name__ == "__main__":
    main()
