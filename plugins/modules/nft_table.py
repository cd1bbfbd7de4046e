#!/usr/bin/python
"""Ansible module: one table of nftables is in force as a file says, or is not there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nft_table
short_description: Put a table of nftables in force
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Loads a file that replaces one table in one transaction, and is C(changed) when the kernel has other rules then.
  - It loads whenever it runs, so that rules that somebody flushed, or that a killed run did not load, are in force.
  - All other tables stay as they are.
options:
  table:
    description: Family and name of the table, for instance C(inet asgiway).
    type: str
    required: true
  path:
    description: The file, which deletes and makes the table. Required for O(state=present).
    type: path
  state:
    description:
      - C(possible) changes nothing, and fails with a sentence where the kernel takes no rules.
      - C(absent) deletes the table.
    type: str
    choices: [present, absent, possible]
    default: present
  nft:
    description: The program.
    type: str
    default: /usr/sbin/nft
attributes:
  check_mode:
    description: The file is only checked. A table that is there counts as unchanged, for only the kernel could tell.
    support: partial
"""

EXAMPLES = r"""
- name: Put the rules in force
  asgiway.django.nft_table:
    path: /etc/asgiway/nftables.conf
    table: inet asgiway
"""

RETURN = r"""
rules:
  description: The table as the kernel has it after the task, as nft writes it; empty for none.
  type: str
  returned: always
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

REFUSED = "Operation not permitted"


def sentence(table: str, error: str) -> str:
    """Say why the kernel did not take the rules, and what to do."""
    if REFUSED in error:
        return (
            f"This host lets nobody make rules (nft: {REFUSED}), as a container without CAP_NET_ADMIN, so the table"
            f" {table} cannot be. Filter outside of it, and say manage_firewall=false."
        )
    return f"nft refuses the rules of the table {table}, and what was in force still is: {error.strip()}"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "table": {"type": "str", "required": True},
            "path": {"type": "path"},
            "state": {"type": "str", "choices": ["present", "absent", "possible"], "default": "present"},
            "nft": {"type": "str", "default": "/usr/sbin/nft"},
        },
        required_if=[("state", "present", ["path"])],
        supports_check_mode=True,
    )
    params = module.params
    table = params["table"].split()

    def nft(*argv: str) -> tuple[int, str, str]:
        try:
            code, output, error = module.run_command([params["nft"], *argv], handle_exceptions=False)
        except OSError as problem:
            return 127, "", f"{params['nft']}: {problem.strerror}"
        return int(code), str(output), str(error)

    def rules() -> str:
        # without counters, which change by themselves
        return nft("--stateless", "list", "table", *table)[1]

    before = rules()
    if params["state"] == "possible":
        code, _, error = nft("list", "tables")
        if code != 0:
            module.fail_json(msg=sentence(params["table"], error))
        module.exit_json(changed=False, rules=before)
    if params["state"] == "absent":
        if before and not module.check_mode:
            code, _, error = nft("delete", "table", *table)
            if code != 0:
                module.fail_json(msg=sentence(params["table"], error))
        module.exit_json(changed=bool(before), rules=before if module.check_mode else "")
    if module.check_mode and not Path(params["path"]).exists():
        module.exit_json(changed=True, rules=before)
    code, _, error = nft(*(["--check"] if module.check_mode else []), "--file", params["path"])
    if code != 0:
        module.fail_json(msg=sentence(params["table"], error))
    after = before if module.check_mode else rules()
    module.exit_json(changed=not before or before != after, rules=after)


if __name__ == "__main__":
    main()
