"""Lookup: the variables of the controller's environment that decide how pip and uv download."""

from __future__ import annotations

DOCUMENTATION = r"""
name: download_env
short_description: Proxy, index and CA variables of the controller's environment
description:
  - Returns the variables that pip and uv read for proxies, indexes and certificate bundles, as far as they are set.
  - For inventories whose host is the controller itself.
options: {}
"""

import os
import re
from typing import Any

from ansible.plugins.lookup import LookupBase

# https://docs.astral.sh/uv/configuration/environment/ and pip's --cert, --index-url
NAMES = re.compile(r"(?i:https?_proxy|no_proxy|all_proxy)|SSL_CERT_(FILE|DIR)|UV_\w*INDEX\w*|PIP_(CERT|INDEX_URL)")


class LookupModule(LookupBase):
    """Return one dict."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:
        """Pick the variables by name."""
        return [{name: value for name, value in os.environ.items() if NAMES.fullmatch(name)}]
