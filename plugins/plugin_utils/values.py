"""Strict types: a value, or the text of -e, in the type of its word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import COMMAND, Word, WordsError
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import suggest

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
# names that the kit gives to every process itself
KIT_ENV = re.compile(r"ASGIWAY_.*|DJANGO_SETTINGS_MODULE")
SHOWN = 80  # characters of a value in a message


def show(value: Any) -> str:
    """Write a value for a message: short, printable, without the password of a URL."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, (list, tuple, set)):
        return "a list"
    try:
        text = str(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a very long number"
    text = re.sub(r"//[^/\s]*@", "//***@", text)
    text = "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


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
    return _CASTS[word.type](word, value, command)


def try_word(word: Word, command: str) -> str:
    """Return the end of a sentence that types the command with the word's example."""
    if word.example is None or isinstance(word.example, (list, dict)):
        return ""
    return f" Try: {command} -e {word.name}={show(word.example)}"


def _cast_int(word: Word, value: Any, command: str) -> int:
    number: int | None = None
    text = _scalar(value)
    if text is not None and not isinstance(value, float) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text):
        number = int(text)
    low, high = word.minimum, word.maximum
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        unit = f" of {word.unit}" if word.unit else ""
        limits = f" from {low} to {high}" if low is not None and high is not None else ""
        raise WordsError(
            f"{word.name} is {show(value)}; it must be a whole number{unit}{limits}.{try_word(word, command)}"
        )
    return number


def _cast_bool(word: Word, value: Any, command: str) -> bool:
    text = show(value).lower() if isinstance(value, (bool, int, str)) else ""
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise WordsError(f"{word.name} is {show(value)}; it must be true or false.{try_word(word, command)}")


def _cast_str(word: Word, value: Any, command: str) -> str:
    text = _scalar(value)
    if text is None:
        raise WordsError(f"{word.name} is {show(value)}; it must be text.{try_word(word, command)}")
    _check_text(word, text, f"{word.name} is {show(text)}", command)
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
    if word.pattern and not re.fullmatch(word.pattern, text, re.ASCII):
        raise WordsError(f"{subject}; it must be {word.meaning or word.pattern}.{try_word(word, command)}")
    if text in word.reserved:
        raise WordsError(f"{subject}, a name that the system uses itself; choose another.{try_word(word, command)}")


def _cast_list(word: Word, value: Any, command: str) -> list[str]:
    if isinstance(value, str):
        value = _from_text(value)
    if not isinstance(value, (list, tuple)):
        raise WordsError(f"{word.name} is {show(value)}; it must be a list, as in {_as_json(word)}")
    result = []
    for item in value:
        text = _scalar(item)
        if text is None:
            raise WordsError(f"{word.name} holds {show(item)}; each element must be text, as in {_as_json(word)}")
        _check_text(word, text, f"{word.name} holds {show(text)}", command)
        result.append(text)
    return result


def _cast_dict(word: Word, value: Any, command: str) -> dict[str, str]:
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
    return f"-e '{json.dumps({word.name: word.example})}'"


_CASTS: dict[str, Callable[[Word, Any, str], Any]] = {
    "str": _cast_str,
    "path": _cast_str,
    "int": _cast_int,
    "bool": _cast_bool,
    "list": _cast_list,
    "dict": _cast_dict,
}
