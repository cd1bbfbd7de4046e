"""Entries of any shape: each is refused with a sentence, or becomes processes that both managers read back."""

from __future__ import annotations

import configparser
import contextlib
import re
import shlex
from typing import Any

import pytest
import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import registry, servers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_servers import HOST, TEXT, VALUES, as_systemd_reads
from validating import ROOT

ENTRY: dict[str, Any] = {
    "interface": "asgi",
    "scale": "workers",
    "argv": ["{venv}/bin/own", "{socket}", "{args}", "{app}"],
}
quick = settings(max_examples=60, deadline=None, database=None)

scalars = (
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats() | TEXT | st.sampled_from(["TERM", "INT", "\n"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.integers(), inner, max_size=3),
    max_leaves=5,
)
words_of_argv = st.lists(
    TEXT | st.sampled_from(["{socket}", "{app}", "{args}", "--{grace}", "{", "}", "{instance}", 7]), max_size=6
)
likely = st.fixed_dictionaries(
    {"interface": st.sampled_from(["wsgi", "asgi"]), "scale": st.sampled_from(["instances", "workers"])},
    optional={
        "argv": words_of_argv.map(lambda argv: [*argv, "{socket}", "{app}"]),
        "packages": st.lists(TEXT, max_size=2),
        "tuning": st.dictionaries(
            st.sampled_from(["threads", "keep_alive", "workers_per_core", "x"]), st.integers(1, 99)
        ),
        "grace": st.integers(1, 99),
        "environment": st.dictionaries(st.from_regex(r"[A-Z]{1,4}", fullmatch=True), TEXT | st.integers(), max_size=2),
        "unit": st.dictionaries(st.from_regex(r"[A-Z][a-z]{1,4}", fullmatch=True), TEXT | st.booleans(), max_size=2),
        "close_code": st.sampled_from([0, 1012, 4012]),
        "stop_signal": st.sampled_from(["TERM", "INT", "QUIT"]),
    },
).map(lambda entry: {"argv": ENTRY["argv"], **entry})


def as_supervisor_reads(line: str) -> list[str]:
    """Read a command from a file as supervisord does: by Python's parser with these comments, then %, then shlex."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    parser.read_string(f"[program:x]\ncommand={line}\n")
    return shlex.split(parser["program:x"]["command"] % {"process_num": 3})


def check_group(group: dict[str, Any]) -> None:
    """Fail unless both managers read the group's command as it is."""
    wanted = [part.replace("{instance}", "3") for part in group["argv"]]
    assert as_systemd_reads(servers.command_line(group["argv"], "systemd"), "3") == wanted
    assert as_supervisor_reads(servers.command_line(group["argv"], "supervisor")) == wanted


@quick
@given(
    entry=anything
    | st.dictionaries(st.sampled_from([*registry.CHOICES, *registry.OPTIONAL, "argv"]), anything)
    | likely
)
@example(entry={**ENTRY, "grace": "long"})
@example(entry={**ENTRY, "tuning": 3})
@example(entry={**ENTRY, "environment": ["A"]})
@example(entry={**ENTRY, "argv": ["a ;b", "a #b", "{socket}", "{app}"]})
def test_an_entry_becomes_processes_or_a_sentence(entry: Any) -> None:
    try:
        entries = registry.engine_entries({"own": entry})
    except ValueError as error:
        assert str(error).isprintable()
        assert "own" in str(error)
        return
    tuning = {name: {"workers": 2, "args": ["--a b", "%", "-c;#"]} for name in ("wsgi", "asgi")}
    (group,) = servers.server_groups("own", entries, {}, tuning=tuning, host=HOST, values=VALUES)
    check_group(group)


@quick
@given(entry=likely, change=st.dictionaries(st.sampled_from([*registry.OPTIONAL]), anything, max_size=1))
def test_a_change_of_one_key_is_refused_by_its_name(entry: Any, change: Any) -> None:
    with contextlib.suppress(ValueError):
        registry.engine_entries({"own": entry})
        try:
            registry.engine_entries({"own": {**entry, **change}})
        except ValueError as error:
            assert re.search("|".join(change), str(error))


@quick
@given(own=anything)
def test_an_inventorys_entries_are_laid_over_the_kits_or_refused(own: Any) -> None:
    kit = {"a": {"grace": 5, "argv": [1]}, "b": {"grace": 6}}
    try:
        result = registry.with_own(kit, own, "app_server_engines_custom")
    except ValueError as error:
        assert str(error).isprintable()
        assert not isinstance(own, dict)
    else:
        assert {*result} == {*kit, *own}
    assert kit == {"a": {"grace": 5, "argv": [1]}, "b": {"grace": 6}}


def test_keys_of_an_entry_are_laid_over_one_by_one() -> None:
    kit = {"a": {"grace": 5, "argv": [1], "unit": {"A": 1}}}
    own = {"a": {"grace": 9, "argv": [2], "unit": {"B": 2}}, "b": 1}
    assert registry.with_own(kit, own, "x") == {"a": {"grace": 9, "argv": [2], "unit": {"A": 1, "B": 2}}, "b": 1}
    with pytest.raises(ValueError, match=r"^app_server_aliases_custom is a list; it must be a dictionary$"):
        registry.with_own(kit, [1], "app_server_aliases_custom")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("grace", "long", "says grace: long; it must be a whole number of seconds from 1 to 3600"),
        ("tuning", 3, "says tuning: 3; it must be a dictionary of whole numbers"),
        ("tuning", {"keep_alive": 2}, "keep_alive at least 3 because nginx lets go after 2"),
        ("environment", {"A": 'say "x"'}, "it must be a dictionary of variables"),
        ("environment", {"A B": "x"}, "it must be a dictionary of variables"),
        ("unit", {"ExecStartPost": "a\nUser=root"}, "it must be a dictionary of systemd's keys, each with one line"),
        ("relax", {"ProtectHome": "no"}, "it must be a dictionary of systemd's keys, each with value and reason"),
        ("close_code", 99, "it must be a WebSocket's close code from 1000 to 4999"),
        ("packages", "uvicorn", "says packages: uvicorn; it must be a list of requirements"),
        ("believes", {"X": 1}, "it must be a list of request headers"),
        ("argv", ["a\nb", "{socket}", "{app}"], "needs argv, the list of its command's words"),
    ],
)
def test_a_key_of_the_wrong_kind_is_a_sentence(key: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        registry.engine_entries({"own": {**ENTRY, key: value}})


def test_an_exception_of_the_sandbox_may_be_several_lines() -> None:
    relax = {"SystemCallFilter": {"value": ["@system-service", "~@privileged"], "reason": "it needs them"}}
    assert registry.engine_entries({"own": {**ENTRY, "relax": relax}})["own"]["relax"] == relax


@pytest.mark.parametrize("word", ["a ;b", "a #b", "; x", "#", " ;;", "\t#", "a' ;\"", "%(x)s ;"])
def test_supervisor_takes_no_part_of_a_command_for_a_comment(word: str) -> None:
    assert as_supervisor_reads(servers.command_line(["run", word, "b"], "supervisor")) == ["run", word, "b"]


def test_supervisor_cannot_be_given_a_line_break() -> None:
    with pytest.raises(ValueError, match="line break"):
        servers.command_line(["run", "a\nb"], "supervisor")


def test_the_kits_own_entries_pass() -> None:
    engines = yaml.safe_load((ROOT / "roles/app_server/defaults/main/engines.yml").read_text())[
        "app_server_engines_default"
    ]
    assert {*registry.engine_entries(engines)} == {*engines}
