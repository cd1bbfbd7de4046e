"""From the registry to processes, command lines and files; what systemd, supervisor and sh read back is compared."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.plugin_utils import registry, servers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

VALUES = {"venv": "/v", "wsgi": "w:app", "asgi": "a:app", "runtime": "/run/shop/@RELEASE@", "websocket_timeout": 99}


def engine(interface: str, scale: str, **other: Any) -> dict[str, Any]:
    """Return an entry of a registry."""
    return {
        "interface": interface,
        "packages": ["engine>=1"],
        "scale": scale,
        "argv": [
            "{venv}/bin/run",
            "--to={socket}",
            "-n",
            "{workers}",
            "{threads}",
            "{grace}",
            "{args}",
            "{app}",
            "{not_ours}",
        ],
        "tuning": {"threads": 4},
        "grace": 7,
        "stop_signal": "TERM",
        "environment": {"A": "b"},
        "unit": {},
        "relax": {},
        "close_code": 1012,
        **other,
    }


ENGINES = {"forks": engine("wsgi", "workers"), "single": engine("asgi", "instances")}
ALIASES = {"both": "forks+single"}


HOST = {"cores": 4, "memory": 8192, "slots": 24}


def groups(server: str, workers: int = 3, **said: Any) -> list[servers.Group]:
    tuning = {interface: {"workers": workers, **said} for interface in ("wsgi", "asgi")}
    return servers.server_groups(server, ENGINES, ALIASES, tuning=tuning, host=HOST, values=VALUES)


def test_an_engine_that_forks_is_one_process_that_is_told_the_number() -> None:
    (group,) = groups("forks")
    assert (group["instances"], group["workers"]) == (1, 3)
    assert group["argv"][2:4] == ["-n", "3"]


def test_an_engine_that_does_not_fork_is_started_so_many_times() -> None:
    (group,) = groups("single")
    assert group["instances"] == 3
    assert group["argv"][2:4] == ["-n", "1"]


def test_the_placeholders_are_filled_and_braces_of_the_engines_own_stay() -> None:
    (group,) = groups("single")
    socket = "/run/shop/@RELEASE@/asgi-{instance}.sock"
    assert group["argv"] == ["/v/bin/run", f"--to={socket}", "-n", "1", "4", "7", "a:app", "{not_ours}"]


def test_a_number_that_the_site_says_replaces_the_entrys() -> None:
    (own,), (entrys,) = groups("single", threads=9, other=5), groups("single", threads=0)
    assert (own["argv"][4], own["tuning"]) == ("9", {"threads": 9})
    assert (entrys["argv"][4], entrys["tuning"]) == ("4", {"threads": 4})


def test_the_sites_arguments_stand_where_the_entry_wants_them_as_they_are() -> None:
    (group,) = groups("single", args=["--log", "{app}"])
    assert group["argv"][6:] == ["--log", "{app}", "a:app", "{not_ours}"]
    plain = {"plain": engine("wsgi", "workers", argv=["run", "{app}"])}
    tuning = {"wsgi": {"args": ["--log"]}, "asgi": {}}
    (group,) = servers.server_groups("plain", plain, {}, tuning=tuning, host=HOST, values=VALUES)
    assert group["argv"] == ["run", "w:app", "--log"]


def test_each_interface_has_its_own_number_of_workers() -> None:
    tuning = {"wsgi": {"workers": 2}, "asgi": {"workers": 5}}
    both = servers.server_groups("both", ENGINES, ALIASES, tuning=tuning, host=HOST, values=VALUES)
    assert [group["workers"] for group in both] == [2, 5]


@pytest.mark.parametrize(
    ("per_core", "groups_", "cores", "memory", "expected"),
    [
        (1, 1, 1, 8192, 2),  # one core still gets two: one may be restarting
        (1, 1, 8, 8192, 8),
        (2, 1, 8, 8192, 16),
        (2, 1, 64, 65536, 24),  # slots
        (1, 1, 8, 1024, 5),
        (1, 2, 8, 1024, 2),
        (1, 2, 8, 256, 1),
        (1, 1, 8, 0, 1),
    ],
)
def test_workers_follow_cores_and_memory(per_core: int, groups_: int, cores: int, memory: int, expected: int) -> None:
    host = {"cores": cores, "memory": memory, "slots": 24}
    assert servers.default_workers(per_core, groups_, host) == expected


@pytest.mark.parametrize(
    ("server", "offers"),
    [
        ("forks", {"wsgi": ["http", "async"]}),
        ("single", {"asgi": ["http", "async", "ws"]}),
        ("both", {"wsgi": ["http"], "asgi": ["async", "ws"]}),
        ("forks+single", {"wsgi": ["http"], "asgi": ["async", "ws"]}),
    ],
)
def test_each_interface_offers_what_it_can(server: str, offers: dict[str, list[str]]) -> None:
    assert {group["name"]: group["offers"] for group in groups(server)} == offers


def test_an_unknown_engine_is_named_with_everything_that_there_is() -> None:
    with pytest.raises(ValueError, match=r"^dafne is not a server. One of: both, forks, single$"):
        groups("forks+dafne")


OWN = {"interface": "asgi", "scale": "workers", "argv": ["{venv}/bin/own", "{socket}", "{app}"]}


def test_an_entry_of_ones_own_says_three_things_and_gets_the_rest() -> None:
    entry = registry.engine_entries({"own": OWN})["own"]
    assert (entry["grace"], entry["stop_signal"], entry["close_code"]) == (10, "TERM", 1012)
    (group,) = servers.server_groups("own", {"own": entry}, {}, tuning={"asgi": {}}, host=HOST, values=VALUES)
    assert group["argv"] == ["/v/bin/own", "/run/shop/@RELEASE@/asgi-{instance}.sock", "a:app"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("own", {"interface": "http"}, "the engine own says interface: http; it must be wsgi or asgi"),
        ("own", {"scale": None}, "the engine own says scale: None; it must be instances or workers"),
        (
            "own",
            {"enviroment": {}},
            "the engine own has the key enviroment, which nothing reads; did you mean environment?",
        ),
        ("own", {"zzz": 1}, f"the engine own has the key zzz, which nothing reads; {registry.WHERE}"),
        (
            "own",
            {"argv": "own {socket}"},
            f"the engine own needs argv, the list of its command's words; {registry.WHERE}",
        ),
        (
            "own",
            {"argv": ["own", "{app}"]},
            f"argv of the engine own has no {{socket}}, where it listens; {registry.WHERE}",
        ),
        (
            "own",
            {"argv": ["own", "{socket}"]},
            f"argv of the engine own has no {{app}}, what it serves; {registry.WHERE}",
        ),
        ("own", {"stop_signal": "STOPIT"}, "the engine own says stop_signal: STOPIT; it must be a name such as TERM"),
        ("a+b", {}, "a+b cannot name an engine; letters, digits, _ . and - can, the first a letter"),
    ],
)
def test_an_entry_that_cannot_work_is_a_sentence(name: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        registry.engine_entries({name: {**OWN, **change}})


def test_an_entry_without_a_needed_key_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^the engine own lacks interface; it must be wsgi or asgi$"):
        registry.engine_entries({"own": {"scale": "workers"}})
    with pytest.raises(ValueError, match=r"^the engine own must be a dictionary"):
        registry.engine_entries({"own": "waitress"})  # type: ignore[dict-item]


def test_groups_do_not_share_their_data_with_the_registry() -> None:
    (group,) = groups("single")
    group["environment"]["A"] = "changed"
    group["packages"].append("more")
    assert ENGINES["single"]["environment"] == {"A": "b"}
    assert ENGINES["single"]["packages"] == ["engine>=1"]


# Command lines ---------------------------------------------------------------------------------------------------

# mostly what some reader treats specially; no control characters but tab and newline: no manager takes others
CHARACTER = st.sampled_from("\\\"'`$%;#{}()=*~&! \t\nai") | st.characters(exclude_categories=["Cs", "Cc"])
WORD = st.text(CHARACTER, max_size=20).filter(lambda word: "{instance}" not in word)
WORDS = st.lists(WORD, min_size=1, max_size=5)
ODD_WORDS = [
    "$HOME",
    "${A}",
    "$$",
    "100%",
    "%i",
    "%(a)s",
    ";",
    "a;b",
    "",
    " ",
    "\\",
    "\\n",
    "'",
    '"',
    "`",
    "#",
    "\t",
    "a\nb",
    "ö",
]


def as_systemd_reads(line: str, instance: str) -> list[str]:
    """Split a command line by the rules of systemd.service(5) and systemd.syntax(7), specifiers and variables after."""
    escapes = {"n": "\n", "t": "\t", "s": " ", "\\": "\\", '"': '"', "'": "'"}
    words, word, quote, at = list[str](), "", "", 0
    started = False
    while at < len(line):
        char = line[at]
        assert quote or started or not line.startswith((";", "\\;"), at), "read as the end of a command"
        if char == "\\":
            at += 1
            word, started = word + escapes[line[at]], True
        elif quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in "\"'":
            quote, started = char, True
        elif char in " \t\n\r":
            if started:
                words.append(word)
            word, started = "", False
        else:
            word, started = word + char, True
        at += 1
    assert not quote, "an open quote"
    if started:
        words.append(word)
    return [_specifiers(word, instance) for word in words]


def _specifiers(word: str, instance: str) -> str:
    """Replace %% and %i, then $$; anything else of that kind would be expanded to something unwanted."""
    for sign, known in (("%", {"%": "%", "i": instance}), ("$", {"$": "$"})):
        parts, at = list[str](), 0
        while at < len(word):
            if word[at] == sign:
                parts.append(known[word[at + 1]])
                at += 2
            else:
                parts.append(word[at])
                at += 1
        word = "".join(parts)
    return word


@example(ODD_WORDS)
@given(WORDS)
def test_systemd_reads_back_every_word(argv: list[str]) -> None:
    line = servers.command_line(argv, "systemd")
    assert "\n" not in line
    assert as_systemd_reads(line, "1") == argv


@example(ODD_WORDS)
@given(WORDS)
def test_supervisor_reads_back_every_word(argv: list[str]) -> None:
    argv = [word.replace("\n", " ") for word in argv]  # which it refuses
    line = servers.command_line(argv, "supervisor")
    assert shlex.split(line % {"process_num": 1}) == argv


def test_the_number_of_the_process_is_left_to_the_manager() -> None:
    argv = ["/v/run", "--to=/run/a b/{instance}.sock", "100%"]
    systemd, supervisor = (servers.command_line(argv, manager) for manager in ("systemd", "supervisor"))
    assert as_systemd_reads(systemd, "7") == ["/v/run", "--to=/run/a b/7.sock", "100%"]
    assert shlex.split(supervisor % {"process_num": 7}) == ["/v/run", "--to=/run/a b/7.sock", "100%"]


def test_another_manager_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"runit is not a process manager. One of: systemd, supervisor"):
        servers.command_line(["a"], "runit")


# The environment file --------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True).map(lambda name: f"X_{name}")
TEXT = st.text(CHARACTER, max_size=40)
ODD = {
    "X_QUOTES": """ "double" 'single' `back` """,
    "X_DOLLARS": "$HOME ${HOME} $(id) $$",
    "X_SLASHES": "\\ \\\\ \\n \\$ trailing\\",
    "X_LINES": "one\ntwo\n",
    "X_MARKS": "# ! % & * ; = ~",
    "X_SPACE": "  around  ",
    "X_EMPTY": "",
    "X_UNICODE": "größe ✓",
}


def as_sh_reads(path: Path) -> dict[str, str]:
    """Return the variables that a shell exports after `.`, as the launch script does."""
    done = subprocess.run(
        ["/bin/sh", "-euc", 'set -a; . "$1"; exec env -0', "sh", path],
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    pairs = (entry.partition("=") for entry in done.stdout.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs if name.startswith("X_")}


def as_systemd_reads_file(text: str) -> dict[str, str]:
    """Read NAME="value" lines by the rules of systemd.exec(5), EnvironmentFile=."""
    values, at = dict[str, str](), 0
    while at < len(text):
        name, _, _ = text[at:].partition("=")
        at += len(name) + 1
        assert text[at] == '"'
        at += 1
        value = ""
        while text[at] != '"':
            if text[at] == "\\" and text[at + 1] in '"\\`$':
                at += 1
            value += text[at]
            at += 1
        assert text[at : at + 2] == '"\n'
        at += 2
        values[name] = value
    return values


def test_odd_values_are_read_back_by_sh(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text(servers.env_file(ODD))
    assert as_sh_reads(path) == ODD


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, TEXT, max_size=8))
def test_any_value_is_read_back_by_sh_and_by_systemd(tmp_path: Path, values: dict[str, str]) -> None:
    path = tmp_path / "env"
    path.write_text(servers.env_file(values), newline="")
    assert as_sh_reads(path) == values
    assert as_systemd_reads_file(servers.env_file(values)) == values


def test_numbers_become_text_and_the_order_is_fixed() -> None:
    assert servers.env_file({"B": 2, "A": True}) == 'A="True"\nB="2"\n'


# Sockets, releases -----------------------------------------------------------------------------------------------


def test_the_sockets_of_a_release_are_those_of_all_its_processes() -> None:
    both = groups("both")
    run = "/run/shop/0123456789ab"
    assert servers.group_sockets(both, "0123456789ab") == [
        f"{run}/wsgi-1.sock",
        *(f"{run}/asgi-{number}.sock" for number in (1, 2, 3)),
    ]
    assert servers.group_sockets(both, "0123456789ab", "http") == [f"{run}/wsgi-1.sock"]
    assert servers.units(both, "shop", "0123456789ab") == [
        "shop-0123456789ab-wsgi@1.service",
        *(f"shop-0123456789ab-asgi@{number}.service" for number in (1, 2, 3)),
    ]


def test_the_links_go_round_the_processes() -> None:
    links = {link["name"]: link["target"] for link in servers.socket_links(groups("single", 2), "r", slots=3)}
    assert [links[f"http/{number}.sock"] for number in (1, 2, 3)] == [
        "/run/shop/r/asgi-1.sock",
        "/run/shop/r/asgi-2.sock",
        "/run/shop/r/asgi-1.sock",
    ]
    assert len(links) == 9


def test_without_asgi_there_is_no_ws_directory() -> None:
    assert not [link for link in servers.socket_links(groups("forks"), "r", 3) if link["name"].startswith("ws/")]


def test_more_processes_than_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^4 processes do not fit into 3 socket names; lower workers$"):
        servers.socket_links(groups("single", 4), "r", slots=3)


def test_the_groups_of_a_running_release_are_found_by_its_processes() -> None:
    processes = [
        {"release": "new", "group": "asgi", "instance": 1},
        {"release": "new", "group": "asgi", "instance": 2},
        {"release": "new", "group": "wsgi", "instance": 1},
        {"release": "old", "group": "asgi", "instance": 9},
    ]
    found = servers.process_groups(processes, "shop", "new")
    assert [(group["name"], group["instances"]) for group in found] == [("asgi", 2), ("wsgi", 1)]
    assert servers.group_sockets(found, "new") == [
        "/run/shop/new/asgi-1.sock",
        "/run/shop/new/asgi-2.sock",
        "/run/shop/new/wsgi-1.sock",
    ]
    assert servers.process_groups([], "shop", "new") == []


def test_a_release_id_depends_on_content_and_not_on_the_order_of_keys() -> None:
    first = servers.release_id("tree", {"a": 1, "b": 2})
    assert first == servers.release_id("tree", {"b": 2, "a": 1})
    assert first != servers.release_id("tree", {"a": 1, "b": 3})
    assert first != servers.release_id("eert", {"a": 1, "b": 2})
    assert len(first) == 12
    assert set(first) <= set("0123456789abcdef")


RELEASES: list[dict[str, Any]] = [
    {"id": name, "complete": True, "mtime": f"2030-01-0{day}T00:00:00Z"} for day, name in enumerate("abcde", start=1)
]


@pytest.mark.parametrize(
    ("keep", "protected", "gone"),
    [
        (2, [], ["c", "b", "a"]),
        (2, ["e", "a"], ["c", "b"]),
        (2, ["", "not there"], ["c", "b", "a"]),
        (5, [], []),
        (9, [], []),
    ],
)
def test_the_newest_and_the_protected_stay(keep: int, protected: list[str], gone: list[str]) -> None:
    assert servers.retired(RELEASES[::-1], keep, protected, "e") == gone
    assert servers.retired(RELEASES, keep, protected, "e") == gone


def test_the_release_that_was_built_after_the_others_were_read_counts() -> None:
    gone = servers.retired(RELEASES, 3, ["f", "e"], "f")
    assert gone == ["c", "b", "a"]
    built = {"id": "f", "complete": True, "mtime": "2030-01-06T00:00:00Z"}
    left = [release for release in [*RELEASES, built] if release["id"] not in gone]
    assert servers.retired(left, 3, ["f", "e"], "f") == [], "the same run again would remove more"


def test_half_a_release_goes_however_new_it_is() -> None:
    releases = [{**release, "complete": release["id"] not in ("d", "e")} for release in RELEASES]
    assert servers.retired(releases, 2, ["e"], "c") == ["d", "a"]


# Failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "no space left"}, "no space left"),
        (
            {"msg": "non-zero return code", "stderr": "a\n<frozen x>\nValueError: b\n", "stdout": "c"},
            "a\nValueError: b",
        ),
        ({"msg": "non-zero return code", "stderr": "", "stdout": "only here"}, "only here"),
        ({"msg": "non-zero return code"}, "non-zero return code"),
        ({}, "no cause was given"),
        ({"msg": "some failed", "results": [{"failed": False}, {"failed": True, "msg": "the second"}]}, "the second"),
    ],
)
def test_a_failure_says_its_cause(result: dict[str, Any], said: str) -> None:
    assert servers.cause(result) == said


def test_a_long_traceback_is_cut_to_its_end() -> None:
    assert servers.cause({"stderr": "\n".join(str(number) for number in range(50))}, lines=2) == "48\n49"


def test_a_thread_has_a_connection_and_an_asgi_process_a_pool() -> None:
    assert servers.database_connections(groups("both"), 10) == 3 * 4 + 3 * 10
    (forks,) = groups("forks")
    assert servers.database_connections([{**forks, "tuning": {}}], 10) == 3
