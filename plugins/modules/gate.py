#!/usr/bin/python
"""Ansible module: check a new release over its own Unix sockets before any visitor reaches it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gate
short_description: Check a new release over its own Unix sockets
version_added: 1.0.0
author: [Asgiway contributors]
description:
  - Asks every HTTP socket of a release for several good answers in a row, with the Host and X-Forwarded-Proto that
    visitors' requests will have, and every WebSocket socket for a real handshake and a frame.
  - Holds one WebSocket idle and talks over it again, since some set-ups cut idle ones after 5 seconds. Not where a
    release was held before of which nothing differs that decides about it (O(idle_proofs)).
  - A socket that is missing or refuses is waited for. A refusal names the check, what came back and the
    application's last log lines.
options:
  http_sockets:
    description: Paths of the Unix sockets that speak HTTP.
    type: list
    elements: str
    default: []
  ws_sockets:
    description: Paths of the Unix sockets that speak WebSocket.
    type: list
    elements: str
    default: []
  host:
    description: Host header, as a visitor sends it (with the port where it is not the scheme's own).
    type: str
    default: localhost
  scheme:
    description: Goes to X-Forwarded-Proto and into the WebSocket's Origin.
    type: str
    choices: [http, https]
    default: http
  health_path:
    description:
      - Path that must answer 2xx. Redirects are not followed.
      - Empty means C(/), where any answer below 500 other than 400 is good.
    type: str
    default: ''
  release:
    description: When the JSON answer of O(health_path) has a C(release), it must be this one. Empty for any.
    type: str
    default: ''
  websocket_path:
    description:
      - Path of a WebSocket that accepts everybody.
      - Empty means the one that O(probe) finds. Of that one the application may also refuse the handshake (a 4xx) or
        close with a code of its own, since nobody said that it is for everybody.
    type: str
    default: ''
  websocket_message:
    description:
      - Text that is sent after the handshake to O(websocket_path). Empty sends nothing and waits for a frame.
    type: str
    default: ping
  consecutive:
    description: Good answers in a row that each HTTP socket must give.
    type: int
    default: 3
  idle_seconds:
    description: Seconds for which one WebSocket is held idle; 0 turns it off.
    type: float
    default: 6.5
  idle_files:
    description:
      - Files that decide how an idle WebSocket fares, beside what O(probe) finds loaded; C(*) may stand in a name. The
        name of the release is taken out of their names and contents.
    type: list
    elements: path
    default: []
  idle_proofs:
    description: RV(idle_proof) of releases that have been held idle. Without O(probe) none counts.
    type: list
    elements: str
    default: []
  timeout:
    description: Bound in seconds for everything but O(idle_seconds).
    type: int
    default: 60
  probe:
    description:
      - Command that asks the release from inside (asgiway_runtime.probe). It sends a message through the channel layer,
        and prints in its last line a JSON object with C(release), C(channel_layer), C(websocket_path) and
        C(fingerprint).
    type: list
    elements: str
    default: []
  answered:
    description:
      - What O(probe) would print, where the same run has asked that release already (asgiway_runtime.check). It counts
        for the release that it names, and no command is run then.
    type: dict
    default: {}
  alive:
    description:
      - Command that prints the states of the release's processes, for instance
        C(systemctl show --property=Id,ActiveState,NRestarts UNIT...) or C(supervisorctl status PROGRAM:*).
      - A process seen as failed, inactive, FATAL, EXITED or STOPPED twice, or restarted 3 times, ends the wait early.
    type: list
    elements: str
    default: []
  log_command:
    description: Command whose last 30 lines go into the message of a refusal.
    type: list
    elements: str
    default: []
  log_files:
    description:
      - Files whose last 30 lines go into the message of a refusal; C(*) and C(?) may stand in a name.
      - Of many only the 3 that were written last are shown.
    type: list
    elements: path
    default: []
requirements:
  - websockets >= 13, in the Python that runs the module, when there are O(ws_sockets)
attributes:
  check_mode:
    description: Nothing is checked in check mode, for there is no new release to ask.
    support: full
"""

EXAMPLES = r"""
- name: Check the new release before visitors reach it
  asgiway.django.gate:
    http_sockets: [/run/shop/3f9c2a41b07d/asgi-1.sock]
    ws_sockets: [/run/shop/3f9c2a41b07d/asgi-1.sock]
    host: shop.example.com
    scheme: https
    health_path: /healthz
    websocket_path: /ws/echo/
    release: 3f9c2a41b07d
    alive: [systemctl, show, '--property=Id,ActiveState,NRestarts', shop-3f9c2a41b07d-asgi@1]
    log_command: [journalctl, --no-pager, -o, cat, -n, '30', -u, 'shop-3f9c2a41b07d-*']
  vars:
    ansible_python_interpreter: /opt/asgiway/bin/python
"""

RETURN = r"""
checks:
  description: One entry per check, in the order in which they ran; the last one is the refused one.
  type: list
  elements: dict
  returned: always
  sample: [{name: GET /healthz over /run/shop/3f9c2a41b07d/asgi-1.sock, ok: true, detail: status 200, seconds: 0.12}]
idle_proof:
  description: A checksum of what decides how an idle WebSocket fares, where one was held, now or before; else empty.
  type: str
  returned: when nothing is refused
"""

import glob
import hashlib
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.asgiway.django.plugins.module_utils.gate_checks import (
    Check,
    Outcome,
    Refused,
    Site,
    dead,
    repeat,
)
from ansible_collections.asgiway.django.plugins.module_utils.gate_http import get_once
from ansible_collections.asgiway.django.plugins.module_utils.gate_websocket import websocket_once

LOG_LINES = 30
LOG_FILES = 3
PROBE = "channel layer through the project's own settings"

Run = Callable[[list[str]], str]
Ask = Callable[[list[str]], tuple[int, str, str]]


def crash_watch(command: list[str], run: Run) -> Callable[[], str]:
    """Return a function that says why the processes are dead: seen twice, at most asked once a second."""
    state = {"next": 0.0, "seen": 0}

    def crashed() -> str:
        if not command or time.monotonic() < state["next"]:
            return ""
        state["next"] = time.monotonic() + 1
        why = dead(run(command))
        state["seen"] = state["seen"] + 1 if why else 0
        return why if state["seen"] >= 2 else ""

    return crashed


def probe(params: dict[str, Any], ask: Ask) -> tuple[Check, str, str]:
    """Ask the release from inside; return the check, the WebSocket path and the fingerprint, or raise Refused."""
    started = time.monotonic()
    answer: dict[str, Any] = params["answered"]
    code, out, err = 0, "", ""
    try:
        if not answer or answer.get("release") != params["release"]:
            code, out, err = ask(params["probe"])
            answer = json.loads(out.splitlines()[-1]) if code == 0 else {}
        detail, path = str(answer["channel_layer"]), str(answer["websocket_path"])
        loaded = str(answer.get("fingerprint", ""))  # a release of an earlier runtime has none
    except (IndexError, ValueError, KeyError, TypeError):
        last = "\n".join((err or out).rstrip().splitlines()[-15:])
        raise Refused(Check(PROBE, False, last or f"exit code {code}", round(time.monotonic() - started, 2))) from None
    return Check(PROBE, True, detail, round(time.monotonic() - started, 2)), path, loaded


def proof_of(params: dict[str, Any], loaded: str) -> str:
    """Return a checksum (hex) of all that decides how an idle WebSocket fares, '' when nobody knows what is loaded."""
    if not loaded:
        return ""
    release = params["release"] or "-"
    files = {
        name.replace(release, ""): Path(name).read_text("utf-8", "replace").replace(release, "")
        for pattern in params["idle_files"]
        for name in glob.glob(pattern)  # noqa: PTH207 - patterns are absolute, and Path.glob takes relative ones only
    }
    words = ("host", "scheme", "websocket_path", "websocket_message", "idle_seconds")
    whole = [loaded, files, [params[word] for word in words]]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]


def tolerant(path: str, site: Site, timeout: float, idle: float = 0.0) -> Outcome:
    """Ask a WebSocket path that nobody vouched for: what the application chose to refuse is an answer, too."""
    outcome = websocket_once(path, site, timeout, idle)
    return replace(outcome, kind="good") if outcome.chosen else outcome


def run_checks(params: dict[str, Any], run: Run, ask: Ask) -> Iterator[Check]:
    """Yield each passed check; raise Refused at the first one that does not pass."""
    words = ("host", "scheme", "health_path", "release", "websocket_path", "websocket_message")
    site = Site(**{word: params[word] for word in words})
    deadline = time.monotonic() + params["timeout"]
    crashed = crash_watch(params["alive"], run)
    for path in params["http_sockets"]:
        name = f"GET {site.health_path or '/'} over {path}"
        yield repeat(name, partial(get_once, path, site), params["consecutive"], deadline, crashed)
    speak, loaded = websocket_once, ""
    if params["probe"]:
        check, found, loaded = probe(params, ask)
        yield check
        if not site.websocket_path:
            site, speak = replace(site, websocket_path=found, websocket_message=""), tolerant
    if not site.websocket_path:
        return
    for path in params["ws_sockets"]:
        name = f"WebSocket {site.websocket_path} over {path}"
        yield repeat(name, partial(speak, path, site), 1, deadline, crashed)
    idle = params["idle_seconds"]
    for path in params["ws_sockets"][:1] if idle else []:
        name = f"WebSocket {site.websocket_path} idle for {idle:g} s over {path}"
        proof = proof_of(params, loaded)
        if proof and proof in params["idle_proofs"]:
            yield Check(name, True, "proved by a release before, and nothing that decides about it differs", 0.0, proof)
            continue
        # once: a second try would only hide that the first visitor is cut
        started = time.monotonic()
        outcome = speak(path, site, 10.0, idle)
        check = Check(name, outcome.kind == "good", outcome.detail, round(time.monotonic() - started, 2), proof)
        if not check.ok:
            raise Refused(check, outcome.hint)
        yield check


def newest(patterns: list[str]) -> list[str]:
    """Return the files that the patterns match, the one written last first, no more than LOG_FILES of them."""
    # patterns are absolute, and Path.glob takes relative ones only
    found = {name for pattern in patterns for name in glob.glob(pattern) if Path(name).is_file()}  # noqa: PTH207
    return sorted(found, key=lambda name: Path(name).stat().st_mtime, reverse=True)[:LOG_FILES]


def last_lines(command: list[str], files: list[str], run: Run) -> str:
    """Return the last lines of the application's log; what cannot be read is left out."""
    parts = []
    if command:
        parts.append((" ".join(command), run(command)))
    for name in newest(files):
        try:
            with Path(name).open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - 65536))
                parts.append((name, log.read().decode("utf-8", "replace")))
        except OSError:
            continue
    shown = []
    for title, text in parts:
        lines = text.rstrip().splitlines()[-LOG_LINES:]
        if lines:
            shown.append(f"Last lines of {title}:\n" + "\n".join(f"  {line}" for line in lines))
    return "\n".join(shown)


def has_websockets() -> bool:
    """Say whether the WebSocket client library can be imported."""
    return importlib.util.find_spec("websockets") is not None


def refuse_bad_input(params: dict[str, Any]) -> str:
    """Return a sentence about an impossible option, or ''."""
    for word in ("health_path", "websocket_path"):
        if params[word] and not params[word].startswith("/"):
            return f"gate: {word} is '{params[word]}', it must start with /."
    if params["consecutive"] < 1 or params["timeout"] < 1 or params["idle_seconds"] < 0:
        return "gate: consecutive and timeout must be at least 1, and idle_seconds not negative."
    if (params["websocket_path"] or params["probe"]) and params["ws_sockets"] and not has_websockets():
        return "gate: the Python that runs the gate lacks the library 'websockets', which the WebSocket check needs."
    return ""


def main() -> None:
    """Run the module."""
    lists = {
        name: {"type": "list", "elements": kind, "default": []}
        for name, kind in (
            ("http_sockets", "str"),
            ("ws_sockets", "str"),
            ("alive", "str"),
            ("log_command", "str"),
            ("probe", "str"),
            ("idle_proofs", "str"),
            ("idle_files", "path"),
            ("log_files", "path"),
        )
    }
    module = AnsibleModule(
        argument_spec={
            **lists,
            "host": {"type": "str", "default": "localhost"},
            "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
            "health_path": {"type": "str", "default": ""},
            "release": {"type": "str", "default": ""},
            "websocket_path": {"type": "str", "default": ""},
            "websocket_message": {"type": "str", "default": "ping"},
            "consecutive": {"type": "int", "default": 3},
            "idle_seconds": {"type": "float", "default": 6.5},
            "timeout": {"type": "int", "default": 60},
            "answered": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, checks=[], msg="gate: nothing is asked in check mode.")
    if problem := refuse_bad_input(module.params):
        module.fail_json(msg=problem, checks=[])

    def ask(command: list[str]) -> tuple[int, str, str]:
        try:
            code, out, err = module.run_command(command, errors="replace", handle_exceptions=False)
        except OSError as error:
            return 127, "", f"({command[0]} cannot be run: {error.strerror})"
        return int(code), str(out), str(err)

    def run(command: list[str]) -> str:
        _, out, err = ask(command)
        return out or err

    checks: list[dict[str, Any]] = []
    try:
        for check in run_checks(module.params, run, ask):
            checks.append(check.as_dict())
    except Refused as refused:
        log = last_lines(module.params["log_command"], module.params["log_files"], run)
        checks.append(refused.check.as_dict())
        module.fail_json(msg=str(refused) + (f"\n{log}" if log else ""), checks=checks)
    module.exit_json(changed=False, checks=checks, idle_proof=next(filter(None, (one["proof"] for one in checks)), ""))


if __name__ == "__main__":
    main()
