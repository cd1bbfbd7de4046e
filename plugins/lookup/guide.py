"""Lookup: what there is to say of a word, a variable of a role or a command."""

from __future__ import annotations

DOCUMENTATION = r"""
name: guide
short_description: Explain a word, a variable of a role or a command
description:
  - Returns the text that C(./asgiway help NAME) prints, from the declarations of the words and of the roles.
options:
  _terms:
    description: One name; an empty one asks for the list of all.
    required: true
"""

EXAMPLES = r"""
- name: Explain a word
  ansible.builtin.debug:
    msg: "{{ lookup('asgiway.django.guide', 'server').splitlines() }}"
"""

RETURN = r"""
_raw:
  description: The text, wrapped to 80 columns.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.asgiway.django.plugins.plugin_utils import declaration, guide


class LookupModule(LookupBase):  # type: ignore[misc]
    """See DOCUMENTATION."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[str]:
        """Return the text of each name."""
        try:
            known = guide.read_guide()
            return [guide.answer(str(term), known, 80) for term in terms]
        except declaration.WordsError as error:
            raise AnsibleLookupError(str(error)) from error
