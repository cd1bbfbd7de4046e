"""Filters that turn the registry's data into processes, command lines and files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: servers
short_description: Filters around the registry of servers
description:
  - C(with_own) lays an inventory's entries over the kit's, C(engine_entries) checks and completes the registry,
    C(server_groups) expands a server word into process groups, C(command_line) writes an argv for a process manager,
    C(env_file) writes variables for systemd and sh alike, C(socket_links) spreads processes over a fixed set of names,
    C(background_groups) makes groups of the processes and schedules beside the server, C(of_kind) chooses among groups,
    C(leaving) names other releases' background processes, C(unkept_schedules) and C(cron_line) are for cron,
    C(routes_told), C(route_links) and C(routes_shown) are about the paths that a release sends to its ASGI server,
    C(commands_at) chooses the project's commands for a moment of the deploy, C(retired) the releases to remove,
    C(database_connections) adds up what processes may open.
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.asgiway.django.plugins.plugin_utils import background, commands, registry, routes, servers


def _reported(function: Any) -> Any:
    """Turn a ValueError's sentence into a filter error, which Ansible prints without a traceback."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapper


class FilterModule:
    """What `asgiway.django.NAME` offers in templates."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function."""
        functions = (
            background.background_groups,
            background.cron_line,
            background.leaving,
            background.of_kind,
            background.unkept_schedules,
            commands.commands_at,
            registry.engine_entries,
            registry.with_own,
            routes.route_links,
            routes.routes_shown,
            routes.routes_told,
            servers.cause,
            servers.command_line,
            servers.database_connections,
            servers.env_file,
            servers.group_sockets,
            servers.process_groups,
            servers.release_id,
            servers.retired,
            servers.server_groups,
            servers.socket_links,
            servers.units,
        )
        return {function.__name__: _reported(function) for function in functions}
