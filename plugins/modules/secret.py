#!/usr/bin/python
"""Ansible module: make sure that a file with a generated secret exists on the host, and rotate it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret
short_description: Generate a secret on the host, once, and rotate it when told to
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Writes a random text to a file that does not exist yet, and reads it back. An existing one is only replaced by
    O(state=rotated); otherwise its owner, group and mode are set right.
  - "A rotation takes more than one run of this module, and each of them may be killed. PATH.next holds the new secret
    until O(state=settled), so that a rotation that is begun again goes on instead of making another.
    PATH.previous holds the secrets before, newest first, one a line; PATH.forgotten those that are about to go."
  - The values are in the result, so the task needs C(no_log=true).
options:
  path:
    description: The file. A missing directory is created with mode 0700.
    type: path
    required: true
  state:
    description:
      - C(present) generates what is missing. C(rotated) makes another, and the present one joins the previous.
      - C(forgotten) takes the previous ones out of use; RV(holders) then tells who still has them.
      - C(settled) ends what C(rotated) and C(forgotten) began.
    type: str
    choices: [present, rotated, forgotten, settled]
    default: present
  used_by:
    description:
      - Patterns of environment files. A previous secret that stands in none of them is dropped.
      - Empty means that previous secrets stay.
    type: list
    elements: str
    default: []
  length:
    description: Number of characters, at least 16.
    type: int
    default: 50
  chars:
    description: Characters to choose from. Letters and digits need no quoting anywhere.
    type: str
    default: abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789
  mode:
    default: '0600'
extends_documentation_fragment: [ansible.builtin.files]
attributes:
  check_mode:
    description: In check mode, a secret that would be generated is a throw-away one.
    support: full
"""

EXAMPLES = r"""
- name: Generate the secret key
  asgiway.django.secret:
    path: /etc/asgiway/shop/secret_key
  register: __release_secret_key
  no_log: true

- name: Make another, and keep the one before as a fallback
  asgiway.django.secret:
    path: /etc/asgiway/shop/secret_key
    state: rotated
  register: __release_secret_key
  no_log: true
"""

RETURN = r"""
value:
  description: The secret, without a line end.
  type: str
  returned: success
previous:
  description: The secrets before it that still count, newest first.
  type: list
  elements: str
  returned: success
forgotten:
  description: Those that count no more, until C(settled).
  type: list
  elements: str
  returned: success
holders:
  description: The files of O(used_by) that hold a forgotten one.
  type: list
  elements: str
  returned: success
path:
  description: The file.
  type: str
  returned: always
"""

import os
import secrets
import shlex
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


class Refusal(Exception):
    """A sentence for the person who reads the output."""


def generate(length: int, chars: str) -> str:
    """Return a random text from the system's generator."""
    return "".join(secrets.choice(chars) for _ in range(length))


def read(path: Path) -> str | None:
    """Return the secret in the file, None when there is no file."""
    if not path.exists() and not path.is_symlink():
        return None
    if not path.is_file():
        raise Refusal(f"secret: {path} exists, but is not a file.")
    try:
        value = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise Refusal(f"secret: {path} is not a text.") from error
    if not value:
        raise Refusal(
            f"secret: {path} is empty. Put the secret back from your backup, or remove the file to get a new one "
            "(what was signed or encrypted with the old one is then lost)."
        )
    return value


@contextmanager
def draft_of(path: Path, text: str) -> Iterator[Path]:
    """Provide a whole file for root alone beside another; it is gone afterwards."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def write_new(path: Path, value: str) -> str:
    """Create the file with the value in one step; return what stands in it, which another run may have written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with draft_of(path, value + "\n") as draft:
        try:
            os.link(draft, path)  # unlike a rename, a link never replaces a secret
        except FileExistsError:
            return read(path) or value
    return value


def replace(path: Path, text: str) -> None:
    """Write the file anew in one step: who reads it sees the old content or the new one."""
    with draft_of(path, text) as draft:
        draft.replace(path)


def values_in(path: Path) -> set[str]:
    """Return what an environment file holds: values, the parts of a list, the password of a URL."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    found = set()
    for line in lines:
        try:
            value = "".join(shlex.split(line.partition("=")[2]))
        except ValueError:  # one of several lines, which none of the kit's has
            continue
        found |= {value, *value.split(",")}
        if "://" in value:
            found.add(value.partition("://")[2].rpartition("@")[0].partition(":")[2])
    return found - {""}


class Secret:
    """A secret with what came before it.

    Attributes:
        value: the secret, None when there is none yet.
        previous, forgotten: see the module's documentation.
        changed: whether anything was written, or would be.
    """

    def __init__(self, path: Path, dry: bool) -> None:
        """Read what stands."""
        self.path, self.dry, self.changed = path, dry, False
        self.value = read(path)
        self.previous, self.forgotten = self._lines("previous"), self._lines("forgotten")

    def beside(self, kind: str) -> Path:
        """Return the path of a file that belongs to it."""
        return self.path.with_name(f"{self.path.name}.{kind}")

    def _lines(self, kind: str) -> list[str]:
        path = self.beside(kind)
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def _keep(self, kind: str, values: list[str]) -> None:
        """Write a list, or remove its file when it is empty."""
        if values == self._lines(kind):
            return
        self.changed = True
        if self.dry:
            return
        if values:
            replace(self.beside(kind), "".join(f"{value}\n" for value in values))
        else:
            self.beside(kind).unlink(missing_ok=True)

    def generate(self, length: int, chars: str) -> None:
        """Make the first one."""
        self.value, self.changed = generate(length, chars), True
        if not self.dry:
            self.value = write_new(self.path, self.value)

    def rotate(self, length: int, chars: str) -> None:
        """Go on with a rotation that was begun, or begin one; a run may be killed after each step."""
        following = read(self.beside("next"))
        if following is None:
            following, self.changed = generate(length, chars), True
            if not self.dry:
                following = write_new(self.beside("next"), following)
        if following == self.value:
            return
        self.changed = True
        self.previous = list(dict.fromkeys([str(self.value), *self.previous]))
        self._keep("previous", self.previous)
        if not self.dry:
            replace(self.path, following + "\n")
        self.value = following

    def forget(self) -> None:
        """Take the previous ones out of use; the list of those that go is written first."""
        self.forgotten = list(dict.fromkeys([*self.forgotten, *self.previous]))
        self._keep("forgotten", self.forgotten)
        self.previous = []
        self._keep("previous", [])

    def settle(self) -> None:
        """End what was begun. A rotation that came no further than its new secret stays begun."""
        self.forgotten = []
        self._keep("forgotten", [])
        if self.beside("next").exists() and read(self.beside("next")) == self.value:
            self.changed = True
            if not self.dry:
                self.beside("next").unlink()

    def drop_unused(self, held: set[str]) -> None:
        """Keep only those previous ones that somebody holds."""
        self.previous = [value for value in self.previous if value in held]
        self._keep("previous", self.previous)

    @property
    def files(self) -> list[Path]:
        """Its files that stand."""
        return [path for path in (self.path, *map(self.beside, ("previous", "forgotten", "next"))) if path.exists()]


def act(module: AnsibleModule) -> dict[str, Any]:
    """Do what was asked for; return the result."""
    params = module.params
    secret = Secret(Path(params["path"]), module.check_mode)
    if secret.value is None:
        secret.generate(params["length"], params["chars"])
    elif params["state"] == "rotated":
        secret.rotate(params["length"], params["chars"])
    elif params["state"] == "forgotten":
        secret.forget()
    elif params["state"] == "settled":
        secret.settle()
    files = sorted(path for pattern in params["used_by"] for path in Path("/").glob(pattern.lstrip("/")))
    holding = {str(path): values_in(path) for path in files}
    if params["used_by"]:
        secret.drop_unused(set().union(*holding.values()))
    for path in secret.files:
        arguments = module.load_file_common_arguments(params, path=str(path))
        secret.changed = module.set_fs_attributes_if_different(arguments, secret.changed)
    return {
        "changed": secret.changed,
        "value": secret.value,
        "previous": secret.previous,
        "forgotten": secret.forgotten,
        "holders": [path for path, values in holding.items() if values & set(secret.forgotten)],
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "rotated", "forgotten", "settled"], "default": "present"},
            "used_by": {"type": "list", "elements": "str", "default": []},
            "length": {"type": "int", "default": 50, "no_log": False},
            "chars": {"type": "str", "default": string.ascii_letters + string.digits},
            "mode": {"type": "raw", "default": "0600"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    params = module.params
    if params["length"] < 16 or len(set(params["chars"])) < 10:
        module.fail_json(msg="secret: length must be at least 16, and chars have at least 10 different characters.")
    try:
        result = act(module)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=f"secret: {error.filename or params['path']} cannot be used: {error.strerror}.")
    module.exit_json(path=params["path"], **result)


if __name__ == "__main__":
    main()
