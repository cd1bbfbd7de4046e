"""Lookup: what a Django project's files say about it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: project
short_description: Settings, WSGI, ASGI and requirements of a Django project on the controller
description:
  - Reads manage.py, the settings and the dependency files as text; nothing of the project is imported or run.
  - Returns settings, wsgi, asgi, requirements, requirements_file and channels_redis.
options:
  _terms:
    description: The project's directory.
    required: true
  settings:
    description: The settings module, instead of the one that manage.py names.
    type: str
    default: ""
  wsgi:
    description: The WSGI callable as module:name, instead of the one found.
    type: str
    default: ""
  asgi:
    description: The ASGI callable as module:name, instead of the one found.
    type: str
    default: ""
author: [The Asgiway authors]
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.asgiway.django.plugins.plugin_utils import project


class LookupModule(LookupBase):  # type: ignore[misc]
    """Return one dictionary per directory."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Inspect each directory."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return [
                project.inspect(term, *(self.get_option(name) for name in ("settings", "wsgi", "asgi")))
                for term in terms
            ]
        except ValueError as error:
            raise AnsibleLookupError(str(error)) from error
