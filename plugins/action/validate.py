"""Action: check the words of a deploy on the controller. plugin_utils/words.py and project.py lead to the rules."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version
from ansible.utils.vars import load_extra_vars
from ansible_collections.asgiway.django.plugins.plugin_utils import (
    certificates,
    comparison,
    inputs,
    laid_files,
    project,
    sources,
    words,
)

TEXTS = ("settings", "wsgi", "asgi", "requirements", "subdirectory")  # words that say something of the project


class ActionModule(ActionBase):  # type: ignore[misc]
    """Return the words, or one message with every error."""

    _requires_connection = False
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check; whatever happens, the user reads a sentence and never a traceback."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        result["changed"] = False
        try:
            result.update(self._check(task_vars or {}))
        except (AnsibleError, words.WordsError) as error:
            result.update(failed=True, msg=_sentence(error))
        except Exception as error:
            # the text of an unknown error may hold a value, so only its kind and place are shown
            result.update(
                failed=True,
                msg=f"the words could not be checked: an unexpected {type(error).__name__}. Nothing was changed;"
                " run the same command with -vvv and report it",
            )
            for frame in traceback.extract_tb(error.__traceback__):
                self._display.vvv(f"{frame.filename}:{frame.lineno} in {frame.name}")
        return result

    def _check(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        _, options = self.validate_argument_spec(
            argument_spec={
                "spec": {"type": "path", "required": True},
                "servers": {"type": "dict", "required": True},
                "roles_path": {"type": "path", "required": True},
                "playbooks": {"type": "path"},
                "ignore": {"type": "list", "elements": "str", "default": []},
                "command": {"type": "str", "default": words.COMMAND},
            }
        )
        spec = words.parse_spec(self._loader.load_from_file(options["spec"], cache="none", trusted_as_template=True))
        # a playbook that acts on what stands has no use for the registry
        known = "server" not in options["ignore"] or bool(options["servers"].get("engines"))
        servers = words.parse_servers(options["servers"]) if known else words.Servers((), {}, {})
        roles = words.read_roles(options["roles_path"], options["playbooks"] or "", spec.words)
        command, ignore = options["command"], options["ignore"]
        extra = load_extra_vars(self._loader)
        inventory = self._inventory(task_vars, extra)

        given, errors = self._values(spec, task_vars)
        sources.choose(given, extra)
        unreadable = set(spec.words) - set(given)
        checked, wrong = words.check(spec, given, servers, str(Path.cwd()), {*ignore, *unreadable}, command)
        errors += wrong

        own = checked.get("own_words") or []
        said = {**inventory, **extra}
        errors += words.check_pairs(spec, checked, said) + sources.check(checked, extra)
        names = replace(spec, renamed={**roles.renamed, **spec.renamed})
        errors += words.check_extra(extra, names, roles.names, own, servers, command)
        misspelt, warnings = words.check_inventory(inventory, names, roles.names, own)
        errors += misspelt
        values, wrong = self._role_values(roles, said, own)
        errors += wrong
        values, wrong = words.check_roles(roles, values, own, command)
        errors += wrong + words.check_agreement(spec.agree, values) + words.check_slots(checked, values)

        engines: list[str] = []
        found: dict[str, Any] = {}
        if checked.get("server"):
            engines = words.check_server(checked["server"], servers, command)
        idle, useless = words.check_effect(spec, extra, inventory, engines, servers, command)
        errors += idle
        warnings += useless
        compared: dict[str, list[str]] = {}
        if command == comparison.COMMAND and extra.get("compare_state") != "remove":
            compared, wrong = comparison.check_servers(checked.get("servers") or [], servers)
            errors += wrong + comparison.check_apart(spec, extra, said, given)
        tree = ""
        laid: dict[str, str] = {}
        if not errors and checked.get("app_files"):
            laid, errors = laid_files.find(checked["app_files"], "app_files", str(Path.cwd()), self._text)
            checked["app_files"] = laid
        if not errors and "app_path" not in ignore:
            try:
                tree = self._tree(checked, command)
                found = project.inspect(
                    tree,
                    **{key: checked.get(f"app_{key}") or "" for key in TEXTS},
                    extras=checked.get("app_extras") or (),
                    groups=checked.get("app_dependency_groups") or (),
                    packages=checked.get("app_packages") or (),
                    files=laid,
                )
                for engine in dict.fromkeys([*engines, *(one for names in compared.values() for one in names)]):
                    project.require(found, servers.interfaces[engine], engine)
            except ValueError as error:
                errors.append(str(error))
        if not errors and not set(certificates.FILES) & set(ignore):
            paths, errors, warned = certificates.check(checked, self._text, str(Path.cwd()))
            checked |= paths
            warnings += warned
        if errors:
            return {"failed": True, "msg": words.message(errors), "warnings": warnings}
        asked = self._inputs(
            spec, given, {name: values.get(name, said[name]) for name in roles.variables if name in said}, found
        )
        return {
            "words": checked,
            "engines": engines,
            "compared": compared,
            "project": found,
            "source": tree,
            "inputs": asked,
            "warnings": warnings,
        }

    def _inputs(
        self, spec: words.Spec, given: Mapping[str, Any], roles: Mapping[str, Any], found: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return checksums of all that was asked for: of what provisioning depends on, and of everything."""
        start = self._loader.get_basedir()
        places = [Path.cwd(), Path(start), Path(start, "templates")]
        common = {"ansible": ansible_version, "kit": inputs.kit(Path(__file__).resolve().parents[2]), "roles": roles}

        def part(values: Mapping[str, Any], seen: Any) -> str:
            files = inputs.files([*values.values(), *roles.values()], places)
            return inputs.checksum({**common, "words": values, "files": files, "project": seen})

        what = {name: value for name, value in given.items() if not spec.words[name].only}  # the others tell how
        early = {name: value for name, value in what.items() if name not in spec.late}
        return {"provision": part(early, found.get("channels_redis")), "release": part(what, found)}

    def _tree(self, checked: Mapping[str, Any], command: str) -> str:
        """Return the directory of the source; a key in a vault is opened for as long as git needs it."""
        file = str(Path(checked["app_repo_key"]).expanduser()) if checked.get("app_repo_key") else ""
        if not file:
            return sources.fetch(checked, str(Path.cwd()), "", command)
        try:
            key = self._loader.get_real_file(str(Path.cwd() / file))
        except AnsibleError as error:
            there = Path(file).is_file()
            reason = _secret_reason(error) if there else "there is no such file on this machine"
            raise words.WordsError(f"app_repo_key {words.show(file)} cannot be read: {reason}") from error
        try:
            return sources.fetch(checked, str(Path.cwd()), key, command)
        finally:
            self._loader.cleanup_tmp_file(key)

    def _values(self, spec: words.Spec, task_vars: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Template each word alone, so that one that cannot be worked out does not hide the others."""
        given, errors = {}, []
        for name, word in spec.words.items():
            try:
                given[name] = self._templar.template(task_vars.get(name, word.default))
            except AnsibleError as error:
                reason = _secret_reason(error) if word.secret else _sentence(error)
                errors.append(f"{name} cannot be worked out: {reason}")
        return given, errors

    def _text(self, path: str) -> str:
        """Return a file's text, a vault opened; an error's text holds nothing of it."""
        Path(path).open("rb").close()  # Ansible's own error would name no reason
        try:
            return str(self._loader.get_text_file_contents(path))
        except AnsibleError as error:
            raise ValueError(_secret_reason(error)) from error

    def _role_values(
        self, roles: words.Roles, said: Mapping[str, Any], own: Collection[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """Template what the user gives to the roles' variables."""
        values: dict[str, Any] = {}
        errors = []
        for name, word in roles.variables.items():
            if name not in said or name in own:
                continue
            if name in roles.wired:
                values[name] = None  # it cannot be given, whatever it is
                continue
            try:
                values[name] = self._templar.template(said[name])
            except AnsibleUndefinedVariable:
                continue  # it may need facts, which nobody has gathered yet; Ansible checks it when the role starts
            except AnsibleError as error:
                reason = _secret_reason(error) if word.secret else _sentence(error)
                errors.append(f"{name} cannot be worked out: {reason}")
        return values, errors

    def _inventory(self, task_vars: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the inventory gives to this host, untemplated: no facts, registered results or -e."""
        host = str(task_vars.get("inventory_hostname", ""))
        hostvars = task_vars.get("hostvars")
        if not host or hostvars is None:
            return {}
        values = hostvars.raw_get(host)
        manager = getattr(hostvars, "_variable_manager", None)
        other = {*extra}
        for cache in ("_nonpersistent_fact_cache", "_vars_cache"):
            other |= set(getattr(manager, cache, {}).get(host, {}))
        return {str(name): value for name, value in values.items() if name not in other}


def _secret_reason(error: BaseException) -> str:
    """Return why a secret cannot be read, from the kind of the error; its text may hold the value."""
    cause: BaseException | None = error
    while cause:
        if "Vault" in type(cause).__name__:  # AnsibleVaultError, and UndecryptableVaultError of ansible._internal
            return "the vault cannot be opened; give the right --vault-password-file or --ask-vault-pass"
        if isinstance(cause, AnsibleUndefinedVariable):
            return "a variable in it is not defined"
        cause = cause.__cause__ or cause.__context__
    return "the template in it fails (the reason is not shown, because it may quote the secret)"


def _sentence(error: BaseException) -> str:
    """Return an error's text in one line, without the source excerpt that Ansible adds to it."""
    text = str(getattr(error, "message", "") or error)
    return " ".join(text.split())
