"""The action as users meet it: real ansible-playbook runs of a tiny playbook, about a second each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from certificates_made import make

BIN = Path(sys.executable).parent
SERVERS = {
    "engines": ["daphne", "uvicorn", "gunicorn"],
    "aliases": {"hybrid": "gunicorn+uvicorn"},
    "interfaces": {"daphne": "asgi", "uvicorn": "asgi", "gunicorn": "wsgi"},
}


@dataclass
class Run:
    """One finished run."""

    code: int
    output: str
    result: dict[str, Any]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that runs the role with these options of ansible-playbook."""
    project = tmp_path / "shop"
    (project / "config").mkdir(parents=True)
    (project / "manage.py").write_text('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n')
    for name in ("settings", "wsgi", "asgi"):
        (project / f"config/{name}.py").touch()
    target = tmp_path / "result.json"
    role = {"role": "asgiway.django.validate", "vars": {"validate_servers": SERVERS}}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "connection": "ssh",  # to a host that does not exist: no connection may be made
        "roles": [role],
        "tasks": [
            {
                "name": "Keep the result",
                "ansible.builtin.copy": {"content": "{{ validate_result | to_json }}", "dest": str(target)},
                "connection": "local",
                "check_mode": False,
                "vars": {"ansible_python_interpreter": sys.executable},
            }
        ],
    }

    def run(*options: str, inventory: dict[str, Any] | None = None, **variables: Any) -> Run:
        role["vars"] = {"validate_servers": SERVERS, **variables}
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        hosts = {"all": {"hosts": {"nowhere.invalid": {"app_name": "shop", "app_path": "shop", **(inventory or {})}}}}
        (tmp_path / "hosts.yml").write_text(json.dumps(hosts))
        target.unlink(missing_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        done = subprocess.run(
            [BIN / "ansible-playbook", "-i", "hosts.yml", "play.yml", *options],
            cwd=tmp_path,
            env={**clean, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "10000", "PATH": f"{BIN}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        result = json.loads(target.read_text()) if target.exists() else {}
        return Run(done.returncode, done.stdout + done.stderr, result)

    return run


def test_good_words_come_back_and_secrets_do_not(play: Callable[..., Run], tmp_path: Path) -> None:
    run = play(
        *("--check", "-vvv", "-e", "workers=2", "-e", "settings_overlay=no", "-e", "server=gunicorn+daphne"),
        inventory={
            "app_env": {"PASSWORD": "{{ 'hunter' ~ 2 }}"},
            "app_domain": "{{ app_name }}.example.com",
            "region": 1,
        },
    )
    assert run.code == 0, run.output
    assert "hunter2" not in run.output
    words = run.result["words"]
    assert (words["workers"], words["settings_overlay"], words["app_domain"]) == (2, False, "shop.example.com")
    assert words["app_path"] == str(tmp_path / "shop")
    assert "app_env" not in words
    assert run.result["engines"] == ["gunicorn", "daphne"]
    assert run.result["project"]["asgi"] == "config.asgi:application"
    assert run.result["changed"] is False


def test_every_error_is_a_sentence_of_one_message(play: Callable[..., Run], tmp_path: Path) -> None:
    extra = tmp_path / "extra.yml"
    extra.write_text("regoin: eu\nmine: 1\nown_words: [mine]\n")
    run = play(
        *("-e", "server=dafne", "-e", "sever=daphne", "-e", "workers=two", "-e", "http_port=99999", "-e", f"@{extra}"),
        *("-e", "app_domain={{ nothing }}", "-e", "app_path=nowhere", "-e", "stray", "-e", "app_env=hunter2"),
        *("-e", "nginx_prot=80", "-e", "deploy_state=x"),
        inventory={"worker": 3, "servers": [], "app_version": 2, "validate_port": 1},
    )
    assert run.code == 2
    assert "Traceback" not in run.output
    assert "hunter2" not in run.output
    for sentence in (
        "- dafne is not a server; did you mean daphne? One of: daphne, gunicorn, hybrid, uvicorn, or A+B such as"
        " gunicorn+uvicorn (WSGI+ASGI). Try: ./asgiway deploy -e server=daphne\n",
        "- sever is not a variable of Asgiway; did you mean server? If it is your own, list it: own_words: [sever]\n",
        "- regoin is not a variable of Asgiway; if it is your own, list it: own_words: [regoin]\n",
        "- workers is two; it must be a whole number from 1 to 24. Try: ./asgiway deploy -e workers=4\n",
        "- http_port is 99999; it must be a whole number from 1 to 65535. Try: ./asgiway deploy -e http_port=8080\n",
        f"- app_path {tmp_path}/nowhere does not exist on this machine. Try: ./asgiway deploy -e app_path=DIRECTORY\n",
        "- app_domain cannot be worked out: 'nothing' is undefined\n",
        "- app_env must be a dictionary, as in -e ",
        "- something after -e is not of the form name=value.",
        "- worker in the inventory looks like workers misspelt; if it is your own, list it: own_words: [worker]\n",
        "validate_port in the inventory is not a variable of the role validate; if it is your own, list it",
    ):
        assert sentence in run.output
    for silent in ("- mine", "- servers", "app_version", "deploy_state is"):
        assert silent not in run.output
    assert "11 things to correct, nothing was changed:\n" in run.output


def test_a_single_error_stands_alone(play: Callable[..., Run]) -> None:
    run = play("-e", "workers=0")
    assert run.code == 2
    assert "workers is 0; it must be a whole number from 1 to 24." in run.output
    assert "things to correct" not in run.output


def test_a_project_without_asgi_cannot_have_an_asgi_server(play: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "shop/config/asgi.py").unlink()
    run = play("-e", "server=daphne")
    assert run.code == 2
    assert "daphne speaks ASGI and the project has no asgi.py beside its settings (config.settings)" in run.output
    run = play("-e", "server=gunicorn")
    assert run.code == 0, run.output
    assert run.result["project"]["asgi"] == ""


def test_wrong_options_of_the_task_are_a_sentence_too(play: Callable[..., Run]) -> None:
    run = play("-e", "validate_spec=/nowhere.yml")
    assert run.code == 2
    assert "Could not find or access '/nowhere.yml'" in run.output
    assert "Traceback" not in run.output


def test_a_vault_that_cannot_be_opened_is_named(play: Callable[..., Run], tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("right\n")
    encrypted = subprocess.run(
        [BIN / "ansible-vault", "encrypt_string", "--vault-password-file", str(password), "hunter2", "--name", "  KEY"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    secret = tmp_path / "secret.yml"
    secret.write_text(f"app_env:\n{encrypted}\n")
    run = play("-e", f"@{secret}", "--vault-password-file", str(password))
    assert run.code == 0, run.output
    assert "hunter2" not in run.output + str(run.result)
    password.write_text("wrong\n")
    run = play("-e", f"@{secret}", "--vault-password-file", str(password))
    assert run.code == 2
    assert (
        "app_env cannot be worked out: the vault cannot be opened; give the right --vault-password-file" in run.output
    )


def test_ignored_words_are_not_looked_at(play: Callable[..., Run]) -> None:
    run = play("-e", "app_path=no", "-e", "server=no", validate_ignore=["app_path", "server"])
    assert run.code == 0, run.output
    assert (run.result["words"]["app_path"], run.result["engines"], run.result["project"]) == (None, [], {})


def test_a_certificate_is_judged_before_any_host_changes(play: Callable[..., Run], tmp_path: Path) -> None:
    site = make("shop.example.com")
    (tmp_path / "shop.pem").write_text(site.pem)
    (tmp_path / "shop.key").write_text(site.key_pem)
    (tmp_path / "password").write_text("word\n")
    vault = ("--vault-password-file", "password")
    subprocess.run(
        [BIN / "ansible-vault", "encrypt", *vault, "shop.key"], cwd=tmp_path, check=True, capture_output=True
    )
    options = ("-e", "tls=files", "-e", "tls_certificate=shop.pem", "-e", "tls_key=shop.key")
    run = play("-vvv", *options, *vault, "-e", "app_domain=shop.example.com")
    assert run.code == 0, run.output
    assert run.result["words"]["tls_key"] == str(tmp_path / "shop.key")
    assert site.key_pem.splitlines()[1][:20] not in run.output + str(run.result)
    run = play(*options, *vault, "-e", "app_domain=other.example.com")
    assert run.code == 2
    assert (
        f"tls_certificate {tmp_path}/shop.pem is not for other.example.com; it is for shop.example.com." in run.output
    )
    run = play(*options)
    assert run.code == 2
    assert f"tls_key {tmp_path}/shop.key cannot be read: it is no text, or a vault that cannot be opened" in run.output
