#!/usr/bin/python
"""Ansible module: many symbolic links in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: links
short_description: Make a set of symbolic links
description:
  - Makes many symbolic links below one directory in one call; a task per link would cost a third of a second each.
options:
  directory:
    description: Where the links' names are relative to.
    type: path
    required: true
  links:
    description: A list of C(name) (relative path of the link) and C(target).
    type: list
    elements: dict
    required: true
  alone:
    description: A directory below it in which no other link stays.
    type: str
    default: ""
author: The Asgiway authors
"""

EXAMPLES = r"""
- asgiway.django.links:
    directory: /srv/shop/releases/0123456789ab
    links:
      - {name: http/1.sock, target: /run/shop/0123456789ab/asgi-1.sock}
"""

RETURN = r"""
made:
  description: Names of the links that were made or changed.
  type: list
  returned: always
removed:
  description: Names of the links that were removed.
  type: list
  returned: always
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def wrong_links(directory: Path, links: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the links that are missing or point elsewhere."""
    return [
        link
        for link in links
        if not (directory / link["name"]).is_symlink() or str((directory / link["name"]).readlink()) != link["target"]
    ]


def make(directory: Path, link: dict[str, str]) -> None:
    """Make one link by an atomic rename."""
    path = directory / link["name"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)  # whatever the umask: nginx passes through
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(link["target"])
    temporary.replace(path)


def others(directory: Path, alone: str, links: list[dict[str, str]]) -> list[str]:
    """Return the names of links below the directory `alone` that are none of these."""
    names = {link["name"] for link in links}
    found = (directory / alone).rglob("*") if alone else ()
    return sorted(
        name for path in found if path.is_symlink() and (name := str(path.relative_to(directory))) not in names
    )


def main() -> None:
    """Make what is missing, and remove what is too much."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "links": {"type": "list", "elements": "dict", "required": True},
            "alone": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    wrong = wrong_links(directory, module.params["links"])
    surplus = others(directory, module.params["alone"], module.params["links"])
    if not module.check_mode:
        try:
            for link in wrong:
                make(directory, link)
            for name in surplus:
                (directory / name).unlink(missing_ok=True)
        except OSError as error:
            module.fail_json(msg=f"cannot make the links in {directory}: {error}")
    module.exit_json(changed=bool(wrong or surplus), made=[link["name"] for link in wrong], removed=surplus)


if __name__ == "__main__":
    main()
