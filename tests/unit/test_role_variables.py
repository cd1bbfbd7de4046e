"""Variables of roles in an inventory, and what words say of each other: the action itself, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template
from ansible_collections.asgiway.django.plugins.plugin_utils import words
from validating import ROOT, validate_words

SITE = {"app_name": "shop", "app_path": str(ROOT / "sample_app")}


def complaints(
    inventory: dict[str, Any] | None = None, extra: dict[str, Any] | None = None, **options: Any
) -> list[str]:
    """Return the sentences that stop a deploy."""
    result = validate_words({**SITE, **(inventory or {})}, extra, **options)
    lines = str(result.get("msg", "")).split("\n- ")
    return (lines[1:] or lines) if result.get("failed") else []


def warnings(inventory: dict[str, Any], extra: dict[str, Any] | None = None) -> list[str]:
    result = validate_words({**SITE, **inventory}, extra)
    assert not result.get("failed"), result
    found: list[str] = result["warnings"]
    return found


# --- values and names


def test_good_values_of_roles_pass() -> None:
    good = {
        "nginx_request_timeout": 90,
        "nginx_worker_connections": "1024",  # as -e gives it
        "nginx_refuse_unknown_hosts": False,
        "redis_maxmemory": "200mb",
        "host_packages": ["python3-venv"],
        "app_server_gate_idle_seconds": "0.5",
        "app_server_engines_custom": {"mine": {"interface": "wsgi"}},
    }
    assert complaints(good) == complaints({}, good) == []


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ngnix_request_timeout", "nginx_request_timeout"),
        ("nginx_reqest_timeout", "nginx_request_timeout"),
        ("nginx_reqst_timout", "nginx_request_timeout"),
        ("app_sever_slots", "app_server_slots"),
        ("redis_maxmemmory", "redis_maxmemory"),
        ("host_package_extra", "host_packages_extra"),
    ],
)
def test_a_misspelt_variable_of_a_role_is_found_in_the_inventory(name: str, near: str) -> None:
    yours = f"if it is your own, list it: own_words: [{name}]"
    assert complaints({name: 60}) == [f"{name} in the inventory looks like {near} misspelt; {yours}"]
    assert complaints({name: 60, "own_words": [name]}) == []


def test_a_name_of_ones_own_with_a_prefix_of_ours_is_only_mentioned() -> None:
    own = {"nginx_vhosts": 1, "redis_port": 1, "host_name": 1, "release_notes": 1}
    assert [warning.split(" in the")[0] for warning in warnings(own)] == sorted(own)
    assert warnings({**own, "own_words": [*own]}) == []


def test_what_needs_facts_is_left_to_the_roles_own_check() -> None:
    later = trust_as_template("{{ ansible_facts.processor_vcpus * 1024 }}")
    assert complaints({"nginx_worker_connections": later}) == []


def test_what_cannot_be_templated_is_named() -> None:
    (sentence,) = complaints({"nginx_request_timeout": trust_as_template("{{ 6 / }}")})
    assert sentence.startswith("nginx_request_timeout cannot be worked out: ")


def test_a_text_that_would_count_as_true_is_refused() -> None:
    assert complaints({}, {"nginx_refuse_unknown_hosts": "false"}) == [
        "nginx_refuse_unknown_hosts is false as text, which would count as true; write true or false as JSON,"
        " -e '{\"nginx_refuse_unknown_hosts\": false}', or YAML."
    ]


def test_ones_own_variable_of_the_same_name_is_not_judged() -> None:
    assert (
        complaints({"nginx_http_port": "mine", "redis_socket": 1, "own_words": ["nginx_http_port", "redis_socket"]})
        == []
    )


# --- renamed


@pytest.fixture
def roles_path(tmp_path: Path) -> str:
    """Return the directory of a role that renamed a variable."""
    meta = tmp_path / "web" / "meta"
    meta.mkdir(parents=True)
    (meta / "argument_specs.yml").write_text(
        "argument_specs: {main: {options: {web_port: {type: int}, web_key: {type: str, no_log: true}}}}"
    )
    (meta / "constraints.yml").write_text(
        "constraints: {web_port: {min: 1, max: 9}, web_key: {pattern: '[a-f]+', meaning: hex digits}}\n"
        "renamed: {web_prot: web_port}\n"
    )
    return str(tmp_path)


def test_a_renamed_variable_of_a_role_says_its_new_name(roles_path: str) -> None:
    said = {"web_prot": 3}
    expected = ["web_prot is now called web_port; write that instead"]
    assert complaints(said, roles_path=roles_path) == complaints({}, said, roles_path=roles_path) == expected
    assert complaints({"web_port": 3}, roles_path=roles_path) == []


def test_a_secret_text_of_a_role_is_not_shown(roles_path: str) -> None:
    assert complaints({"web_key": "hunter2"}, roles_path=roles_path) == [
        "web_key has a wrong value (it is secret and not shown); it must be hex digits."
    ]


@pytest.mark.parametrize(
    ("specs", "constraints"),
    [
        ("[]", ""),
        ("argument_specs: {main: {options: {web_port: {type: tuple}}}}", ""),
        ("argument_specs: {main: {options: {web_port: {}}}}", "constraints: {web_prot: {min: 1}}"),
        ("argument_specs: {main: {options: {web_port: {}}}}", "renamed: {web_prot: web_prt}"),
        ("argument_specs: {main: {options: {web_port: {}}}}", "constraints: {web_port: {pattern: '('}}"),
        ("argument_specs: {", ""),
    ],
)
def test_a_broken_declaration_of_a_role_is_a_sentence(roles_path: str, specs: str, constraints: str) -> None:
    meta = Path(roles_path) / "web/meta"
    (meta / "argument_specs.yml").write_text(specs)
    (meta / "constraints.yml").write_text(constraints)
    (sentence,) = complaints(roles_path=roles_path)
    assert sentence.startswith(("the declaration of", "the roles in"))


def test_no_roles_is_a_sentence(tmp_path: Path) -> None:
    assert complaints(roles_path=str(tmp_path)) == [f"there are no roles in {words.show(str(tmp_path))}"]


# --- what words say of each other


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            {"drain_limit": 5},
            "drain_limit is 5 and drain_seconds is 10; a drain lasts drain_seconds at least, so drain_limit must be 10"
            " or more. Or lower drain_seconds",
        ),
        (
            {"app_domain": "a.example", "app_domain_aliases": ["b.example", "A.example"]},
            "app_domain_aliases holds A.example, which is said already by it or by app_domain; leave it out",
        ),
        (
            {"app_server_slots": "2", "workers": 3},
            "workers is 3 and app_server_slots is 2; each process needs a slot, so workers must be 2 or less",
        ),
        (
            {"host_root": "/data", "release_root": "/data", "app_server_root": "/data"},
            "host_root is /data, and other roles must say the same: nginx_live_dir: /data/live,"
            " nginx_static_root: /data/static",
        ),
        (
            {"nginx_live_dir": "/data/now"},
            "nginx_live_dir is /data/now; it must end in /live, as the other roles expect it",
        ),
        (
            {"firewall_allow": ["51820/udp"]},
            "firewall_allow has no effect as long as nobody says manage_firewall=true, and every port is open; say it,"
            " or leave firewall_allow out",
        ),
        ({"keep_data": True}, "keep_data has no effect here: it only counts for ./asgiway remove. Leave it out"),
        ({"release": "0" * 12}, "release has no effect here: it only counts for ./asgiway rollback. Leave it out"),
    ],
)
def test_words_that_contradict_each_other(extra: dict[str, Any], expected: str) -> None:
    assert complaints({}, extra) == [expected]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            {"server": "daphne", "threads": 4},
            "threads has no effect here: daphne cannot be told; these can: gunicorn",
        ),
        (
            {"server": "daphne", "websocket_max_size": 4096},
            "websocket_max_size has no effect here: daphne cannot be told",
        ),
        (
            {"server": "daphne", "wsgi_workers": 4},
            "wsgi_workers has no effect here: the server is daphne, and nothing in it speaks WSGI",
        ),
        (
            {"server": "gunicorn", "app_websocket_path": "/ws/"},
            "app_websocket_path has no effect here: the server is gunicorn, and nothing in it speaks ASGI",
        ),
    ],
)
def test_words_that_the_server_cannot_follow_are_a_warning(extra: dict[str, Any], expected: str) -> None:
    assert warnings({}, extra) == [expected]


@pytest.mark.parametrize(
    "extra",
    [
        {"firewall_allow": ["51820/udp"], "manage_firewall": False},
        {"drain_seconds": 60},  # the default of drain_limit contradicts nobody
        {"drain_seconds": 5, "drain_limit": 5},
        {"server": "gunicorn", "threads": 4, "wsgi_args": ["--x"]},
        {"server": "hybrid", "threads": 4, "keep_alive": 5, "asgi_workers": 2, "wsgi_workers": 1},
        {"server": "daphne", "app_asgi_routes": ["/events/"], "websocket_timeout": 60},
        {"server": "gunicorn", "app_asgi_routes": ["/events/"], "websocket_timeout": 60},
        {
            "redis_group": "web",
            "nginx_socket_group": "web",
            "host_user": "web",
            "release_user": "web",
            "app_server_user": "web",
            "postgresql_user": "web",
        },
        {"http_port": 443},  # without TLS nobody listens on https_port
    ],
)
def test_words_that_fit_each_other(extra: dict[str, Any]) -> None:
    assert complaints({}, extra) == []


def test_an_inventory_stays_when_the_server_is_changed() -> None:
    said = {"server": "daphne", "threads": 4, "wsgi_workers": 2, "app_websocket_path": "/ws/", "keep_data": True}
    assert warnings(said) == [
        "wsgi_workers in the inventory has no effect: the server is daphne, and nothing in it speaks WSGI",
        "threads in the inventory has no effect: daphne cannot be told; these can: gunicorn",
    ]


def test_a_word_for_one_command_counts_there() -> None:
    assert complaints({}, {"keep_data": True}, command="./asgiway remove") == []


@pytest.mark.parametrize(
    ("url", "routes", "wrong"),
    [
        ("/media/", ["/ws/", "/media/live/"], ""),
        ("", [""], ""),
        ("/static/", ["/ws/"], "where the static files are"),
        ("/ws/", ["/ws/"], "one of app_asgi_routes"),
    ],
)
def test_uploads_have_a_path_of_their_own(url: str, routes: list[str], wrong: str) -> None:
    said = words.check_pairs(words.Spec({}), {"app_media_url": url, "app_asgi_routes": routes}, [])
    assert said == ([f"app_media_url is {url}, which is {wrong}; nginx needs a path for each"] if wrong else [])


def test_two_ports_of_nginx_are_two_numbers() -> None:
    spec = words.Spec({name: words.Word(name, "int") for name in ("http_port", "https_port", "redis_port")})
    same = {"http_port": 443, "https_port": 443, "redis_port": 443, "tls": "selfsigned"}
    assert words.check_pairs(spec, same, same) == ["http_port and https_port are both 443; nginx needs a port for each"]
    assert words.check_pairs(spec, {**same, "tls": "none"}, same) == []
    assert words.check_pairs(spec, {**same, "http_port": 80}, same) == []


def test_every_word_is_in_one_group() -> None:
    spec = words.parse_spec(yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text()))
    listed = [name for names in spec.groups.values() for name in names]
    assert sorted(listed) == sorted(spec.words), "groups in playbooks/deploy.meta.yml lists each word once"
