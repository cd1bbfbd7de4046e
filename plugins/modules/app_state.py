#!/usr/bin/python
"""Ansible module: read what stands on a host for an app, in one call and without changing anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_state
short_description: Read what stands on a host for an app
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Returns the live release, the kept releases, the history, the processes and the holder of the deploy lock.
  - What is missing is an empty value, never an error, so that it can be asked on a fresh host.
options:
  name:
    description: Name of the app.
    type: str
    required: true
  root:
    description: Directory of the app. Default C(/srv/NAME).
    type: path
  lock_path:
    description: Directory of the deploy lock. Default C(/run/asgiway/NAME).
    type: path
  run:
    description: Directory of the releases' sockets. Default C(/run/NAME).
    type: path
  manager:
    description: Process manager to ask. C(auto) is systemd where systemd runs, otherwise supervisor.
    type: str
    choices: [auto, systemd, supervisor]
    default: auto
  supervisorctl:
    description: Command that runs supervisorctl, with its options.
    type: list
    elements: str
    default: [supervisorctl]
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Read what stands on the host
  asgiway.django.app_state:
    name: shop
    supervisorctl: [/opt/asgiway/bin/supervisorctl, -c, /etc/asgiway/supervisord.conf]
  register: __app_server_state
"""

RETURN = r"""
live:
  description: Id of the live release, empty when there is none.
  type: str
  returned: always
recorded:
  description:
    - The last release whose switch was recorded.
    - Another one than RV(live) when a run was killed between switch and record.
    - RV(live) when there is no history, or when the release it names is no longer kept.
  type: str
  returned: always
unfinished:
  description:
    - RV(live), when a rollback to it was killed after its switch and what it left is not gone yet; otherwise empty.
    - The release that it left is then marked bad, or still has processes or sockets.
  type: str
  returned: always
previous:
  description: The release that was live before, kept, complete and not marked bad; empty when there is none.
  type: str
  returned: always
releases:
  description:
    - The kept releases, newest first, each with C(id), C(complete) (release.json stands), C(live), C(bad) (there is a
      file of that name), C(bad_reason) (its text), C(mtime) (when it was completed, or else last touched) and C(info)
      (the content of release.json).
  type: list
  elements: dict
  returned: always
history:
  description: The last 10 switches of history.jsonl, oldest first.
  type: list
  elements: dict
  returned: always
processes:
  description:
    - Processes of every release and of the app's own services, and those that would start at the next boot.
    - Each has C(unit), C(release), C(group), C(instance),
      C(active) (active, activating, inactive, failed), C(sub) (the manager's own word), C(pid), C(since), C(restarts).
  type: list
  elements: dict
  returned: always
drained:
  description: What history.jsonl tells of the last drain, empty when there was none.
  type: dict
  returned: always
schedules:
  description:
    - What is run at certain times, with C(name), C(active), C(last) and C(next) (as systemd writes times, or empty) and
      C(result) of the last run. cron tells no more than the names.
  type: list
  elements: dict
  returned: always
runtime:
  description: Releases that have a directory for sockets in C(/run/NAME), whether a process runs or not.
  type: list
  elements: str
  returned: always
venvs:
  description: Virtual environments that releases share, whole ones and what a killed build has left.
  type: list
  elements: str
  returned: always
neighbours:
  description:
    - Other apps on the host whose live release may have connections to its PostgreSQL, with C(name) and C(connections).
  type: list
  elements: dict
  returned: always
lock:
  description: Who holds the deploy lock, empty for nobody.
  type: dict
  returned: always
manager:
  description: The process manager that was asked.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.asgiway.django.plugins.module_utils import app_state, managers


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path"},
            "lock_path": {"type": "path"},
            "run": {"type": "path"},
            "manager": {"type": "str", "choices": ["auto", "systemd", "supervisor"], "default": "auto"},
            "supervisorctl": {"type": "list", "elements": "str", "default": ["supervisorctl"]},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        state = app_state.read(
            params["name"],
            params["manager"],
            managers.reader(module),
            root=params["root"],
            run_dir=params["run"],
            lock=params["lock_path"],
            supervisorctl=params["supervisorctl"],
        )
    except OSError as error:
        module.fail_json(msg=f"app_state: {error.filename} cannot be read: {error.strerror}.")
    module.exit_json(changed=False, **state)


if __name__ == "__main__":
    main()
