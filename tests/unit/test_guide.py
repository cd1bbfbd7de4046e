"""What ./asgiway help prints."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from ansible_collections.asgiway.django.plugins.lookup import guide as lookup
from ansible_collections.asgiway.django.plugins.plugin_utils import declaration, guide

ROOT = Path(__file__).resolve().parents[2]
KNOWN = guide.read_guide(ROOT)


def about(name: str, width: int = 80) -> str:
    return guide.answer(name, KNOWN, width)


def test_a_word_is_explained() -> None:
    assert (
        about("gate_seconds")
        == """\
gate_seconds: a whole number, a word

  How long a new release may take until it answers well; after that the old one
  stays live.

  default   60
  allowed   a whole number of seconds from 5 to 600
  set it    with -e, or in the inventory under the same name
  example   ./asgiway deploy -e gate_seconds=60
            gate_seconds: 60
"""
    )


def test_a_variable_of_a_role_is_explained() -> None:
    text = about("nginx_request_timeout")
    assert text.startswith("nginx_request_timeout: a whole number, a variable of the role nginx\n")
    assert "\n  allowed   a whole number of seconds from 1 to 3600\n" in text
    assert "\n  example   ./asgiway deploy -e nginx_request_timeout=60\n" in text


def test_a_variable_that_the_playbooks_set_sends_one_to_the_word() -> None:
    text = about("nginx_http_port")
    assert "\n  set it    with http_port: the playbooks make it from that\n" in text
    assert "./asgiway deploy" not in text
    assert "\n  set it    not at all: the playbooks do\n" in about("release_id")


def test_the_server_lists_every_server() -> None:
    text = about("server")
    assert [name for name in KNOWN.servers if f"\n  {name} " not in text] == []
    assert {"hybrid", "daphne", "gunicorn", "A+B"} <= {*KNOWN.servers}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("app_name", "default   none, it must be given"),
        ("app_settings", "default   empty"),
        ("workers", "default   none"),
        ("keep_data", "only for  ./asgiway remove"),
        ("keep_data", "example   ./asgiway remove -e keep_data=true"),
        ("app_env", "secret    it is never shown; keep it in a vault"),
        ("app_env", """example   ./asgiway deploy -e '{"app_env": {"EMAIL_HOST": "mail.example.com"}}'"""),
        ("nginx_refuse_unknown_hosts", """-e '{"nginx_refuse_unknown_hosts": true}'"""),
        ("process_manager", "allowed   one of: auto, systemd, supervisor"),
    ],
)
def test_what_is_said_of_it(name: str, part: str) -> None:
    assert part in about(name)


def test_the_list_holds_every_command_and_every_word() -> None:
    text = about("")
    commands = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - {"deploy.meta"} | {"test"}
    assert [name for name in [*commands, *KNOWN.spec.words] if f"\n  {name}" not in text] == []
    assert "app_server, firewall, host, nginx, " in text


def test_a_role_lists_its_variables() -> None:
    text = about("nginx")
    assert [name for name in KNOWN.roles.specs["nginx"].words if f"\n  {name}" not in text] == []


def test_a_command_is_explained() -> None:
    assert about("remove").startswith("remove: a command\n\n  The app's processes, units, ")
    assert "\n  Words of its own: keep_data\n" in about("remove")
    assert about("sandbox").count("./asgiway sandbox") == 2, "its comment types it"


def test_a_renamed_word_leads_to_the_new_one() -> None:
    spec = declaration.Spec(KNOWN.spec.words, {"port": "http_port"})
    text = guide.answer("port", guide.Guide(spec, KNOWN.roles, {}, {}), 80)
    assert text.startswith("port is now called http_port.\n\nhttp_port: ")


@pytest.mark.parametrize(
    ("name", "near"), [("sevrer", "server"), ("nginx_reqest_timeout", "nginx_request_timeout"), ("deplyo", "deploy")]
)
def test_an_unknown_name_suggests(name: str, near: str) -> None:
    with pytest.raises(
        declaration.WordsError, match=rf"^{name} is neither .* did you mean {near}\? Try: .* help {near}$"
    ):
        about(name)


def test_an_unknown_name_without_a_near_one() -> None:
    with pytest.raises(declaration.WordsError, match=r"a command\. \./asgiway help lists all words and commands$"):
        about("zzzzz\x1b[31m")


@pytest.mark.parametrize("name", ["", "server", "drain_limit", "app_server"])
@pytest.mark.parametrize("width", [60, 80, 100])
def test_prose_keeps_the_width(name: str, width: int) -> None:
    lines = [line for line in about(name, width).splitlines() if line.startswith("  ")]
    longest = max(len(line) for line in lines)
    assert width - 20 < longest <= width


def test_every_name_has_an_answer_in_plain_text() -> None:
    for name in ("", *KNOWN.commands, *KNOWN.spec.words, *KNOWN.roles.specs, *KNOWN.roles.variables):
        assert all(line.isprintable() for line in about(name).splitlines()), name


def test_the_lookup_says_the_same() -> None:
    assert lookup.LookupModule().run(["server"]) == [about("server")]


def test_the_launcher_prints_it_and_fails_for_an_unknown_name(tmp_path: Path) -> None:
    made_from = (ROOT / ".venv/.made-from").read_text()
    stale = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()[:16] not in made_from
    assert not stale, "the launcher would make .venv anew beneath this run; start with ./asgiway test unit"

    def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "asgiway", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )

    done = launch("help", "gate_seconds")
    assert (done.returncode, done.stdout) == (0, about("gate_seconds"))
    assert launch("--help").stdout == about("")
    done = launch("help", "sevrer")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean server?" in done.stderr
    for option in (("--fail-on", "warnings"), ("--fail-on=warnings",)):  # is the word of that name
        done = launch("doctor", *option)
        assert done.returncode == 2 and "fail_on is warnings; did you mean warning? One of: never" in done.stdout
    assert len((ROOT / "asgiway").read_text().splitlines()) <= 80
