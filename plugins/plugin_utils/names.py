"""Names that nothing reads: of the extra variables, and of the inventory."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, Spec
from ansible_collections.asgiway.django.plugins.plugin_utils.server_word import Servers
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import one_slip, suggest
from ansible_collections.asgiway.django.plugins.plugin_utils.values import show


def check_extra(
    names: Collection[str],
    spec: Spec,
    roles: Mapping[str, Collection[str]],
    own: Collection[str],
    servers: Servers | None = None,
    command: str = COMMAND,
) -> list[str]:
    """Return a sentence for each name of -e that nothing reads. A name is all that is ever shown."""
    public = {variable for variables in roles.values() for variable in variables}
    errors = []
    for name in sorted(names):
        if name in spec.renamed:
            errors.append(_renamed(name, spec))
        elif name == "_raw_params":
            errors.append(
                f"something after -e is not of the form name=value. Try: {command} -e server={_some(servers)}"
            )
        elif not (
            name in spec.words
            or name in public
            or name in own
            or name.startswith(("ansible_", "molecule_"))
            or name.endswith("_state")
        ):
            near = next((word for word in (f"app_{name}", f"http_{name}") if word in spec.words), "")
            near = near or suggest(name, spec.words, 0.6) or suggest(name, public, 0.75)
            meant = f"; did you mean {near}? If" if near else "; if"
            errors.append(
                f"{show(name)} is not a variable of Asgiway{meant} it is your own, list it: own_words: [{show(name)}]"
            )
    return errors


def check_inventory(
    names: Collection[str], spec: Spec, roles: Mapping[str, Collection[str]], own: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return errors and warnings for names of an inventory, which may be anybody's own.

    An error needs a name that is a word, or a variable of our roles, with one slip, or with several behind a role's
    prefix. A name that only begins like our roles' (redis_port) is worth a warning.
    """
    errors, warnings = [], []
    public = {variable for variables in roles.values() for variable in variables}
    for name in sorted(names):
        if name in own:
            continue
        if name in spec.renamed:
            errors.append(_renamed(name, spec))
            continue
        if name in spec.words or name in public or name.startswith(("ansible_", "_")) or len(name) < 5:
            continue
        yours = f"if it is your own, list it: own_words: [{show(name)}]"
        role = next((role for role in sorted(roles, key=len, reverse=True) if name.startswith(f"{role}_")), "")
        near = next((known for known in (*sorted(spec.words), *sorted(public)) if one_slip(name, known)), "")
        near = near or (suggest(name, roles[role], 0.9) if role and not name[-1].isdigit() else "")
        if near:
            errors.append(f"{show(name)} in the inventory looks like {near} misspelt; {yours}")
        elif role:
            near = suggest(name, roles[role], 0.85)
            meant = f" (did you mean {near}?)" if near else ""
            warnings.append(f"{show(name)} in the inventory is not a variable of the role {role}{meant}; {yours}")
    return errors, warnings


def _renamed(name: str, spec: Spec) -> str:
    return f"{name} is now called {spec.renamed[name]}; write that instead"


def _some(servers: Servers | None) -> str:
    return sorted(servers.engines)[0] if servers else "NAME"
