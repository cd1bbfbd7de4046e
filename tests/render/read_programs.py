"""Run by the Python that has Debian's supervisor: print its programs, as supervisord itself reads a configuration."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from types import ModuleType

if not find_spec("pkg_resources"):  # supervisor imports it at once, and uses it only for RPC and event plugins
    sys.modules["pkg_resources"] = ModuleType("pkg_resources")

from supervisor.options import ServerOptions

options = ServerOptions()
options.realize(["-n", "-c", sys.argv[1]])
json.dump(
    [
        {
            "group": group.name,
            **{
                key: getattr(process, key)
                for key in (
                    "name",
                    "command",
                    "directory",
                    "environment",
                    "autostart",
                    "stopsignal",
                    "stopwaitsecs",
                    "stopasgroup",
                    "killasgroup",
                    "startretries",
                    "priority",
                    "stdout_logfile",
                )
            },
            "autorestart": getattr(process.autorestart, "__name__", process.autorestart),
        }
        for group in options.process_group_configs
        for process in group.process_configs
    ],
    sys.stdout,
)
