#!/usr/bin/python
"""Ansible module: make sure that a file with a generated secret exists on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret
short_description: Generate a secret on the host, once
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Writes a random text to a file that does not exist yet, and reads it back. An existing one is never rewritten, only
    its owner, group and mode are set right.
  - The value is in the result, so the task needs C(no_log=true).
options:
  path:
    description: The file. A missing directory is created with mode 0700.
    type: path
    required: true
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
    description: In check mode, where there is no file yet, the value is a throw-away one.
    support: full
"""

EXAMPLES = r"""
- name: Generate the secret key
  asgiway.django.secret:
    path: /etc/asgiway/shop/secret_key
  register: __release_secret_key
  no_log: true
"""

RETURN = r"""
value:
  description: The secret, without a line end.
  type: str
  returned: success
path:
  description: The file.
  type: str
  returned: always
"""

import os
import secrets
import string
from pathlib import Path

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


def write_new(path: Path, value: str) -> str:
    """Create the file with the value in one step; return what stands in it, which another run may have written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, a link never replaces a secret
    except FileExistsError:
        value = read(path) or value
    finally:
        draft.unlink(missing_ok=True)
    return value


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "length": {"type": "int", "default": 50, "no_log": False},
            "chars": {"type": "str", "default": string.ascii_letters + string.digits},
            "mode": {"type": "raw", "default": "0600"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    params = module.params
    path = Path(params["path"])
    if params["length"] < 16 or len(set(params["chars"])) < 10:
        module.fail_json(msg="secret: length must be at least 16, and chars have at least 10 different characters.")
    try:
        value = read(path)
        changed = value is None
        if value is None:
            value = generate(params["length"], params["chars"])
            if not module.check_mode:
                value = write_new(path, value)
        if path.exists():
            arguments = module.load_file_common_arguments(params)
            changed = module.set_fs_attributes_if_different(arguments, changed)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=f"secret: {error.filename or path} cannot be used: {error.strerror}.")
    module.exit_json(changed=changed, path=str(path), value=value)


if __name__ == "__main__":
    main()
