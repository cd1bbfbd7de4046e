"""Strict types: a value, or the text of -e, in the type of its word."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils import background, commands, laid_files
from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, Word, WordsError
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import show, suggest

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
# names that the kit gives to every process itself
KIT_ENV = re.compile(r"ASGIWAY_.*|DJANGO_SETTINGS_MODULE")
# what the dictionaries of a format hold is checked by
DICTIONARIES: Mapping[str, Callable[[Any, str], Any]] = {
    "processes": background.process_entries,
    "schedules": background.schedule_entries,
    "files": laid_files.check_entries,
}


def _scalar(value: Any) -> str | None:
    """Return text or a number as plain text, and None for anything else (true and false have several spellings)."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return str(value)
    except ValueError:  # more than 4300 digits
        return None


def cast(word: Word, value: Any, command: str = COMMAND) -> Any:
    """Return the value in the word's type; text from the command line counts when it is written like that type.

    Raises:
        WordsError: with the sentence to show. Values of a secret word are never in it.
    """
    if word.environment:
        return _cast_environment(word, value, command)
    return _CASTS[word.type](word, value, command)


def try_word(word: Word, command: str) -> str:
    """Return the end of a sentence that types the command with the word's example."""
    untypable = (list, dict, bool) if word.native else (list, dict)
    if word.example is None or word.secret or isinstance(word.example, untypable):
        return ""
    return f" Try: {command} -e {word.name}={show(word.example)}"


def _is(word: Word, value: Any) -> str:
    """Return the beginning of a sentence; a secret's value is never in it."""
    return (
        f"{word.name} has a wrong value (it is secret and not shown)"
        if word.secret
        else f"{word.name} is {show(value)}"
    )


def _refused(word: Word, value: Any, command: str) -> WordsError:
    return WordsError(f"{_is(word, value)}; it must be {word.allowed}.{try_word(word, command)}")


def _within(word: Word, number: float) -> bool:
    low, high = word.minimum, word.maximum
    return (low is None or number >= low) and (high is None or number <= high)


def _cast_int(word: Word, value: Any, command: str) -> int:
    text = _scalar(value)
    if text is not None and not isinstance(value, float) and re.fullmatch("[+-]?[0-9]{1,18}", text.strip()):
        number = int(text.strip())  # int() itself strips less: no \x1f
        if _within(word, number):
            return number
    raise _refused(word, value, command)


def _cast_float(word: Word, value: Any, command: str) -> float:
    text = _scalar(value)
    if text is not None and re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", text.strip()):
        number = float(text.strip())
        if _within(word, number):
            return number
    raise _refused(word, value, command)


def _cast_bool(word: Word, value: Any, command: str) -> bool:
    if word.native and not isinstance(value, bool):
        if show(value).lower() in TRUE + FALSE:
            written = f"as JSON, -e '{json.dumps({word.name: show(value).lower() in TRUE})}', or YAML"
            raise WordsError(f"{_is(word, value)} as text, which would count as true; write true or false {written}.")
        raise _refused(word, value, command)
    text = show(value).lower() if isinstance(value, (bool, int, str)) else ""
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise _refused(word, value, command)


def _cast_str(word: Word, value: Any, command: str) -> str:
    text = _scalar(value)
    if text is None:
        raise WordsError(f"{_is(word, value)}; it must be text.{try_word(word, command)}")
    _check_text(word, text, _is(word, text), command)
    return text


def _check_text(word: Word, text: str, subject: str, command: str) -> None:
    if word.choices and text not in word.choices:
        near = suggest(text, word.choices, 0.6)
        meant = f"; did you mean {near}?" if near else ";"
        one = "One" if near else "one"
        example = f" Try: {command} -e {word.name}={near or word.choices[0]}"
        raise WordsError(f"{subject}{meant} {one} of: {', '.join(word.choices)}.{example}")
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise WordsError(f"{subject}; it must be one line of text without control characters.{try_word(word, command)}")
    wrong = word.pattern and not re.fullmatch(word.pattern, text, re.ASCII)
    if wrong or (word.format and not _FORMATS[word.format](text)):
        raise WordsError(f"{subject}; it must be {word.meaning or word.pattern}.{try_word(word, command)}")
    if text in word.reserved and command != word.unreserved_for:
        raise WordsError(f"{subject}, a name that the system uses itself; choose another.{try_word(word, command)}")


def _is_network(text: str) -> bool:
    try:
        # an IPv6 scope (fe80::1%eth0) is nothing that nginx knows
        return bool(ipaddress.ip_network(text, strict=False)) and "%" not in text
    except ValueError:
        return False


def _is_ports(text: str) -> bool:
    """Tell whether it is as nftables reads it: 80/tcp, 443/udp, 60000-61000/udp."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?/(tcp|udp)", text, re.ASCII)
    if not found:
        return False
    first, last = int(found[1]), int(found[2] or 65535)
    return first <= 65535 and last <= 65535 and (first < last or not found[2])


def _cast_list(word: Word, value: Any, command: str) -> list[Any]:
    items = _from_text(value) if isinstance(value, str) and not word.native else value
    if not isinstance(items, (list, tuple)):
        raise WordsError(f"{_is(word, value)}; it must be a list, as in {_as_json(word)}")
    result: list[Any] = []
    for item in items:
        holds = _is(word, item) if word.secret else f"{word.name} holds {show(item)}"
        if word.elements == "dict":
            if not isinstance(item, Mapping):
                raise WordsError(f"{holds}; each element must be a dictionary.")
            result.append(_cast_mapping(word, item, command))
            continue
        if word.elements == "raw" and isinstance(item, Mapping):
            _check_text(word, _command_of(word, item), holds, command)
            result.append(dict(item))
            continue
        text = _scalar(item)
        if text is None:
            raise WordsError(f"{holds}; each element must be text, as in {_as_json(word)}")
        _check_text(word, text, holds, command)
        result.append(text)
    return result


def _command_of(word: Word, entry: Mapping[Any, Any]) -> str:
    try:
        return commands.check_command(entry, word.name)
    except ValueError as error:
        raise WordsError(f"{error}" + ("" if f"{error}".endswith("?") else ".")) from error


def _cast_mapping(word: Word, value: Any, command: str) -> dict[str, Any]:
    """Check a dictionary, and its keys where they are declared."""
    if not isinstance(value, Mapping):
        raise WordsError(f"{_is(word, value)}; it must be {word.allowed}, as in {_as_json(word)}")
    if word.format in DICTIONARIES:
        try:
            DICTIONARIES[word.format](value, word.name)
        except ValueError as error:
            raise WordsError(f"{error}".removesuffix(".") + ("" if f"{error}".endswith("?") else ".")) from error
    for key in value:
        if not isinstance(key, str) or (word.options and key not in word.options):
            keys = f"one of: {', '.join(word.options)}" if word.options else "text"
            raise WordsError(f"{word.name} has the key {show(key)}; a key must be {keys}.")
    for key, option in word.options.items():
        if key in value:
            cast(option, value[key], command)
        elif option.required:
            raise WordsError(f"{word.name} lacks the key {key}, {option.allowed}.")
    return dict(value)


def _cast_environment(word: Word, value: Any, command: str) -> dict[str, str]:
    """Check environment variables; only their names may reach a message."""
    # no text: a secret is not in the result, so the playbook reads the variable itself, as it was given
    if not isinstance(value, Mapping):
        raise WordsError(f"{word.name} must be a dictionary, as in {_as_json(word)}")
    result = {}
    for number, (key, item) in enumerate(value.items(), start=1):
        if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            raise WordsError(
                f"{word.name}: name number {number} is not the name of an environment variable;"
                " use letters, digits and _, the first not a digit"
            )
        if KIT_ENV.fullmatch(key):
            other = "set app_settings instead" if key == "DJANGO_SETTINGS_MODULE" else "choose another name"
            raise WordsError(f"{word.name} sets {key}, which the kit sets itself; {other}")
        text = _scalar(item)
        if text is None:
            raise WordsError(f"{word.name}: the value of {key} must be text or a number; put it in quotes")
        if any(char == "\0" or 0xD800 <= ord(char) < 0xE000 for char in text):
            raise WordsError(f"{word.name}: the value of {key} has characters that no environment can hold")
        result[str(key)] = text
    return result


def _from_text(text: str) -> Any:
    """Read 'a,b' and '[a, b]', as -e name=value gives them as plain text."""
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return yaml.safe_load(stripped)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # PyYAML lets its constructors' errors through, as for [!!bool x]


def _as_json(word: Word) -> str:
    """Return the option of the command line that gives the example, or something of the right kind."""
    example = word.example or word.default
    if not isinstance(example, (list, dict)):
        example = ["..."] if word.type == "list" else {"...": "..."}
    return f"-e '{json.dumps({word.name: example})}'"


_FORMATS = {"network": _is_network, "ports": _is_ports}
_CASTS: dict[str, Callable[[Word, Any, str], Any]] = {
    "str": _cast_str,
    "path": _cast_str,
    "int": _cast_int,
    "float": _cast_float,
    "bool": _cast_bool,
    "list": _cast_list,
    "dict": _cast_mapping,
    "raw": lambda _word, value, _command: value,
}
