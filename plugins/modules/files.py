#!/usr/bin/python
"""Ansible module: many files, directories and links in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Put a set of files, directories and links in place, or take them away
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Does in one call, in the order of the lists, what takes M(ansible.builtin.file) and M(ansible.builtin.copy) a
    task of a third of a second for each.
  - A file is written beside its place and renamed, so that nobody reads half of it. What is as it should be stays as
    it is, also the time of its last writing.
  - No link is followed, neither to write, nor to give away, nor to remove what is behind it.
  - An archive comes last. It is unpacked elsewhere, and appears with owners and modes, by renames of what is in it.
options:
  directory:
    description: What relative names are relative to.
    type: path
    required: true
  absent:
    description: What there should not be. It is removed first; a pattern (C(*)) names several.
    type: list
    elements: str
    default: []
  files:
    description: What there should be.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its path. Directories that are missing above it are made, open to others.
        type: str
        required: true
      state:
        description: What it is.
        type: str
        choices: [file, directory, link, line]
        default: file
      content:
        description: >-
          Of a file; C(--diff) shows it. A file whose name is in O(secrets) has none here. Of a C(line) what the last
          line of a file is to be: it is added to what the file has.
        type: str
      target:
        description: Of a link.
        type: str
      owner:
        description: Name of the user.
        type: str
      group:
        description: Name of the group.
        type: str
      mode:
        description: Of a file or a directory.
        type: str
  secrets:
    description: Contents of files by their names, which are shown nowhere, nor written into the host's log.
    type: dict
    default: {}
  archive:
    description: A tar.gz on the controller. What is in it comes into O(directory), where nothing but empty directories
      may have its names.
    type: path
  archive_group:
    description: The group that may read what was in the archive. Root owns it, and others may do nothing.
    type: str
attributes:
  check_mode:
    description: Tells what would change.
    support: full
  diff_mode:
    description: Shows what becomes of files without secrets.
    support: full
"""

EXAMPLES = r"""
- name: Lay a release out
  asgiway.django.files:
    directory: /srv/shop/releases/0123456789ab
    absent: [build.env]
    secrets:
      env: KEY=value
    files:
      - {name: src, state: directory, owner: root, group: shop, mode: "0750"}
      - {name: env, mode: "0600"}
      - {name: launch, content: "{{ lookup('ansible.builtin.template', 'launch.sh.j2') }}", mode: "0755"}
      - {name: http/1.sock, state: link, target: /run/shop/0123456789ab/asgi-1.sock}
    archive: /home/me/.cache/shop.tar.gz
    archive_group: shop
"""

RETURN = r"""
paths:
  description: What was made, changed or removed.
  type: list
  elements: str
  returned: always
"""

import glob
import grp
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def paths_of(directory: Path, name: str) -> list[Path]:
    """Return what a name to remove stands for, as far as it is there."""
    found = glob.glob(str(directory / name)) if "*" in name else [str(directory / name)]  # noqa: PTH207 - absolute
    return [Path(path) for path in sorted(found) if os.path.lexists(path)]


def remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to), or a directory with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


class Placer:
    """Puts one thing after the other in its place."""

    def __init__(self, module: AnsibleModule, directory: Path) -> None:
        """Only look, when the module is in check mode."""
        self.module, self.directory, self.dry = module, directory, bool(module.check_mode)
        self.secrets: dict[str, str] = module.params["secrets"]
        self.gone: list[Path] = []  # in check mode, what an earlier entry would have removed
        self.diff: list[dict[str, str]] = []

    def _stands(self, path: Path) -> bool:
        return os.path.lexists(path) and not any(path.is_relative_to(gone) for gone in self.gone)

    def take_away(self, name: str) -> list[Path]:
        """Return what a name stands for, and remove it."""
        found = [path for path in paths_of(self.directory, name) if self._stands(path)]
        for path in found:
            if self.dry:
                self.gone.append(path)
            else:
                remove(path)
        return found

    def place(self, wanted: dict[str, Any]) -> list[Path]:
        """Return the path where it differs from what is wanted, and mend it."""
        path = self.directory / wanted["name"]
        kinds = {"file": self._file, "directory": self._directory, "link": self._link, "line": self._line}
        changed = kinds[wanted["state"]](path, wanted)
        if self._stands(path) and wanted["state"] != "link":
            asked = {key: wanted[key] for key in ("owner", "group", "mode") if wanted[key] is not None}
            arguments = self.module.load_file_common_arguments(asked, path=str(path))
            changed = self.module.set_fs_attributes_if_different(arguments, changed)
        return [path] if changed else []

    def _room(self, path: Path) -> None:
        """Make the directory that something is put into; whatever the umask, others pass through."""
        missing = [parent for parent in path.parents if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            parent.chmod(0o755)

    def _directory(self, path: Path, wanted: dict[str, Any]) -> bool:
        if self._stands(path) and path.is_dir() and not path.is_symlink():
            return False
        if not self.dry:
            self._room(path)
            path.mkdir(mode=int(wanted["mode"] or "0755", 8))
        return True

    def _line(self, path: Path, wanted: dict[str, Any]) -> bool:
        # a power cut may have left anything in it
        before = path.read_text(encoding="utf-8", errors="surrogateescape") if self._stands(path) else ""
        if before.splitlines()[-1:] == [wanted["content"]]:
            return False
        ended = before + ("" if before.endswith("\n") or not before else "\n")
        return self._file(path, {**wanted, "content": f"{ended}{wanted['content']}\n"})

    def _file(self, path: Path, wanted: dict[str, Any]) -> bool:
        secret = self.secrets.get(wanted["name"])
        content = str(wanted["content"] if secret is None else secret).encode(errors="surrogateescape")
        stands = self._stands(path) and path.is_file() and not path.is_symlink()
        before = path.read_bytes() if stands else b""
        if stands and before == content:
            return False
        if secret is None:
            texts = {"before": before.decode(errors="replace"), "after": content.decode(errors="replace")}
            self.diff.append({**texts, "before_header": str(path), "after_header": str(path)})
        if not self.dry:
            self._room(path)
            draft = path.with_name(f".{path.name}.new")
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            # with its owner and mode before it has its name
            asked = {key: wanted[key] for key in ("owner", "group", "mode") if wanted[key] is not None}
            self.module.set_fs_attributes_if_different(
                self.module.load_file_common_arguments(asked, path=str(draft)), False
            )
            draft.replace(path)
        return True

    def _link(self, path: Path, wanted: dict[str, Any]) -> bool:
        if self._stands(path) and path.is_symlink() and str(path.readlink()) == wanted["target"]:
            return False
        if not self.dry:
            self._room(path)
            draft = path.with_name(f".{path.name}.new")
            draft.unlink(missing_ok=True)
            draft.symlink_to(wanted["target"])
            draft.replace(path)
        return True

    def unpack(self, archive: str, group: str) -> list[Path]:
        """Return where the parts of an archive came to."""
        if self.dry:
            return [self.directory]
        try:
            gid = grp.getgrnam(group).gr_gid
        except KeyError:
            self.module.fail_json(msg=f"there is no group {group}.")
        self._room(self.directory / "unpacked")
        with tempfile.TemporaryDirectory(prefix=".unpacked.", dir=self.directory) as room:
            argv = ["tar", "--extract", "--gzip", "--file", archive, "--directory", room, "--no-same-owner"]
            self.module.run_command(argv, check_rc=True)
            for folder, folders, names in os.walk(room):
                for path in [Path(folder) / name for name in folders + names]:
                    lend(path, gid)
            return [part.rename(self.directory / part.name) for part in sorted(Path(room).iterdir())]


def lend(path: Path, gid: int) -> None:
    """Let root write, and the group read and enter; a link stays as it is, but for its owners."""
    os.chown(path, 0 if os.geteuid() == 0 else -1, gid, follow_symlinks=False)
    if not path.is_symlink():
        enter = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o750 if enter else 0o640)


def main() -> None:
    """Run the module."""
    texts = {name: {"type": "str"} for name in ("content", "target", "owner", "group", "mode")}
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "absent": {"type": "list", "elements": "str", "default": []},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "state": {"type": "str", "choices": ["file", "directory", "link", "line"], "default": "file"},
                    **texts,
                },
                "required_if": [("state", "link", ["target"]), ("state", "line", ["content"])],
            },
            # not beside `content`: of several lines within a list Ansible would write it into the host's log
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "archive": {"type": "path"},
            "archive_group": {"type": "str"},
        },
        required_together=[("archive", "archive_group")],
        supports_check_mode=True,
    )
    params = module.params
    placer = Placer(module, Path(params["directory"]))
    changed: list[Path] = []
    names = [*params["absent"], *(wanted["name"] for wanted in params["files"])]
    if not all(name.strip() for name in names):
        module.fail_json(msg=f"a name for {params['directory']} is empty, which would mean the whole directory.")
    for wanted in params["files"]:
        if wanted["state"] == "file" and (wanted["content"] is None) == (wanted["name"] not in params["secrets"]):
            module.fail_json(msg=f"{wanted['name']} needs content or an entry in secrets, and not both.")
    try:
        for name in params["absent"]:
            changed += placer.take_away(name)
        for wanted in params["files"]:
            changed += placer.place(wanted)
        if params["archive"]:
            changed += placer.unpack(params["archive"], params["archive_group"])
    except OSError as error:
        module.fail_json(msg=f"{error.filename or params['directory']} cannot be made or removed: {error.strerror}.")
    diff = {"diff": placer.diff} if module._diff else {}
    module.exit_json(changed=bool(changed), paths=[str(path) for path in changed], **diff)


if __name__ == "__main__":
    main()
