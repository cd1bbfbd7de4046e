"""Lookup: the identity of a project's files, and an archive of them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: source_tree
short_description: Identity and archive of a directory on the controller
description:
  - Hashes the names, executable bits and contents of all files (version control, caches, virtual environments and
    SQLite files left out) and keeps a tar.gz of them under that name in the user's cache directory.
options:
  _terms:
    description: The project's directory.
    required: true
  beside:
    description: Other directories that go into the same archive, by prefix.
    type: dict
    default: {}
  laid:
    description:
      - Files that are laid into the directory on the host, by their path in it. They count for the identity as they are
        on the controller, in a vault or not, and are not in the archive.
    type: dict
    default: {}
"""

import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.asgiway.django.plugins.plugin_utils import source_tree

KEEP_ARCHIVES = 10


class LookupModule(LookupBase):  # type: ignore[misc]
    """Return one {id, archive} per directory."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:
        """Hash, and archive unless that was done before."""
        self.set_options(var_options=variables, direct=kwargs)
        beside = {str(prefix): Path(path) for prefix, path in self.get_option("beside").items()}
        laid = {str(inside): Path(path) for inside, path in self.get_option("laid").items()}
        return [self._one(Path(term).expanduser(), beside, laid) for term in terms]

    def _one(self, path: Path, beside: dict[str, Path], laid: dict[str, Path]) -> dict[str, str]:
        roots = {"src": path, **beside}
        try:
            identity = source_tree.identity(roots, laid=laid)
            cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "asgiway" / "sources"
            archive = cache / f"{identity[:24]}.tar.gz"
            if not archive.exists():
                source_tree.archive(roots, archive)
                source_tree.prune(cache, KEEP_ARCHIVES)
        except OSError as error:
            raise AnsibleLookupError(f"cannot read the project: {error}") from error
        return {"id": identity, "archive": str(archive)}
