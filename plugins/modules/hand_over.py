#!/usr/bin/python
"""Ansible module: let the background processes of one release take the place of other releases'."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hand_over
short_description: Let one release's background processes take the place of others'
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Starts the background processes of a release, now and at boot, and waits until they have stayed up for a while; one
    that dies ends it, with its last log lines, while those of the other releases still work.
  - Then tells the processes of other releases to stop, now and at boot, and does not wait for them. They may finish
    what they have begun, for as long as their own definition says; the process manager sees to that.
  - Singletons never overlap. The other releases' ones are stopped, and waited for, before this release's are started.
  - A process that stands as it should is left alone, so that a second call changes nothing.
options:
  name:
    description: Name of the app.
    type: str
    required: true
  root:
    description: Directory of the app. Default C(/srv/NAME).
    type: path
  release:
    description: The release whose processes take over; empty to let the others go and start nothing.
    type: str
    default: ''
  groups:
    description: Its groups, each with C(name), C(instances), C(singleton) and C(argv).
    type: list
    elements: dict
    default: []
  others:
    description: Groups of other releases, each with C(release), C(name), C(instances) and C(singleton).
    type: list
    elements: dict
    default: []
  programs:
    description: Further programs that the release must have, such as those of its schedules.
    type: list
    elements: str
    default: []
  manager:
    description: The process manager.
    type: str
    choices: [systemd, supervisor]
    required: true
  settle:
    description: Seconds for which a process must have been up; 0 does not wait.
    type: float
    default: 5
  patience:
    description: Seconds that all started processes together may take until they have been up for O(settle).
    type: float
    default: 60
  wait:
    description: Whether to wait until the processes of O(others) have stopped; each bound by its own definition.
    type: bool
    default: false
  log_dir:
    description: Where supervisor keeps the output, for the message about a process that died.
    type: path
attributes:
  check_mode:
    description: Nothing is done in check mode, for the release is not built.
    support: full
"""

EXAMPLES = r"""
- name: Hand over to the release's background processes
  asgiway.django.hand_over:
    name: shop
    manager: systemd
    release: 3f9c2a41b07d
    groups:
      - {name: worker, instances: 2, singleton: false, argv: [/srv/shop/releases/@RELEASE@/venv/bin/celery, worker]}
    others:
      - {release: 0a1b2c3d4e5f, name: worker, instances: 2, singleton: false}
"""

RETURN = r"""
started:
  description: Units, or programs of supervisor, that were started.
  type: list
  elements: str
  returned: always
told:
  description: Those that were told to stop.
  type: list
  elements: str
  returned: always
busy:
  description: Those that still finish what they have begun.
  type: list
  elements: str
  returned: always
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.asgiway.django.plugins.module_utils import processes
from ansible_collections.asgiway.django.plugins.module_utils.processes import One, Refusal, Supervisor, Systemd


def missing_programs(programs: Sequence[str]) -> list[str]:
    """Return those that nobody could run."""
    return [program for program in dict.fromkeys(programs) if not os.access(program, os.X_OK)]


def wait_until_up(manager: Systemd | Supervisor, ones: Sequence[One], settle: float, patience: float) -> None:
    """Return when all have been up for a while.

    Raises:
        Refusal: about one that died, or has not come up in time, with its log.
    """
    end = time.monotonic() + patience
    down: set[str] = set()
    while True:
        states = manager.states(ones)
        # one that still stops is started by the manager afterwards, and is down for a moment in between
        seen, down = down, {name for name, state in states.items() if state.kind == "down"}
        dead = [name for name, state in states.items() if state.kind == "dead" or name in seen & down]
        young = [
            name
            for name, state in states.items()
            if state.kind in ("starting", "down") or (state.kind == "up" and state.seconds < settle)
        ]
        late = young if time.monotonic() > end else []
        for name in [*dead, *late]:
            why = "does not stay up" if name in dead else f"has not been up for {settle:g} s within {patience:g} s"
            raise Refusal(f"{name} {why}. Its last lines:\n{manager.log(name).strip() or '(none)'}")
        if not young:
            return
        time.sleep(processes.POLL)


def hand_over(manager: Systemd | Supervisor, params: dict[str, Any]) -> dict[str, Any]:
    """Do it, in the order of the documentation."""
    release = params["release"]
    groups = [
        One(release, str(group["name"]), int(group["instances"]), bool(group.get("singleton")))
        for group in params["groups"]
    ]
    others = [
        One(str(one["release"]), str(one["name"]), int(one["instances"]), bool(one.get("singleton")))
        for one in params["others"]
    ]
    programs = [str(group["argv"][0]).replace("@RELEASE@", release) for group in params["groups"] if group.get("argv")]
    absent = missing_programs(programs + [program.replace("@RELEASE@", release) for program in params["programs"]])
    if absent:
        raise Refusal(
            f"{absent[0]} is not there, or cannot be run. It must come with the project's requirements,"
            " or with app_packages"
        )
    alone = {group.name for group in groups if group.singleton}
    started: list[str] = []
    told: list[str] = []

    def start(chosen: list[One]) -> None:
        if chosen:
            started.extend(manager.start(chosen, manager.states(chosen)))
            if params["settle"]:
                wait_until_up(manager, chosen, params["settle"], params["patience"])

    start([group for group in groups if not group.singleton])
    first = [one for one in others if one.singleton or one.name in alone]
    if first:
        told.extend(manager.tell(first, wait=True))
    start([group for group in groups if group.singleton])
    rest = [one for one in others if one not in first]
    if rest:
        told.extend(manager.tell(rest, wait=params["wait"]))
    busy = [name for name, state in manager.states(others).items() if state.kind == "stopping"]
    return {"changed": bool(started or told), "started": started, "told": told, "busy": busy}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path"},
            "release": {"type": "str", "default": ""},
            "groups": {"type": "list", "elements": "dict", "default": []},
            "others": {"type": "list", "elements": "dict", "default": []},
            "programs": {"type": "list", "elements": "str", "default": []},
            "manager": {"type": "str", "choices": ["systemd", "supervisor"], "required": True},
            "settle": {"type": "float", "default": 5},
            "patience": {"type": "float", "default": 60},
            "wait": {"type": "bool", "default": False},
            "log_dir": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode:
        module.exit_json(changed=False, started=[], told=[], busy=[])

    def run(command: Sequence[str]) -> tuple[int, str]:
        code, out, err = module.run_command(list(command))
        return code, out + err

    kind = Systemd if params["manager"] == "systemd" else Supervisor
    root = Path(params["root"] or f"/srv/{params['name']}")
    manager = kind(params["name"], root, run, params["log_dir"] or f"/var/log/{params['name']}")
    try:
        result = hand_over(manager, params)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=f"hand_over: {error.filename} cannot be used: {error.strerror}.")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
