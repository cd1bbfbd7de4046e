r"""Options of the test of the README's section "Only the templates"; it needs a throwaway host.

pytest tests/templates_only --inventory molecule/default/hosts --inventory molecule/shared/inventory \
    --host asgiway-default
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("templates_only", "the host to put the README's site on")
    group.addoption("--inventory", action="append", default=[], help="inventory that knows the host (may be repeated)")
    group.addoption("--host", help="name of a throwaway host; its port 80 and the name `shop` must be free (required)")


def pytest_configure(config: pytest.Config) -> None:
    if not (config.getoption("inventory", None) and config.getoption("host", None)) and not config.option.help:
        raise pytest.UsageError("tests/templates_only needs a throwaway host; say which: --inventory FILE --host NAME")
