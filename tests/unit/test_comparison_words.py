"""What ./asgiway compare refuses before any host changes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import comparison
from validating import ROOT, validate_words

SAMPLE = str(ROOT / "sample_app")
INVENTORY = {"app_name": "shop", "app_path": SAMPLE, "server": "hybrid"}
EXAMPLE = "Try: ./asgiway compare -e servers=daphne,gunicorn,hybrid"


def compare(extra: dict[str, Any], inventory: dict[str, Any] | None = None) -> dict[str, Any]:
    """Validate as the playbook does."""
    options: dict[str, Any] = {
        "command": "./asgiway compare",
        "ignore": ["server", "tls_certificate", "tls_key", "acme_ca"],
    }
    result: dict[str, Any] = validate_words({**INVENTORY, **(inventory or {})}, extra, wiring=False, **options)
    return result


def test_servers_come_back_with_their_engines() -> None:
    result = compare({"servers": "gunicorn,hybrid, uvicorn", "duration": "60"})
    assert "msg" not in result, result
    assert result["compared"] == {"gunicorn": ["gunicorn"], "hybrid": ["gunicorn", "uvicorn"], "uvicorn": ["uvicorn"]}
    assert result["engines"] == []
    assert result["words"]["duration"] == 60


@pytest.mark.parametrize(
    ("servers", "sentence"),
    [
        ("", f"servers is not set; a comparison has 2 to 8 servers. {EXAMPLE}"),
        ("daphne", f"servers holds 1; a comparison has 2 to 8 servers. {EXAMPLE}"),
        ("daphne,uvicron", "servers: 'uvicron' is not a server; did you mean uvicorn? One of: "),
        ("daphne,daphne+gunicorn", "the part before + serves HTTP under WSGI, and daphne speaks ASGI; swap them?"),
        ("daphne,uvicorn,daphne", "servers holds daphne twice; once is enough"),
        ("hybrid,gunicorn+uvicorn", "servers holds hybrid and gunicorn+uvicorn, which are the same server; leave one"),
    ],
)
def test_what_cannot_be_compared_is_refused(servers: str, sentence: str) -> None:
    message = compare({"servers": servers})["msg"]
    assert sentence.replace("'", "") in message.replace("'", "").replace('"', ""), message
    assert "-e server=" not in message


def test_a_project_without_what_a_server_needs_is_refused(tmp_path: Any) -> None:
    (tmp_path / "manage.py").write_text("import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n")
    (tmp_path / "shop").mkdir()
    for name in ("__init__", "settings", "wsgi"):
        (tmp_path / f"shop/{name}.py").write_text("WSGI_APPLICATION = 'shop.wsgi.application'\napplication = None\n")
    message = compare({"servers": "gunicorn,daphne", "app_path": str(tmp_path)})["msg"]
    assert "daphne" in message
    assert "ASGI" in message


def test_remove_needs_no_servers() -> None:
    assert "msg" not in compare({"compare_state": "remove"})


@pytest.mark.parametrize("name", ["host_root", "host_state_dir", "release_root", "app_server_user", "postgresql_user"])
def test_places_that_the_live_site_has_are_refused(name: str) -> None:
    value = "shop" if name.endswith("user") else "/data/shop"
    message = compare({"servers": "gunicorn,daphne"}, {name: value})["msg"]
    assert f"{name} is set, and every compared site would use what it names" in message


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"database_url": "postgresql://shop:hunter2@db/shop"}, "database_url is set"),
        ({"app_env": {"DATABASE_URL": "mysql://shop:hunter2@db/shop"}}, "app_env has DATABASE_URL"),
        ({"app_env": {"REDIS_URL": "redis://:hunter2@cache/0"}}, "app_env has REDIS_URL"),
    ],
)
def test_a_database_of_the_users_is_refused_until_there_is_a_throwaway_one(given: dict[str, Any], name: str) -> None:
    message = compare({"servers": "gunicorn,daphne"}, given)["msg"]
    assert name in message
    assert 'compare_database_url=$URL"' in message
    assert "hunter2" not in message
    throwaway = {"compare_database_url": "postgresql://shop:hunter2@db/shop_compare"}
    assert "msg" not in compare({"servers": "gunicorn,daphne", **throwaway}, given)


def test_server_is_no_word_of_a_comparison() -> None:
    message = compare({"servers": "gunicorn,daphne", "server": "daphne"})["msg"]
    assert message == "server has no effect here; servers says what is compared. Leave it out"


def test_its_words_are_no_words_of_a_deploy() -> None:
    message = validate_words(INVENTORY, {"servers": "gunicorn,daphne"}, wiring=False)["msg"]
    assert message == "servers has no effect here: it only counts for ./asgiway compare. Leave it out"


def test_no_app_has_the_name_of_a_compared_site() -> None:
    names = yaml.safe_load((ROOT / "playbooks/roles/wiring/vars/compare.yml").read_text())["__compare_names"]
    assert len(names) == comparison.MOST
    for name in (*names, "comparison"):  # the last is the lock's
        message = validate_words({**INVENTORY, "app_name": name}, wiring=False)["msg"]
        assert "a name that the system uses itself" in message


def test_the_lock_of_a_comparison_can_be_taken_away_as_its_message_says() -> None:
    ignore = ["server", "app_path"]
    for command, passes in (("./asgiway unlock", True), ("./asgiway remove", False)):
        given = {**INVENTORY, "app_name": "comparison"}
        result = validate_words(given, wiring=False, ignore=ignore, command=command)
        assert bool(result.get("failed")) is not passes, result
