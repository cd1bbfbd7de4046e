"""Action plugin: take the archive of a `files` task to the host, and let the module do the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """Run the module, with the archive's place on the host in its arguments."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module does."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        archive = arguments.get("archive")
        if archive and not Path(archive).is_file():
            return result | {"failed": True, "msg": f"{archive} is no file of the controller's."}
        try:
            if archive and not self._task.check_mode:
                shell = self._connection._shell
                place = shell.join_path(self._make_tmp_path(), "archive.tar.gz")
                arguments["archive"] = self._transfer_file(archive, place)
            result |= self._execute_module(module_args=arguments, task_vars=task_vars)
            return result
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
