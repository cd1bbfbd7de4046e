"""The checksums of what a deploy depends on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import inputs
from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import parse_spec

ROOT = Path(__file__).resolve().parents[2]
WIRING: dict[str, Any] = yaml.safe_load((ROOT / "playbooks/roles/wiring/vars/main.yml").read_text())
SPEC = parse_spec(yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text()))
EARLY_ROLES = ("host_", "redis_", "postgresql_", "tls_", "firewall_", "nginx_")
CHOOSE_ROLES = {"channel_layer", "database", "manage_firewall"}  # whether a role is gone through at all


def test_the_order_of_keys_does_not_count_and_the_values_do() -> None:
    assert inputs.checksum({"a": 1, "b": [2]}) == inputs.checksum({"b": [2], "a": 1})
    assert inputs.checksum({"a": 1}) != inputs.checksum({"a": 2})


def test_the_content_of_named_files_counts(tmp_path: Path) -> None:
    (tmp_path / "shop.pem").write_text("one")
    values = ["shop.pem", {"x": ["nowhere.pem", 5, None]}, "a\0b", "~nobody-of-that-name/x"]
    before = inputs.files(values, [tmp_path])
    assert len(before) == 1
    (tmp_path / "shop.pem").write_text("two")
    assert inputs.files(values, [tmp_path]) != before


def test_every_directory_of_the_kit_counts(tmp_path: Path) -> None:
    for name in inputs.KIT:
        (tmp_path / name).mkdir()
    seen = {inputs.kit(tmp_path)}
    for name in inputs.KIT:
        (tmp_path / name / "main.yml").write_text(name)
        seen.add(inputs.kit(tmp_path))
    assert len(seen) == 1 + len(inputs.KIT)
    assert {path.name for path in ROOT.iterdir()} >= set(inputs.KIT)


def early_words() -> set[str]:
    """Return the words that the wiring of the roles in front of a release leads to."""
    todo, seen, found = [name for name in WIRING if name.startswith(EARLY_ROLES)], set(), set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            text = str(WIRING[name])
            found |= set(re.findall(r"__words\.(\w+)", text)) | ({"build_env"} & set(re.findall(r"\w+", text)))
            todo += [other for other in re.findall(r"\w+", text) if other in WIRING]
    return found


def test_late_words_are_those_that_provisioning_does_not_depend_on() -> None:
    """One too many, and a change of it would not reach the host; one too few, and it costs half a minute."""
    steering = {name for name, word in SPEC.words.items() if word.only}
    assert set(SPEC.late) == set(SPEC.words) - early_words() - CHOOSE_ROLES - steering
