"""Documentation of the action plugin of the same name; all of it runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Check every word of a deploy before any host is touched
description:
  - Checks types, ranges and patterns of the words and of every variable of a role that the inventory or C(-e) gives,
    what they say of each other, the server word, the project's directory, and misspelt or renamed names. All errors
    come in one message, one sentence each.
  - Runs on the controller, needs no connection and changes nothing; check mode makes no difference.
  - Secret words (C(no_log) in the declaration) are checked without being shown and are not in the result.
options:
  spec:
    description: Path of the declaration, C(playbooks/deploy.meta.yml).
    type: path
    required: true
  servers:
    description: >-
      What the registry says; C(engines) (list), C(aliases) (dict), C(interfaces) (engine to wsgi or asgi), and, if
      wanted, C(refused) (a word to the reason why it is no server) and C(tuning) (engine to what it can be told).
    type: dict
    required: true
  roles_path:
    description: Directory of the roles, whose C(meta/argument_specs.yml) and C(meta/constraints.yml) declare variables.
    type: path
    required: true
  playbooks:
    description: >-
      Directory of the playbooks. What its C(roles/wiring/) and C(tasks/) set cannot be given by an inventory.
      Leave it out where nothing is set so.
    type: path
  ignore:
    description: Words that the playbook does not use. They are not checked and come back empty.
    type: list
    elements: str
    default: []
  command:
    description: The command that messages suggest.
    type: str
    default: ./asgiway deploy
author: [The Asgiway authors]
"""

EXAMPLES = r"""
- name: Check the words
  asgiway.django.validate:
    spec: "{{ playbook_dir }}/deploy.meta.yml"
    roles_path: "{{ playbook_dir }}/../roles"
    playbooks: "{{ playbook_dir }}"
    servers:
      engines: [daphne, gunicorn]
      aliases: {pair: gunicorn+daphne}
      interfaces: {daphne: asgi, gunicorn: wsgi}
  register: validate_result
"""

RETURN = r"""
words:
  description: Every word that is not secret, in its type, with defaults; a word without value is null.
  returned: success
  type: dict
engines:
  description: The engines behind the server word, one or [wsgi engine, asgi engine]; empty when server is ignored.
  returned: success
  type: list
compared:
  description: For ./asgiway compare, each of the servers with its engines.
  returned: success
  type: dict
project:
  description: Settings, WSGI, ASGI and requirements that were found in the source; empty when app_path is ignored.
  returned: success
  type: dict
source:
  description: The directory of the source on the controller; empty when app_path is ignored.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Say that this part never runs."""
    AnsibleModule(argument_spec={}).fail_json(
        msg="asgiway.django.validate is an action plugin; call it from a playbook"
    )


if __name__ == "__main__":
    main()
