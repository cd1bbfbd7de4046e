"""The roles' templates are links into templates/, and each template says truly what it reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import jinja2.meta
import jinja2.nodes
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").glob("*/*.j2"))
ROLES_WITH_TEMPLATES = sorted({path.parent.name for path in TEMPLATES})


def test_only_roles_with_templates_have_a_folder_of_them() -> None:
    assert sorted(path.parent.name for path in (ROOT / "roles").glob("*/templates")) == ROLES_WITH_TEMPLATES


@pytest.mark.parametrize("role", ROLES_WITH_TEMPLATES)
def test_a_roles_templates_are_exactly_relative_links_to_the_real_files(role: str) -> None:
    links = {
        path.name: str(path.readlink()) if path.is_symlink() else "not a link"
        for path in (ROOT / "roles" / role / "templates").iterdir()
    }
    assert links == {
        path.name: f"../../../templates/{role}/{path.name}" for path in TEMPLATES if path.parent.name == role
    }


def test_no_link_of_the_tree_dangles_or_leads_to_a_directory() -> None:
    # a collection is installed without links to directories
    links = [
        path
        for part in ("roles", "templates", "playbooks", "plugins")
        for path in (ROOT / part).rglob("*")
        if path.is_symlink()
    ]
    assert links
    assert [str(path) for path in links if not path.is_file()] == []


def header(path: Path) -> str:
    """Return a template's comment; empty when it has none."""
    found = re.search(r"\{#-? (Purpose:.*?)-?#\}", path.read_text(), re.S)
    return found[1] if found else ""


def read(path: Path) -> set[str]:
    """Return the variables that a template and what it includes read."""
    environment = jinja2.Environment()  # only parses
    tree = environment.parse(path.read_text())
    environment.filters.update({node.name: str for node in tree.find_all(jinja2.nodes.Filter)})
    names = jinja2.meta.find_undeclared_variables(tree) - {"ansible_managed"}
    for included in jinja2.meta.find_referenced_templates(tree):
        assert included, "a template's name is computed"
        names |= read(path.parent / included)
    return names


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_lists_what_it_reads(path: Path) -> None:
    text = header(path)
    assert text.startswith("Purpose:") and "Inputs:" in text
    inputs = text.split("Inputs:")[1].split("Outside of the kit:")[0]
    assert set(re.findall(rf"\b(?:__)?{path.parent.name}_\w+", inputs)) == read(path)


def test_the_links_survive_a_build_and_an_installation_as_a_collection(tmp_path: Path) -> None:
    def galaxy(*arguments: str) -> None:
        # without the checkout's own place in the venv, which would count as installed
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}
        program = Path(sys.executable).parent / "ansible-galaxy"
        subprocess.run([program, "collection", *arguments], check=True, cwd=ROOT, env=environment, capture_output=True)

    galaxy("build", "--output-path", str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    galaxy("install", "--no-deps", "--offline", "--collections-path", str(tmp_path / "path"), str(archive))
    installed = tmp_path / "path/ansible_collections/asgiway/django"
    texts = {path: (installed / path.relative_to(ROOT)).read_text() for path in (ROOT / "roles").glob("*/templates/*")}
    assert texts == {path: path.read_text() for path in texts}
    assert not (installed / ".venv").exists()
