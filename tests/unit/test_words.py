"""The sentences for bad input, and that nothing else ever comes out."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import words
from hypothesis import example, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
SPEC = words.parse_spec(yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text()))
SERVERS = words.parse_servers(
    {
        "engines": ["daphne", "uvicorn", "gunicorn"],
        "aliases": {"hybrid": "gunicorn+uvicorn"},
        "interfaces": {"daphne": "asgi", "uvicorn": "asgi", "gunicorn": "wsgi"},
        "refused": {"mod_x": "it listens on\nTCP only"},
    }
)
ROLES = {
    "nginx": {"nginx_port", "nginx_websocket_timeout"},
    "redis": {"redis_socket"},
    "release": {"release_keep"},
    "host": {"host_user"},
    "app_server": {"app_server_name", "app_server_drain_seconds"},
}


def sentence(word: str, value: Any) -> str:
    with pytest.raises(words.WordsError) as caught:
        words.cast(SPEC.words[word], value)
    return str(caught.value)


# --- types and ranges


@pytest.mark.parametrize(
    "ports",
    [
        "22",
        "ssh/tcp",
        "0/tcp",
        "65536/udp",
        "022/tcp",
        "22/sctp",
        "90-80/tcp",
        "80-80/tcp",
        "80-65536/tcp",
        "80-/tcp",
        "-1/tcp",
    ],
)
def test_ports_that_nftables_would_not_read(ports: str) -> None:
    assert f"{ports}; it must be a port such as 51820/udp" in sentence("firewall_allow", [ports])


@pytest.mark.parametrize(
    ("word", "value", "expected"),
    [
        ("workers", "2", 2),
        ("workers", 24, 24),
        ("workers", " 3 ", 3),
        ("drain_seconds", "0", 0),
        ("http_port", "65535", 65535),
        ("keep_data", "yes", True),
        ("keep_data", False, False),
        ("settings_overlay", "False", False),
        ("settings_overlay", 0, False),
        ("app_name", "shop-2", "shop-2"),
        ("app_domain", "127.0.0.1", "127.0.0.1"),
        ("app_domain", "a.b-c.example.com", "a.b-c.example.com"),
        ("app_settings", "", ""),
        ("app_wsgi", "config.wsgi", "config.wsgi"),
        ("app_domain_aliases", "a.example,b.example", ["a.example", "b.example"]),
        ("app_domain_aliases", "[a.example, b.example]", ["a.example", "b.example"]),
        ("app_domain_aliases", "", []),
        (
            "app_packages",
            ["psycopg[binary]>=3.2; python_version > '3'"],
            ["psycopg[binary]>=3.2; python_version > '3'"],
        ),
        ("app_env", {"A": 1}, {"A": "1"}),
        ("app_env", {"A": "x\ny"}, {"A": "x\ny"}),
        ("app_env", {}, {}),
        ("max_body_size", 1024, "1024"),
        ("process_manager", "systemd", "systemd"),
        (
            "firewall_allow",
            "1/tcp,65535/udp,60000-61000/udp,1-65535/tcp",
            ["1/tcp", "65535/udp", "60000-61000/udp", "1-65535/tcp"],
        ),
    ],
)
def test_a_good_value_comes_out_in_its_type(word: str, value: Any, expected: Any) -> None:
    result = words.cast(SPEC.words[word], value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("word", "value", "expected"),
    [
        (
            "workers",
            "two",
            "workers is two; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4",
        ),
        ("workers", "0", "workers is 0; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4"),
        ("workers", 25, "workers is 25; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4"),
        ("workers", "", "workers is empty; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4"),
        (
            "workers",
            True,
            "workers is true; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4",
        ),
        ("workers", 2.0, "workers is 2.0; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4"),
        ("workers", "٣", "workers is ٣; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4"),
        (
            "http_port",
            "99999",
            "http_port is 99999; it must be a whole number from 1 to 65535. Try: ./asgiway deploy -e http_port=8080",
        ),
        (
            "gate_seconds",
            "4",
            "gate_seconds is 4; it must be a whole number of seconds from 5 to 600."
            " Try: ./asgiway deploy -e gate_seconds=60",
        ),
        (
            "process_manager",
            "systmd",
            "process_manager is systmd; did you mean systemd? One of: auto, systemd, supervisor."
            " Try: ./asgiway deploy -e process_manager=systemd",
        ),
        (
            "channel_layer",
            "kafka",
            "channel_layer is kafka; one of: auto, redis, none. Try: ./asgiway deploy -e channel_layer=auto",
        ),
        (
            "keep_data",
            "perhaps",
            "keep_data is perhaps; it must be true or false. Try: ./asgiway deploy -e keep_data=true",
        ),
        (
            "app_name",
            "Shop",
            "app_name is Shop; it must be 1 to 20 small letters, digits and -, the first a letter."
            " Try: ./asgiway deploy -e app_name=shop",
        ),
        (
            "app_name",
            "www-data",
            "app_name is www-data, a name that the system uses itself; choose another."
            " Try: ./asgiway deploy -e app_name=shop",
        ),
        (
            "app_domain",
            "https://shop.example.com",
            "app_domain is https://shop.example.com; it must be a host name such as shop.example.com, without scheme,"
            " port or path. Try: ./asgiway deploy -e app_domain=shop.example.com",
        ),
        ("app_name", ["a"], "app_name is a list; it must be text. Try: ./asgiway deploy -e app_name=shop"),
        (
            "app_asgi_routes",
            ["ws/"],
            "app_asgi_routes holds ws/; it must be auto or a path prefix that begins with /.",
        ),
        (
            "app_domain_aliases",
            [1, {"a": 1}],
            "app_domain_aliases holds a dictionary; each element must be text, as in"
            ' -e \'{"app_domain_aliases": ["www.shop.example.com"]}\'',
        ),
        (
            "app_packages",
            ["--index-url=https://user:pw@example.com"],
            "app_packages holds --index-url=https://***@example.com; it must be a requirement such as"
            " psycopg[binary]>=3.2, not an option of pip.",
        ),
        (
            "app_health_path",
            "/a b",
            "app_health_path is /a b; it must be empty or a path that begins with /."
            " Try: ./asgiway deploy -e app_health_path=/healthz",
        ),
        (
            "app_health_path",
            "/a\n",
            "app_health_path is /a\\n; it must be one line of text without control characters."
            " Try: ./asgiway deploy -e app_health_path=/healthz",
        ),
        (
            "max_body_size",
            "20 MB",
            "max_body_size is 20 MB; it must be a size such as 20m (k, m or g)."
            " Try: ./asgiway deploy -e max_body_size=20m",
        ),
    ],
)
def test_a_bad_value_gets_this_sentence(word: str, value: Any, expected: str) -> None:
    assert sentence(word, value) == expected


@pytest.mark.parametrize(
    "domain", ["", "a..b", "-a.example", "a b", "a.example:80", "a.example/x", "x" * 64, "a;b", "ä.de"]
)
def test_a_bad_host_name_is_refused(domain: str) -> None:
    assert "app_domain is" in sentence("app_domain", domain)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("app_name", True),
        ("app_domain", False),
        ("app_packages", [True]),
        ("app_env", {"DEBUG": True}),
        ("app_env", {"A": None}),
        ("app_env", ""),
        ("app_settings", "größe.settings"),
        ("app_wsgi", "config.wsgi:"),
    ],
)
def test_more_that_is_refused(word: str, value: Any) -> None:
    assert word in sentence(word, value)


@pytest.mark.parametrize("path", ['/a"b', "/a;b", "/{x}", "/$x", "a", "/a\\b"])
def test_a_path_that_could_leave_its_place_in_nginx_is_refused(path: str) -> None:
    assert "app_websocket_path is" in sentence("app_websocket_path", path)


@pytest.mark.parametrize("name", ["root", "lock", "redis", "nginx", "systemd", "postgres", "asgiway"])
def test_an_app_cannot_take_a_name_of_the_system(name: str) -> None:
    assert "uses itself" in sentence("app_name", name)


# --- secrets


@pytest.mark.parametrize("word", ["app_env", "build_env"])
@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "{A: hunter2",
        "{A: hunter2}",
        "[hunter2]",
        ["hunter2"],
        {"A": ["hunter2"]},
        {"A": {"hunter2": 1}},
        {"A": "hunter2\0"},
        {"hunter2 ": 1},
        {1: "hunter2"},
        {"hunter2=x": "y"},
        {"ASGIWAY_APP": "hunter2"},
        {"DJANGO_SETTINGS_MODULE": "hunter2"},
        {"A": None, "B": "hunter2"},
    ],
)
def test_a_secret_is_checked_but_never_shown(word: str, value: Any) -> None:
    assert "hunter2" not in sentence(word, value)
    result, errors = words.check(SPEC, {word: value}, SERVERS, "/")
    assert word not in result
    assert any(word in error for error in errors)
    assert "hunter2" not in words.message(errors) + repr(result)


def test_the_settings_module_has_a_word_of_its_own() -> None:
    assert sentence("app_env", {"DJANGO_SETTINGS_MODULE": "x"}).endswith("set app_settings instead")


# --- server


@pytest.mark.parametrize(
    ("server", "engines"),
    [
        ("daphne", ["daphne"]),
        ("gunicorn", ["gunicorn"]),
        ("hybrid", ["gunicorn", "uvicorn"]),
        ("gunicorn+daphne", ["gunicorn", "daphne"]),
    ],
)
def test_a_server(server: str, engines: list[str]) -> None:
    assert words.check_server(server, SERVERS) == engines


ALL = "One of: daphne, gunicorn, hybrid, uvicorn, or A+B such as gunicorn+uvicorn (WSGI+ASGI)."


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("dafne", f"dafne is not a server; did you mean daphne? {ALL} Try: ./asgiway deploy -e server=daphne"),
        ("Daphne", f"Daphne is not a server; did you mean daphne? {ALL} Try: ./asgiway deploy -e server=daphne"),
        ("hybird", f"hybird is not a server; did you mean hybrid? {ALL} Try: ./asgiway deploy -e server=hybrid"),
        ("apache", f"apache is not a server. {ALL} Try: ./asgiway deploy -e server=daphne"),
        (
            "mod_x",
            f"mod_x is no server here: it listens on TCP only. {ALL} Try: ./asgiway deploy -e server=daphne",
        ),
        ("", f"server is empty. {ALL} Try: ./asgiway deploy -e server=daphne"),
        ("gunicorn+", f"gunicorn+ has no server on one side of +. {ALL} Try: ./asgiway deploy -e server=daphne"),
        (
            "gunicorn+dafne",
            f"dafne is not a server; did you mean daphne? {ALL} Try: ./asgiway deploy -e server=gunicorn+daphne",
        ),
        (
            "uvicorn+gunicorn",
            "uvicorn+gunicorn: the part before + serves HTTP under WSGI, and uvicorn speaks ASGI; swap them?"
            " Try: ./asgiway deploy -e server=gunicorn+uvicorn",
        ),
        (
            "daphne+uvicorn",
            "daphne+uvicorn: the part before + serves HTTP under WSGI, and daphne speaks ASGI; uvicorn alone serves"
            " HTTP and WebSockets, or put one of gunicorn before the +. Try: ./asgiway deploy -e server=uvicorn",
        ),
        (
            "gunicorn+gunicorn",
            "gunicorn+gunicorn: nothing in it speaks WebSocket; put one of daphne, uvicorn after the +, or use gunicorn"
            " alone. Try: ./asgiway deploy -e server=gunicorn+uvicorn",
        ),
        (
            "gunicorn+daphne+uvicorn",
            "gunicorn+daphne+uvicorn has 3 parts; a server is one engine, or A+B: A for HTTP under WSGI, B for"
            " WebSockets and async routes under ASGI. Try: ./asgiway deploy -e server=gunicorn+uvicorn",
        ),
        (
            "hybrid+daphne",
            "hybrid+daphne: hybrid already stands for gunicorn+uvicorn and cannot be a part of a pair."
            " Try: ./asgiway deploy -e server=hybrid",
        ),
    ],
)
def test_a_wrong_server_gets_this_sentence(server: str, expected: str) -> None:
    with pytest.raises(words.WordsError) as caught:
        words.check_server(server, SERVERS)
    assert str(caught.value) == expected


def test_an_alias_that_leads_nowhere_is_named() -> None:
    servers = words.Servers(SERVERS.engines, {"mine": "gunicorn+waitress"}, SERVERS.interfaces)
    with pytest.raises(words.WordsError, match="mine stands for gunicorn\\+waitress"):
        words.check_server("mine", servers)


@pytest.mark.parametrize(
    "data",
    [None, {}, [], {"engines": ["a"]}, {"engines": [], "interfaces": {}}, {"engines": ["a"], "interfaces": {"a": "x"}}],
)
def test_an_incomplete_registry_is_a_sentence(data: Any) -> None:
    with pytest.raises(words.WordsError, match="registry of servers"):
        words.parse_servers(data)


def test_one_engine_alone_is_enough_of_a_registry() -> None:
    servers = words.parse_servers({"engines": ["a"], "interfaces": {"a": "wsgi"}})
    for server in ("b", "a+a", "a+a+a", "+", ""):
        with pytest.raises(words.WordsError):
            words.check_server(server, servers)


# --- app_path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "code" / "shop"
    path.mkdir(parents=True)
    (path / "manage.py").touch()
    return path


def test_a_path_is_relative_to_the_start_of_the_command(project: Path) -> None:
    assert words.check_path("shop", str(project.parent)) == str(project)
    assert words.check_path("../code/shop/", str(project.parent)) == str(project)
    assert words.check_path(str(project), "/") == str(project)


def test_a_tilde_is_the_home(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project.parent))
    assert words.check_path("~/shop", "/") == str(project)


def test_app_settings_makes_manage_py_unnecessary(project: Path) -> None:
    (project / "manage.py").unlink()
    assert words.check_path(str(project), "/", settings="config.settings") == str(project)


def path_sentence(value: str, start: Path) -> str:
    with pytest.raises(words.WordsError) as caught:
        words.check_path(value, str(start))
    return str(caught.value)


def test_bad_paths(project: Path) -> None:
    folder = project.parent
    hint = "Try: ./asgiway deploy -e app_path=DIRECTORY"
    assert path_sentence("nowhere", folder) == f"app_path {folder}/nowhere does not exist on this machine. {hint}"
    assert path_sentence("~nobody-like-this/x", folder).endswith(f"does not exist on this machine. {hint}")
    assert path_sentence(" ", folder) == f"app_path is empty; give the project's directory. {hint}"
    assert path_sentence("shop/manage.py", folder) == (
        f"app_path {project}/manage.py is a file; give its directory. Try: ./asgiway deploy -e app_path={project}"
    )
    assert path_sentence(".", folder) == (
        f"app_path {folder} has no manage.py; give the directory that holds it, or app_settings=<module>."
        f" Try: ./asgiway deploy -e app_path={project}"
    )
    assert path_sentence("x" * 5000, folder).endswith(f"cannot be read (File name too long). {hint}")
    assert "cannot be read" in path_sentence("a\0b", folder)


def test_an_empty_directory_has_no_manage_py(tmp_path: Path) -> None:
    assert path_sentence(str(tmp_path), tmp_path) == (
        f"app_path {tmp_path} has no manage.py; give the directory that holds it, or app_settings=<module>."
    )


# --- names


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("sever", "server"),
        ("worker", "workers"),
        ("domain", "app_domain"),
        ("path", "app_path"),
        ("port", "http_port"),
        ("app_nmae", "app_name"),
        ("process_manger", "process_manager"),
        ("SERVER", "server"),
        ("nginx_prot", "nginx_port"),
    ],
)
def test_a_misspelt_extra_variable_is_named_with_a_suggestion(name: str, near: str) -> None:
    assert words.check_extra([name], SPEC, ROLES, []) == [
        f"{name} is not a variable of Asgiway; did you mean {near}? If it is your own, list it: own_words: [{name}]"
    ]


def test_an_unknown_extra_variable_without_a_near_one() -> None:
    assert words.check_extra(["zzz"], SPEC, ROLES, []) == [
        "zzz is not a variable of Asgiway; if it is your own, list it: own_words: [zzz]"
    ]


def test_known_extra_variables_pass() -> None:
    known = [*SPEC.words, "nginx_port", "ansible_become", "deploy_state", "sandbox_state", "mine"]
    assert words.check_extra(known, SPEC, ROLES, ["mine"]) == []


def test_a_stray_argument_is_not_quoted() -> None:
    assert words.check_extra(["_raw_params"], SPEC, ROLES, [], SERVERS) == [
        "something after -e is not of the form name=value. Try: ./asgiway deploy -e server=daphne"
    ]


SLIPS = """
    sever servr serverr srever Server app_nam app_nmae app_pth workrs worker htp_port http_prot app_domian
    drain_second gate_secnds keep_release app_evn own_word
"""


@pytest.mark.parametrize("name", SLIPS.split())
def test_one_slip_in_the_inventory_is_an_error(name: str) -> None:
    errors, _ = words.check_inventory([name], SPEC, ROLES, [])
    assert len(errors) == 1
    assert re.fullmatch(rf"{name} in the inventory looks like \w+ misspelt; if it .* own_words: \[{name}\]", errors[0])
    assert words.check_inventory([name], SPEC, ROLES, [name]) == ([], [])


# names that people have in their inventories for themselves
OWN = """
    app_user app_group app_port app_host app_version app_root app_log_path app_media_path app_port app_url app_envs
    app_path2 my_app my_app_name django_app_name region env stage server_name servers server_2 workers_count
    web_workers celery_workers worker_count domain domains http_proxy https_proxy https_port ftp_port smtp_port
    no_proxy targets target_env ports path name user db_host db_name secret_key threads_max thread_pool
    process_managers http_ports deploy_user git_repo postgres_password redis_port_other timezone locale
    environment_name app_secret app_debug app_dirs app_key app_dev nginx_extra molecule_file group_names playbook_dir
    inventory_hostname omit groups hostvars _private own gate drain releases build_dir max_size
"""


@pytest.mark.parametrize("name", OWN.split())
def test_ones_own_variables_in_the_inventory_are_not_disturbed(name: str) -> None:
    errors, _ = words.check_inventory([name], SPEC, ROLES, [])
    assert errors == []


def test_a_prefix_of_ours_in_the_inventory() -> None:
    errors, warnings = words.check_inventory(
        ["nginx_prot", "nginx_vhosts", "app_server_drain_second", "redis_socket"], SPEC, ROLES, []
    )
    assert [error.split(" misspelt")[0] for error in errors] == [
        "app_server_drain_second in the inventory looks like app_server_drain_seconds",
        "nginx_prot in the inventory looks like nginx_port",
    ]
    assert warnings == [
        "nginx_vhosts in the inventory is not a variable of the role nginx; if it is your own, list it:"
        " own_words: [nginx_vhosts]"
    ]


def test_a_renamed_word_says_its_new_name() -> None:
    spec = words.Spec(SPEC.words, {"port": "http_port"})
    expected = ["port is now called http_port; write that instead"]
    assert words.check_extra(["port"], spec, ROLES, ["port"]) == expected
    assert words.check_inventory(["port"], spec, ROLES, [])[0] == expected


# --- all of it


def test_all_errors_come_at_once(tmp_path: Path) -> None:
    given_words = {"workers": "two", "http_port": "99999", "server": "dafne", "app_path": "nowhere", "app_name": "shop"}
    _, errors = words.check(SPEC, given_words, SERVERS, str(tmp_path))
    assert [error.split(" ")[0] for error in errors] == ["dafne", "app_path", "workers", "http_port"]
    assert words.message(errors).startswith("4 things to correct, nothing was changed:\n- dafne is not a server;")
    assert words.message(errors[:1]) == errors[0]


def test_the_words_come_with_their_defaults(project: Path) -> None:
    result, errors = words.check(SPEC, {"app_name": "shop", "app_path": "shop"}, SERVERS, str(project.parent))
    assert errors == []
    assert result["app_path"] == str(project)
    assert (result["server"], result["workers"], result["threads"], result["http_port"]) == ("hybrid", None, None, 80)
    assert "app_env" not in result


def test_words_without_default_must_be_given_unless_ignored() -> None:
    assert words.check(SPEC, {}, SERVERS, "/")[1] == [
        "app_name is not set. Try: ./asgiway deploy -e app_name=shop",
        "app_path is not set, nor is app_repo or app_archive. Try: ./asgiway deploy -e app_path=~/code/shop",
    ]
    result, errors = words.check(
        SPEC, {"app_name": "a", "app_path": "no", "server": "no"}, SERVERS, "/", ["app_path", "server"]
    )
    assert errors == []
    assert (result["app_path"], result["server"]) == (None, None)


def test_messages_suggest_the_command_in_use() -> None:
    _, errors = words.check(SPEC, {}, SERVERS, "/", command="./asgiway remove")
    assert errors[0] == "app_name is not set. Try: ./asgiway remove -e app_name=shop"


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"argument_specs": {"main": {}}},
        {"argument_specs": {"main": {"options": {"a": None}}}},
        {"argument_specs": {"main": {"options": {"a": {"type": "tuple"}}}}},
        {"argument_specs": {"main": {"options": {"a": {}}, "constraints": {"b": {}}}}},
        {"argument_specs": {"main": {"options": {"a": {}}, "constraints": {"a": {"pattern": "("}}}}},
        {"argument_specs": {"main": {"options": {"a": {}}, "renamed": {"b": "c"}}}},
    ],
)
def test_a_broken_declaration_is_a_sentence(data: Any) -> None:
    with pytest.raises(words.WordsError, match="the declaration of"):
        words.parse_spec(data)


@pytest.mark.parametrize("word", SPEC.words.values(), ids=lambda word: word.name)
def test_every_default_and_example_is_a_good_value(word: words.Word) -> None:
    assert word.example is not None
    if word.name not in ("server", "app_path"):
        words.cast(word, word.example)
        if word.default is not None:
            assert words.cast(word, word.default) == word.default


# --- anything at all

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()
anything = st.recursive(
    scalars | st.characters(codec=None),
    lambda inner: st.lists(inner) | st.dictionaries(scalars, inner) | st.tuples(inner, inner),
    max_leaves=8,
)
as_text = st.text() | st.from_regex(r"[\[{][a-z!&*:,'\"\[\]{}0-9. -]*[\]}]", fullmatch=True)
quick = settings(max_examples=60, deadline=None, database=None)


@pytest.mark.parametrize("word", SPEC.words.values(), ids=lambda word: word.name)
@quick
@given(value=anything | as_text)
@example(value="[!!bool x]")
@example(value="{a: 2001-99-99}")
@example(value=10**5000)
@example(value="\x1f60")
@example(value="\ud800")
@example(value="{? [a] : b}")
def test_any_value_is_cast_or_refused_in_one_printable_line(word: words.Word, value: Any) -> None:
    try:
        result = words.cast(word, value)
    except words.WordsError as error:
        assert str(error).isprintable()
        assert word.name in str(error)
    else:
        kinds = {"int": int, "bool": bool, "str": str, "path": str, "list": list, "dict": dict}
        assert type(result) is kinds[word.type]


def test_a_list_that_is_nested_too_deep_is_refused() -> None:
    assert sentence("own_words", "[" * 5000 + "]").startswith("own_words is [[[")


@quick
@given(server=st.text() | st.lists(st.sampled_from(["daphne", "gunicorn", "hybrid", "dafne", ""])).map("+".join))
def test_any_server_word_is_engines_or_a_sentence(server: str) -> None:
    try:
        engines = words.check_server(server, SERVERS)
    except words.WordsError as error:
        assert str(error).isprintable()
    else:
        assert set(engines) <= set(SERVERS.engines)
        assert len(engines) in (1, 2)


@quick
@given(value=st.text(), secret=st.text(min_size=1))
def test_any_path_is_a_directory_or_a_sentence(value: str, secret: str) -> None:
    try:
        assert Path(words.check_path(value, "/nowhere")).is_dir()
    except words.WordsError as error:
        assert str(error).isprintable()


@quick
@given(names=st.lists(st.text()))
def test_any_names_give_sentences(names: list[str]) -> None:
    for text in words.check_extra(names, SPEC, ROLES, []):
        assert text.isprintable()
    for texts in words.check_inventory(names, SPEC, ROLES, []):
        assert all(text.isprintable() for text in texts)


@quick
@given(value=anything)
def test_any_declaration_is_read_or_refused(value: Any) -> None:
    for data in (value, {"argument_specs": value}, {"argument_specs": {"main": {"options": {"a": value}}}}):
        with contextlib.suppress(words.WordsError):
            words.parse_spec(data)
        with contextlib.suppress(words.WordsError):
            words.parse_servers({"engines": value, "aliases": value, "interfaces": value})
