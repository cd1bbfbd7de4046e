"""Inventories of any content, through the action itself: a result, or sentences; never a traceback, and no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template
from ansible_collections.asgiway.django.plugins.plugin_utils import words
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from validating import ROOT, SERVERS, validate_words

SPEC = words.parse_spec(yaml.safe_load((ROOT / "playbooks/deploy.meta.yml").read_text()))
ROLES = words.read_roles(str(ROOT / "roles"), str(ROOT / "playbooks"), SPEC.words)
DECLARED = {**SPEC.words, **ROLES.variables}
SECRET = "hunter2"

TEXT = st.text(max_size=8) | st.sampled_from(
    ["", "a,b", "[", "{a: b}", "\x1f1", "٣", "\ud800", "-1", "yes", "~/x", "/"]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 70000) | st.floats() | TEXT | st.just(10**30) | st.dates()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2), max_leaves=4
)
TEMPLATES = st.sampled_from(
    [
        "{{ nothing }}",
        "{{ 1 / 0 }}",
        "{{ ",
        "{% for %}",
        "{{ app_name }}",
        "{{ [1, 2] }}",
        "{{ {'a': none} }}",
        "{{ lookup('nosuch') }}",
    ]
).map(trust_as_template)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def right(word: words.Word) -> st.SearchStrategy[Any]:
    """Return values that the declaration allows."""
    if word.name == "server":
        return st.sampled_from([*SERVERS["engines"], *SERVERS["aliases"], "gunicorn+daphne", "daphne+gunicorn"])
    if word.name == "app_path":
        return st.just(str(ROOT / "sample_app"))
    if word.name == "app_repo":
        return st.just("/nowhere/shop.git")  # nobody beyond this machine is asked
    known = [value for value in (word.default, word.example) if value is not None and "{{" not in str(value)]
    if word.choices:
        return st.sampled_from(word.choices)
    if word.type in ("int", "float"):
        return st.integers(int(word.minimum or 0), int(word.maximum or 99))
    return st.sampled_from(known) if known else st.just("shop")


def said(word: words.Word) -> st.SearchStrategy[Any]:
    if word.secret:
        return st.sampled_from(
            [
                {},
                {"A": SECRET},
                {"A": [SECRET]},
                {"A": {"B": SECRET}},
                SECRET,
                [SECRET],
                {SECRET + "=": 1},
                {"A": SECRET + "\0"},
            ]
        )
    return right(word) | right(word) | ANYTHING | TEMPLATES


def inventories() -> st.SearchStrategy[dict[str, Any]]:
    """Return mixtures of good and bad values, and of misspelt and strange names."""
    declared = st.lists(st.sampled_from(sorted(DECLARED)), max_size=8, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: said(DECLARED[name]) for name in names})
    )
    slips = st.sampled_from(sorted(DECLARED)).map(lambda name: name[:-2] + name[-1:])
    strange = st.dictionaries(slips | st.from_regex(r"[a-z_]{1,12}", fullmatch=True), ANYTHING, max_size=2)
    return st.tuples(strange, declared).map(lambda parts: {**parts[0], **parts[1]})


# shrinking would take minutes; the inventory that failed is printed
@settings(max_examples=40, deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
@given(
    inventory=inventories(),
    extra=inventories(),
    site=st.booleans(),
    ignore=st.sampled_from([[], ["server", "app_path"]]),
    wiring=st.booleans(),
)
def test_an_inventory_gives_a_result_or_sentences(
    inventory: dict[str, Any], extra: dict[str, Any], site: bool, ignore: list[str], wiring: bool
) -> None:
    if site:
        inventory = {"app_name": "shop", "app_path": str(ROOT / "sample_app"), **inventory}
    result = validate_words(inventory, extra, wiring, ignore=ignore)
    assert SECRET not in repr(result)
    if not result.get("failed"):
        assert {*result["words"]} == {name for name, word in SPEC.words.items() if not word.secret}
        return
    message = result["msg"]
    assert "could not be checked" not in message, message
    head, *lines = message.split("\n- ")
    for line in lines or [head]:
        assert line.isprintable(), repr(line)
        assert re.search(r"[a-z]{3,} [a-z]{2,} ", line), f"no sentence: {line!r}"
    assert not lines or head == f"{len(lines)} things to correct, nothing was changed:"


def test_an_error_of_our_own_would_be_seen() -> None:
    result = validate_words({"app_name": "shop"}, servers={"engines": 3})
    assert result["failed"]
    assert "the registry of servers cannot be read" in result["msg"]
