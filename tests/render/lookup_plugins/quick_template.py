"""ansible.builtin.template without its copy of all variables for each file, half of what a rendering takes."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """Takes what ansible.builtin.template takes; nothing rendered here changes a variable in its depth."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[str]:
        real = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        with patch.object(sys.modules[type(real).__module__], "deepcopy", dict):
            rendered: list[str] = real.run(terms, variables, **options)
        return rendered
