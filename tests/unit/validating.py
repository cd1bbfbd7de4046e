"""The action `validate` in this process, for one host: a few milliseconds, where ansible-playbook takes a second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.asgiway.django.plugins.action import validate

ROOT = Path(__file__).resolve().parents[2]
SERVERS: dict[str, Any] = {
    "engines": ["daphne", "uvicorn", "gunicorn"],
    "aliases": {"hybrid": "gunicorn+uvicorn"},
    "interfaces": {"daphne": "asgi", "uvicorn": "asgi", "gunicorn": "wsgi"},
    "tuning": {"daphne": {}, "uvicorn": {"keep_alive": 75}, "gunicorn": {"threads": 8}},
}

HOST = "shop.invalid"
LOADER = DataLoader()
INVENTORY = InventoryManager(LOADER, parse=False)
INVENTORY.add_host(HOST)
INVENTORY.reconcile_inventory()


def validate_words(
    inventory: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    wiring: bool = True,
    **options: Any,
) -> dict[str, Any]:
    """Return the action's result for what an inventory and -e say.

    wiring=False lets every variable of a role be given, as where somebody uses the roles without the playbooks.
    """
    extra = dict(extra or {})
    INVENTORY.get_host(HOST).vars = dict(inventory or {})
    manager = VariableManager(LOADER, INVENTORY)
    manager._extra_vars = extra
    HostVars(INVENTORY, manager, LOADER)  # it makes itself known to the manager
    variables = manager.get_vars(host=INVENTORY.get_host(HOST))
    task = Task()
    task.args = {
        "spec": str(ROOT / "playbooks/deploy.meta.yml"),
        "roles_path": str(ROOT / "roles"),
        "servers": SERVERS,
        **({"playbooks": str(ROOT / "playbooks")} if wiring else {}),
        **options,
    }
    validate.load_extra_vars = lambda _loader: extra  # type: ignore[assignment]
    templar = Templar(loader=LOADER, variables=variables)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    action = validate.ActionModule(task, connection, None, LOADER, templar)
    result: dict[str, Any] = action.run(task_vars=variables)
    return result
