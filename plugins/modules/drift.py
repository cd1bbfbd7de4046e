#!/usr/bin/python
"""Ansible module: tell in one call whether anything that a finished run left on a host is otherwise now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift
short_description: Tell whether anything that a finished run left is otherwise now
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - C(noted), after the tasks of a part, writes down how things are, together with what was asked for.
  - C(compared), before them, says what differs. Where nothing does, those tasks would find nothing to change.
  - A part of which something differs is forgotten, so that a run that is killed amid its tasks is not mistaken for
    one that finished them.
  - Only root can read the notes; they hold checksums, and no content.
options:
  directory:
    description: Where the notes are, a file for each part. It is made when there is something to note.
    type: path
    required: true
  state:
    description: What to do.
    type: str
    choices: [compared, noted]
    default: compared
  inputs:
    description: By part, a checksum of all that was asked for. C(noted) takes one part.
    type: dict
    required: true
  watch:
    description: For C(noted), what to look at. What is missing is noted as missing.
    type: dict
    default: {}
    suboptions:
      paths:
        description: Files, directories and links, or patterns of them (C(*), C(**)), of which the very set is noted.
        type: list
        elements: str
      services:
        description: Units of systemd, or programs of supervisor.
        type: list
        elements: str
      packages:
        description: Names of Debian packages, whose versions are noted.
        type: list
        elements: str
      users:
        description: Names of users, whose entries and groups are noted.
        type: list
        elements: str
  app:
    description:
      - For C(compared), an app of which RV(state) is told where anything differs. The tasks that are gone through then
        need it, and it is one call less.
    type: str
    default: ""
  manager:
    description: Who runs the services, and the processes of O(app).
    type: str
    choices: [systemd, supervisor]
    default: systemd
  days:
    description: An older note is not trusted, for some things come of age by themselves.
    type: int
    default: 7
attributes:
  check_mode:
    description: Nothing is noted and nothing forgotten.
    support: full
"""

EXAMPLES = r"""
- name: See whether there is anything to do
  asgiway.django.drift:
    directory: /srv/shop/noted
    inputs: {site: 9b1c0d}
  register: __drift

- name: Note how the site is
  asgiway.django.drift:
    directory: /srv/shop/noted
    state: noted
    inputs: {site: 9b1c0d}
    watch:
      paths: [/etc/nginx/sites-enabled/shop.conf, /run/shop/*]
      services: [nginx.service]
      packages: [nginx]
      users: [shop]
"""

RETURN = r"""
differs:
  description: By part, in sentences, why its tasks have to be gone through; empty when they need not.
  type: dict
  returned: when compared
doubts:
  description: By part, those of them that are no other wish. Where there are none, only what was asked for is new.
  type: dict
  returned: when compared
state:
  description: What M(asgiway.django.app_state) returns of O(app).
  type: dict
  returned: when compared, and something differs
"""

import glob
import grp
import hashlib
import json
import os
import pwd
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.asgiway.django.plugins.module_utils import app_state, managers
from ansible_collections.asgiway.django.plugins.module_utils.managers import Run

HASHED = 1 << 20  # bytes; of a larger file the size and the time of its last writing must do
UNSEEN = "it is the first run here, or the one before did not come to its end"
ASKED = "something else is asked for than at the last run, or by another version of the kit"

Seen = dict[str, dict[str, str]]


def name_of(number: int, lookup: Callable[[int], Any]) -> str:
    """Return the name of a user or group, its number when it has none."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def look_at_path(path: str) -> dict[str, str]:
    """Return what a file is; of a directory neither time nor content, which others change."""
    try:
        found = os.lstat(path)
    except OSError:
        return {}
    owner = f"{name_of(found.st_uid, pwd.getpwuid)}:{name_of(found.st_gid, grp.getgrgid)}"
    if stat.S_ISLNK(found.st_mode):
        return {"kind": "a link", "target": str(Path(path).readlink())}
    seen = {"kind": stat.filemode(found.st_mode)[0], "mode": f"{stat.S_IMODE(found.st_mode):04o}", "owner": owner}
    if stat.S_ISREG(found.st_mode):
        if found.st_size <= HASHED:
            seen["content"] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        if not path.startswith("/proc/"):
            seen["last writing"] = str(found.st_mtime_ns)
    return seen


def look_at_paths(paths: Sequence[str]) -> Seen:
    """Look at each; a pattern's own entry tells which files there are."""
    seen: Seen = {}
    for path in paths:
        if "*" in path:
            found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
            seen[path] = {"names": " ".join(found)}
            seen |= {one: look_at_path(one) for one in found}
        else:
            seen[path] = look_at_path(path)
    return seen


def look_at_users(names: Sequence[str]) -> Seen:
    """Return the entry of each, and its groups."""
    seen: Seen = {}
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            seen[f"the user {name}"] = {}
            continue
        groups = sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
        seen[f"the user {name}"] = {"entry": ":".join(map(str, entry[2:])), "groups": " ".join(groups)}
    return seen


def look_at_packages(names: Sequence[str], run: Run) -> Seen:
    """Return the version of each that is installed."""
    output = run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Status} ${Version}\n", *names]) if names else ""
    versions = {}
    for line in output.splitlines():
        words = line.split()
        if len(words) == 3 and words[1] == "installed":
            versions[words[0]] = {"version": words[2]}
    return {f"the package {name}": versions.get(name, {}) for name in names}


def look_at_units(names: Sequence[str], run: Run) -> Seen:
    """Return whether each unit of systemd runs, starts at boot, and is what its file says."""
    command = ["systemctl", "show", "--property=Id,ActiveState,UnitFileState,NeedDaemonReload", "--"]
    units = {
        unit: {
            "state": values.get("ActiveState", ""),
            "start at boot": values.get("UnitFileState", ""),
            "file": "read" if values.get("NeedDaemonReload") == "no" else "not read since it was written",
        }
        for unit, values in managers.units(run([*command, *names]) if names else "").items()
    }
    return {name: units.get(name, {}) for name in names}


def look_at_programs(names: Sequence[str], run: Run) -> Seen:
    """Return the states of supervisor's programs; a name is that of a program, or of a group with all its processes."""
    told = managers.programs(run(["supervisorctl", "status"]) if names else "")
    return {
        name: {process: said.split()[0] for process, said in told.items() if process.partition(":")[0] == name}
        for name in names
    }


def look(watch: Mapping[str, Sequence[str]], manager: str, run: Run) -> Seen:
    """Return how everything is."""
    look_at_services = look_at_units if manager == "systemd" else look_at_programs
    return {
        **look_at_paths(watch.get("paths") or ()),
        **look_at_users(watch.get("users") or ()),
        **look_at_packages(watch.get("packages") or (), run),
        **look_at_services(watch.get("services") or (), run),
    }


def differences(before: Seen, now: Seen) -> list[str]:
    """Return a sentence for each thing that is otherwise now."""
    said = []
    for name in sorted({*before, *now}):
        was, has = before.get(name, {}), now.get(name, {})
        if was == has:
            continue
        if not was or not has:
            said.append(f"{name} is {'not there any more' if was else 'there now'}")
            continue
        fields = [field for field in {**was, **has} if was.get(field) != has.get(field)]
        told = [field for field in fields if field not in ("content", "last writing")]
        if told:
            changes = (f"{field} {has.get(field) or 'none'}, was {was.get(field) or 'none'}" for field in told)
            said.append(f"{name}: {'; '.join(changes)}")
        else:
            said.append(f"{name}: {'its content differs' if 'content' in fields else 'it was written again'}")
    return said


def read(path: Path) -> dict[str, Any]:
    """Return a part's note; an empty one where there is none that can be read."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and {"inputs", "at", "watch", "manager", "seen"} <= set(note) else {}


def compare(path: Path, inputs: str, days: int, run: Run) -> tuple[list[str], list[str]]:
    """Return why the part's tasks have to be gone through, and what of it is drift."""
    note = read(path)
    if not note:
        return [UNSEEN], []
    drift = differences(note["seen"], look(note["watch"], note["manager"], run))
    age = (time.time() - note["at"]) / 86400
    old = [f"the last run that looked at everything was {age:.0f} days ago"] if not 0 <= age < days else []
    return ([ASKED] if note["inputs"] != inputs else []) + old + drift, drift


def write(path: Path, note: Mapping[str, Any]) -> None:
    """Write a note in one step, for root alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(note, file, indent=1, sort_keys=True)
    draft.replace(path)


def main() -> None:
    """Run the module."""
    lists = {name: {"type": "list", "elements": "str"} for name in ("paths", "services", "packages", "users")}
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["compared", "noted"], "default": "compared"},
            "inputs": {"type": "dict", "required": True},
            "watch": {"type": "dict", "default": {}, "options": lists},
            "manager": {"type": "str", "choices": ["systemd", "supervisor"], "default": "systemd"},
            "days": {"type": "int", "default": 7},
            "app": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    params = module.params
    notes = {part: Path(params["directory"]) / f"{part}.json" for part in params["inputs"]}

    run = managers.reader(module)
    if params["state"] == "noted":
        if len(notes) != 1:
            module.fail_json(msg=f"drift: one part is noted at a time, not {len(notes)}.")
        for part, path in notes.items():
            note = {"inputs": params["inputs"][part], "at": time.time(), "watch": params["watch"]}
            if not module.check_mode:
                seen = look(params["watch"], params["manager"], run)
                write(path, {**note, "manager": params["manager"], "seen": seen})
        # a note is the kit's own memory, and no change of what it looks after
        module.exit_json(changed=False)

    differs, doubts = {}, {}
    for part, path in notes.items():
        differs[part], drift = compare(path, params["inputs"][part], params["days"], run)
        doubts[part] = [sentence for sentence in differs[part] if sentence != ASKED]
        for sentence in drift if ASKED not in differs[part] else ():
            module.warn(
                f"Changed since the last run, {'and to be' if module.check_mode else 'and now'} put right: {sentence}"
            )
        if differs[part] and not module.check_mode:
            path.unlink(missing_ok=True)
    state = {}
    if params["app"] and any(differs.values()):
        try:
            state = {"state": app_state.read(params["app"], params["manager"], run)}
        except OSError as error:
            module.fail_json(msg=f"drift: {error.filename} cannot be read: {error.strerror}.")
    module.exit_json(changed=False, differs=differs, doubts=doubts, **state)


if __name__ == "__main__":
    main()
