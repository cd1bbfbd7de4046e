"""A run's phases: which task belongs to which, and that a run prints them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.asgiway.django.plugins.callback import phases

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Begin
      ansible.builtin.import_tasks: one.yml
    - block:
        - name: Go on
          ansible.builtin.include_tasks: two.yml
        - name: Never
          ansible.builtin.import_tasks: one.yml
          when: false
    - name: Alone
      ansible.builtin.debug: {msg: done}
"""
NESTED = "- {name: Deeper, ansible.builtin.import_tasks: wait.yml}\n"
WAIT = "- {name: Wait, ansible.builtin.pause: {seconds: 1}}\n"
NOTHING = "- {name: Say, ansible.builtin.debug: {msg: hello}}\n"


@pytest.fixture
def output(tmp_path: Path) -> str:
    """What a run prints in the end."""
    files = {"play.yml": PLAYBOOK, "one.yml": NOTHING, "two.yml": NESTED, "wait.yml": WAIT}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "play.yml"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_CALLBACKS_ENABLED": "asgiway.django.phases", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout[done.stdout.index("PLAY RECAP") :]


def test_a_run_says_how_long_its_phases_took(output: str) -> None:
    found = {name: float(seconds) for seconds, name in re.findall(r"^ *([0-9.]+) s  (.+)$", output, re.M)}
    assert found["Go on"] >= 1, "what an include has imported belongs to the include"
    assert not {"Deeper", "Wait", "Alone"} & set(found), output
    assert found["altogether"] >= found["Go on"]


def test_a_phase_of_no_time_has_no_line() -> None:
    lines = phases.table({"": 3.0, "Validate": 1.25, "Provision": 0.05, "Build": 12.0}, 16.3)
    assert lines == ["    1.2 s  Validate", "   12.0 s  Build", "   16.3 s  altogether"]


def test_the_filters_are_there_before_the_first_task() -> None:
    """In a process of its own, where nothing else has loaded them."""
    module = "ansible_collections.asgiway.django.plugins.filter.servers"
    script = (
        "import sys; from ansible.plugins.loader import init_plugin_loader; init_plugin_loader()\n"
        "from ansible_collections.asgiway.django.plugins.callback import phases\n"
        f"before = {module!r} in sys.modules; phases.load(); print(before, {module!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
