"""The documentation says what the data says, and its links and commands lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import generate_docs  # noqa: E402

DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)


def test_tables_are_what_the_data_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_docs.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_table_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "README.md"
    document.write_text("<!-- table: servers -->\nold\n<!-- end of table -->\n")
    monkeypatch.setattr(generate_docs, "documents", lambda: [document])
    monkeypatch.setattr(generate_docs, "_load", lambda path: yaml.safe_load((ROOT / path).read_text()))
    monkeypatch.setattr(generate_docs, "ROOT", tmp_path)
    assert generate_docs.main(["--check"]) == 1
    assert generate_docs.main([]) == 0
    assert generate_docs.main(["--check"]) == 0


def test_every_role_shows_its_variables() -> None:
    missing = [
        path.parent.name
        for path in ROOT.glob("roles/*/README.md")
        if f"<!-- table: variables:{path.parent.name} -->" not in path.read_text()
    ]
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist(path: Path) -> None:
    known = {file.stem for file in (ROOT / "playbooks").glob("*.yml")} | {"test", "NAME"}
    assert set(re.findall(r"\./asgiway ([A-Za-z]\w*)", path.read_text())) <= known


@pytest.mark.parametrize("path", sorted(ROOT.glob("roles/*/README.md")), ids=lambda path: path.parent.name)
def test_a_roles_examples_name_its_variables(path: Path) -> None:
    role = path.parent.name
    known = yaml.safe_load((path.parent / "meta" / "argument_specs.yml").read_text())["argument_specs"].values()
    options = {name for entry in known for name in entry["options"]}
    examples = re.findall(r"```yaml\n(.*?)```", path.read_text(), re.S)
    assert examples and all(yaml.safe_load(example) for example in examples)
    assert set(re.findall(rf"^\s*({role}_\w+):", "\n".join(examples), re.M)) <= options


def test_the_vault_that_the_inventory_shows_works(tmp_path: Path) -> None:
    inventory = tmp_path / "single"
    shutil.copytree(ROOT / "inventories/single", inventory)
    directory = inventory / "group_vars/all"
    main, vault, password = directory / "main.yml", directory / "vault.yml", tmp_path / "password"
    wanted = re.findall(r"^#     ((?:app_env|database_url): .*)", (directory / "vault.yml.example").read_text(), re.M)
    assert len(wanted) == 2
    main.write_text(main.read_text().replace("app_env: {}", "\n".join(wanted)))
    (directory / "vault.yml.example").rename(vault)
    password.write_text("a throw-away password\n")
    opened = ["--vault-password-file", str(password)]
    subprocess.run(["ansible-vault", "encrypt", *opened, vault], check=True, capture_output=True)
    assert "change-me" not in vault.read_text()
    # `ansible-inventory` shows templates as they are written, so a template asks for the values
    argv: list[str | Path] = [
        "ansible",
        "web1",
        "-i",
        inventory,
        "-c",
        "local",
        "-m",
        "ansible.builtin.debug",
        "-a",
        "msg={{ [app_env, database_url] }}",
    ]
    done = subprocess.run([*argv, *opened], check=True, capture_output=True, text=True)
    assert done.stdout.count("change-me") == 2 and "EMAIL_HOST_PASSWORD" in done.stdout
    assert subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL).returncode != 0


def test_the_inventory_to_fill_in_says_only_words() -> None:
    words = yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text())["argument_specs"]["main"]["options"]
    said = yaml.safe_load((ROOT / "inventories/single/group_vars/all/main.yml").read_text())
    assert set(said) <= set(words)
    assert {name for name, word in words.items() if word.get("required")} <= set(said)
