"""Each word and each variable of a role is given a wrong value, and the sentence that comes back is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import words
from validating import ROOT, SERVERS, validate_words

SPEC = words.parse_spec(yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text()))
ROLES = words.read_roles(str(ROOT / "roles"), str(ROOT / "playbooks"), SPEC.words)
DECLARED = {**SPEC.words, **ROLES.variables}
WRONG: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("wrong_values.yml").read_text())
# the sentence about a server or a directory has more to say than the declaration
ALLOWED = {"server": [*SERVERS["engines"], *SERVERS["aliases"]], "app_path": ["does not exist on this machine"]}


def parts_of(word: words.Word, value: Any) -> list[str]:
    """Return what a sentence about this value must hold: the value as far as it may be shown, and what is allowed."""
    if word.secret:
        return [word.meaning or "must be text or a number"]
    inner = (
        next(iter(value.values() if isinstance(value, dict) else value)) if isinstance(value, (dict, list)) else value
    )
    if word.type == "list" and isinstance(value, list):
        kind = "a dictionary" if word.elements == "dict" else word.meaning or "text"
        return [words.show(inner), "must be text" if isinstance(inner, dict) else f"must be {kind}"]
    if word.format and isinstance(value, dict):
        (name,) = value  # what is wrong with it has tests of its own
        return [f"{word.name}.{name} "]
    if word.options and isinstance(value, dict):
        (key,) = value
        wrong = word.options[key]
        missing = [name for name, option in word.options.items() if option.required and name not in value]
        return missing or [words.show(inner), *(wrong.choices or ["must be text"])]
    if word.name in ALLOWED:
        return [words.show(value), *ALLOWED[word.name]]
    if word.choices and isinstance(value, str):
        return [words.show(value), *word.choices]
    if word.type == "bool":
        return [words.show(value), "true or false"]
    if word.type in ("int", "float"):
        return [words.show(value), str(word.minimum), str(word.maximum)]
    if word.type == "list":
        return [words.show(value), "must be a list"]
    if isinstance(value, (list, dict)):
        return [words.show(value), "must be a dictionary" if word.type == "dict" else "must be text"]
    return [words.show(value), word.meaning or word.allowed]


def test_every_word_and_every_variable_has_a_wrong_value() -> None:
    everything = {name for name, word in DECLARED.items() if word.type != "raw"}  # raw may be anything
    missing = sorted(everything - set(WRONG))
    assert missing == [], (
        f"add to {Path(__file__).with_name('wrong_values.yml')}, with a value that is wrong: {missing}"
    )
    assert sorted(set(WRONG) - everything) == [], "nothing declares these any more"


def test_every_number_has_limits() -> None:
    assert [
        name
        for name, word in DECLARED.items()
        if word.type in ("int", "float") and (word.minimum is None or word.maximum is None)
    ] == []


def test_every_text_says_what_it_may_hold() -> None:
    free = {"server", "app_path", "app_server_name", "release_server", "release_bad"}
    free |= {"tls_certificate", "tls_key", "acme_ca", "tls_acme_ca", "app_repo_key", "app_archive"}
    assert {
        name
        for name, word in DECLARED.items()
        if word.type in ("str", "path") and not (word.choices or word.meaning) and not name.startswith("validate_")
    } == free


def sentences(message: str) -> list[str]:
    head, *lines = message.split("\n- ")
    assert head == f"{len(lines)} things to correct, nothing was changed:"
    return lines


@pytest.fixture(scope="module")
def told() -> list[str]:
    """Return what the action says to all of them at once; each is one run of the same checks."""
    return sentences(validate_words(WRONG, wiring=False)["msg"])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_gets_a_sentence_with_name_value_and_what_is_allowed(name: str, told: list[str]) -> None:
    word, value = DECLARED[name], WRONG[name]
    subject = f"{value} " if name == "server" else rf"{name}[ :.]"
    (sentence,) = [line for line in told if re.match(subject, line)]
    assert sentence.isprintable()
    assert [part for part in parts_of(word, value) if part not in sentence] == [], sentence


def test_no_secret_is_in_any_sentence(told: list[str]) -> None:
    assert "hunter2" in repr(WRONG)
    assert "hunter2" not in "".join(told)


@pytest.mark.parametrize("where", ["inventory", "extra"])
def test_what_the_playbooks_set_cannot_be_given(where: str) -> None:
    wired = {name: WRONG.get(name, "x") for name in ROLES.wired}
    result = validate_words(**{"inventory": {}, where: wired}, ignore=["server", "app_path", "app_name"])
    for (name, sources), sentence in zip(ROLES.wired.items(), sorted(sentences(result["msg"])), strict=True):
        assert sentence.startswith(f"{name} cannot be given, because the playbooks "), sentence
        assert all(source in sentence for source in sources)


def test_the_words_behind_a_variable_are_named() -> None:
    assert ROLES.wired["nginx_http_port"] == ("http_port",)
    assert ROLES.wired["app_server_manager"] == ("process_manager",)
    assert ROLES.wired["nginx_server_names"] == ("app_domain", "app_domain_aliases")
    assert ROLES.wired["release_settings"] == ("app_settings",)
    assert ROLES.wired["release_migrate_databases"] == ("migrate_databases",)
    assert ROLES.wired["release_event"] == ()
    assert "nginx_request_timeout" not in ROLES.wired
