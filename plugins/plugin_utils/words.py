"""The words of a deploy: their declaration, strict types, the server word, and misspelt names. No Ansible in here.

Every error is one sentence that names the value, what is allowed, and the command to type when there is one.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

COMMAND = "./asgiway deploy"
TYPES = ("str", "path", "int", "bool", "list", "dict")
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
# names that the kit gives to every process itself
KIT_ENV = re.compile(r"ASGIWAY_.*|DJANGO_SETTINGS_MODULE")
SHOWN = 80  # characters of a value in a message


class WordsError(ValueError):
    """A sentence for the user."""


@dataclass(frozen=True)
class Word:
    """One declared word."""

    name: str
    type: str = "str"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    example: Any = None
    minimum: int | None = None
    maximum: int | None = None
    unit: str = ""
    pattern: str = ""
    meaning: str = ""
    reserved: frozenset[str] = frozenset()
    secret: bool = False


@dataclass(frozen=True)
class Spec:
    """All declared words, and old names with the new ones."""

    words: Mapping[str, Word]
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Servers:
    """What the registry says about the server word."""

    engines: tuple[str, ...]
    aliases: Mapping[str, str]
    interfaces: Mapping[str, str]  # engine -> wsgi | asgi
    refused: Mapping[str, str] = field(default_factory=dict)  # word -> why it is no server


def parse_spec(data: Any) -> Spec:
    """Read the content of playbooks/deploy.meta.yml.

    Raises:
        WordsError: when the declaration itself is wrong.
    """
    try:
        main = data["argument_specs"]["main"]
        options, constraints = main["options"], main.get("constraints") or {}
        words = {str(name): _word(str(name), option, constraints.get(name) or {}) for name, option in options.items()}
        renamed = {str(old): str(new) for old, new in (main.get("renamed") or {}).items()}
    except (KeyError, TypeError, AttributeError, re.error) as error:
        raise WordsError(f"the declaration of the words cannot be read ({type(error).__name__}: {error})") from error
    for name in constraints:
        if name not in words:
            raise WordsError(f"the declaration of the words constrains {name}, which it does not declare")
    for old, new in renamed.items():
        if new not in words or old in words:
            raise WordsError(f"the declaration of the words renames {old} to {new}, which does not fit its options")
    return Spec(words, renamed)


def _word(name: str, option: Mapping[str, Any], constraint: Mapping[str, Any]) -> Word:
    kind = str(option.get("type", "str"))
    if kind not in TYPES:
        raise WordsError(f"the declaration of {name} has the type {kind}; known are {', '.join(TYPES)}")
    re.compile(str(constraint.get("pattern", "")))
    return Word(
        name=name,
        type=kind,
        default=option.get("default"),
        required=bool(option.get("required", False)),
        choices=tuple(str(choice) for choice in option.get("choices", ())),
        example=option.get("example"),
        minimum=constraint.get("min"),
        maximum=constraint.get("max"),
        unit=str(constraint.get("unit", "")),
        pattern=str(constraint.get("pattern", "")),
        meaning=str(constraint.get("meaning", "")),
        reserved=frozenset(str(value) for value in constraint.get("reserved", ())),
        secret=bool(option.get("no_log", False)),
    )


# --- values ---------------------------------------------------------------------------------------------------------


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


def _try(word: Word, command: str) -> str:
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
        raise WordsError(f"{word.name} is {show(value)}; it must be a whole number{unit}{limits}.{_try(word, command)}")
    return number


def _cast_bool(word: Word, value: Any, command: str) -> bool:
    text = show(value).lower() if isinstance(value, (bool, int, str)) else ""
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise WordsError(f"{word.name} is {show(value)}; it must be true or false.{_try(word, command)}")


def _cast_str(word: Word, value: Any, command: str) -> str:
    text = _scalar(value)
    if text is None:
        raise WordsError(f"{word.name} is {show(value)}; it must be text.{_try(word, command)}")
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
        raise WordsError(f"{subject}; it must be one line of text without control characters.{_try(word, command)}")
    if word.pattern and not re.fullmatch(word.pattern, text, re.ASCII):
        raise WordsError(f"{subject}; it must be {word.meaning or word.pattern}.{_try(word, command)}")
    if text in word.reserved:
        raise WordsError(f"{subject}, a name that the system uses itself; choose another.{_try(word, command)}")


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


def check_path(value: str, start: str, settings: str = "", command: str = COMMAND) -> str:
    """Return the project's directory as an absolute path.

    Args:
        value: as the user wrote it; ~ and a path relative to `start` are fine.
        start: the directory that the command was started in.
        settings: app_settings; with it manage.py is not needed.

    Raises:
        WordsError: when there is no such directory, or no manage.py in it.
    """
    hint = f"Try: {command} -e app_path=DIRECTORY"
    if not value.strip():
        raise WordsError(f"app_path is empty; give the project's directory. {hint}")
    try:
        path = Path(start, os.path.expanduser(value)).resolve()  # noqa: PTH111  (Path.expanduser raises for ~nobody)
        if not path.exists():
            raise WordsError(f"app_path {show(str(path))} does not exist on this machine. {hint}")
        if not path.is_dir():
            raise WordsError(
                f"app_path {show(str(path))} is a file; give its directory. Try: {command} -e app_path={path.parent}"
            )
        if settings or (path / "manage.py").is_file():
            return str(path)
        below = sorted(found.parent for found in (*path.glob("*/manage.py"), *path.glob("*/*/manage.py")))
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, WordsError):
            raise
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise WordsError(f"app_path {show(value)} cannot be read ({reason}). {hint}") from error
    nested = f" Try: {command} -e app_path={below[0]}" if len(below) == 1 else ""
    raise WordsError(
        f"app_path {show(str(path))} has no manage.py;"
        f" give the directory that holds it, or app_settings=<module>.{nested}"
    )


# --- the server word ------------------------------------------------------------------------------------------------


def parse_servers(data: Any) -> Servers:
    """Read {engines: [...], aliases: {...}, interfaces: {...}, refused: {...}} as a playbook computes it.

    Raises:
        WordsError: when the registry is incomplete.
    """
    try:
        engines = tuple(str(engine) for engine in data["engines"])
        aliases = {str(alias): str(value) for alias, value in (data.get("aliases") or {}).items()}
        interfaces = {str(engine): str(value) for engine, value in data["interfaces"].items()}
        refused = {str(word): " ".join(str(reason).split()) for word, reason in (data.get("refused") or {}).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise WordsError("the registry of servers cannot be read; it needs engines, aliases and interfaces") from error
    for engine in engines:
        if interfaces.get(engine) not in ("wsgi", "asgi"):
            raise WordsError(f"the registry of servers does not say whether {engine} is wsgi or asgi")
    if not engines:
        raise WordsError("the registry of servers is empty")
    return Servers(engines, aliases, interfaces, refused)


def check_server(value: str, servers: Servers, command: str = COMMAND) -> list[str]:
    """Return the engines that a server word stands for: one, or [wsgi engine, asgi engine].

    Raises:
        WordsError: when it names no server, or a pair that cannot work.
    """
    if value in servers.aliases:
        parts = servers.aliases[value].split("+")
        if any(part not in servers.engines for part in parts):
            raise WordsError(
                f"{value} stands for {servers.aliases[value]}, which the registry of servers does not hold"
            )
    else:
        parts = [part.strip() for part in value.split("+")]
    for part in parts:
        if part not in servers.engines:
            raise WordsError(_no_server(value, part, parts, servers, command))
    wsgi, asgi = _by_interface(servers)
    if len(parts) > 2:
        raise WordsError(
            f"{show(value)} has {len(parts)} parts; a server is one engine, or A+B: A for HTTP under WSGI, B for"
            f" WebSockets and async routes under ASGI.{_try_server(_pair(servers), command)}"
        )
    if len(parts) == 2:
        first, second = parts
        if servers.interfaces[first] == "asgi" and servers.interfaces[second] == "wsgi":
            raise WordsError(
                f"{value}: the part before + serves HTTP under WSGI, and {first} speaks ASGI; swap them?"
                f"{_try_server(f'{second}+{first}', command)}"
            )
        if servers.interfaces[first] == "asgi":
            other = f", or put one of {', '.join(wsgi)} before the +" if wsgi else ""
            raise WordsError(
                f"{value}: the part before + serves HTTP under WSGI, and {first} speaks ASGI; {second} alone serves"
                f" HTTP and WebSockets{other}.{_try_server(second, command)}"
            )
        if servers.interfaces[second] == "wsgi":
            need = f"put one of {', '.join(asgi)} after the +, or use" if asgi else "use"
            example = f"{first}+{_pair(servers).partition('+')[2]}" if asgi else first
            raise WordsError(
                f"{value}: nothing in it speaks WebSocket; {need} {first} alone.{_try_server(example, command)}"
            )
    return parts


def _no_server(value: str, part: str, parts: list[str], servers: Servers, command: str) -> str:
    names = sorted({*servers.engines, *servers.aliases})
    pair = _pair(servers)
    allowed = f"One of: {', '.join(names)}" + (f", or A+B such as {pair} (WSGI+ASGI)" if pair else "")
    if part in servers.aliases:
        return (
            f"{show(value)}: {part} already stands for {servers.aliases[part]} and cannot be a part of a pair."
            f"{_try_server(part, command)}"
        )
    if part in servers.refused:
        return f"{show(part)} is no server here: {servers.refused[part]}. {allowed}.{_try_server(names[0], command)}"
    subject = f"{show(part)} is not a server" if part else f"{show(value)} has no server on one side of +"
    if not value:
        subject = "server is empty"
    near = suggest(part, servers.engines if len(parts) > 1 else names, 0.7)
    if near:
        full = "+".join(near if other == part else other for other in parts)
        return f"{subject}; did you mean {near}? {allowed}.{_try_server(full, command)}"
    return f"{subject}. {allowed}.{_try_server(names[0], command)}"


def _by_interface(servers: Servers) -> tuple[list[str], list[str]]:
    names = sorted(servers.engines)
    return (
        [name for name in names if servers.interfaces[name] == "wsgi"],
        [name for name in names if servers.interfaces[name] == "asgi"],
    )


def _pair(servers: Servers) -> str:
    """Return the pair that the first alias recommends, or any."""
    named = (value for value in servers.aliases.values() if all(part in servers.engines for part in value.split("+")))
    wsgi, asgi = _by_interface(servers)
    return next((value for value in named if "+" in value), f"{wsgi[0]}+{asgi[0]}" if wsgi and asgi else "")


def _try_server(server: str, command: str) -> str:
    return f" Try: {command} -e server={server}" if server else ""


# --- names ----------------------------------------------------------------------------------------------------------


def suggest(name: str, known: Iterable[str], cutoff: float) -> str:
    """Return the known name nearest to this one, or ''."""
    names = {candidate.lower(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower()[:200], names, n=1, cutoff=cutoff)
    return names[near[0]] if near else ""


def one_slip(name: str, word: str) -> bool:
    """Tell whether a name is a word with one slip: a letter missing, doubled, wrong, swapped or in the wrong case.

    A name that adds an `s`, a digit or an underscore is somebody's own (servers, app_path2, https_port).
    """
    if name == word:
        return False
    if name.lower() == word:
        return True
    if len(name) == len(word):
        wrong = [index for index in range(len(word)) if name[index] != word[index]]
        if len(wrong) == 1:
            return name[wrong[0]].isalpha() and word[wrong[0]].isalpha()
        return (
            len(wrong) == 2 and wrong[1] == wrong[0] + 1 and [name[i] for i in wrong] == [word[i] for i in wrong[::-1]]
        )
    longer, shorter = (name, word) if len(name) > len(word) else (word, name)
    if len(longer) != len(shorter) + 1:
        return False
    index = next((i for i, char in enumerate(shorter) if char != longer[i]), len(shorter))
    if longer[index + 1 :] != shorter[index:]:
        return False
    return longer == word or longer[index] not in "s_0123456789"


def role_variables(roles_path: str) -> dict[str, set[str]]:
    """Return role -> its public variables: the top-level keys of its defaults.

    Raises:
        WordsError: when there are no roles.
    """
    result: dict[str, set[str]] = {}
    try:
        for role in sorted(path for path in Path(roles_path).iterdir() if path.is_dir()):
            files = [role / "defaults" / "main.yml", *(role / "defaults" / "main").glob("*.yml")]
            texts = [file.read_text(encoding="utf-8") for file in files if file.is_file()]
            result[role.name] = {key for text in texts for key in re.findall(r"^([A-Za-z]\w*)\s*:", text, re.M)}
    except (OSError, ValueError) as error:
        raise WordsError(f"the roles in {show(roles_path)} cannot be read ({type(error).__name__})") from error
    return result


def check_extra(
    names: Collection[str],
    spec: Spec,
    roles: Mapping[str, Collection[str]],
    own: Collection[str],
    servers: Servers | None = None,
    command: str = COMMAND,
) -> list[str]:
    """Return a sentence for each name of -e that nothing reads. A name is all that is ever shown."""
    public = {variable for variables in roles.values() for variable in variables}
    errors = []
    for name in sorted(names):
        if name in spec.renamed:
            errors.append(_renamed(name, spec))
        elif name == "_raw_params":
            errors.append(
                f"something after -e is not of the form name=value. Try: {command} -e server={_some(servers)}"
            )
        elif not (
            name in spec.words
            or name in public
            or name in own
            or name.startswith(("ansible_", "molecule_"))
            or name.endswith("_state")
        ):
            near = next((word for word in (f"app_{name}", f"http_{name}") if word in spec.words), "")
            near = near or suggest(name, spec.words, 0.6) or suggest(name, public, 0.75)
            meant = f"; did you mean {near}? If" if near else "; if"
            errors.append(
                f"{show(name)} is not a variable of Asgiway{meant} it is your own, list it: own_words: [{show(name)}]"
            )
    return errors


def check_inventory(
    names: Collection[str], spec: Spec, roles: Mapping[str, Collection[str]], own: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return errors and warnings for names of an inventory, which may be anybody's own.

    An error needs a name that is a word, or a variable of our roles, with one slip. A name that only begins like our
    roles' (redis_port) is worth a warning.
    """
    errors, warnings = [], []
    public = {variable for variables in roles.values() for variable in variables}
    for name in sorted(names):
        if name in spec.renamed:
            errors.append(_renamed(name, spec))
        if name in spec.words or name in public or name in own or name.startswith(("ansible_", "_")) or len(name) < 5:
            continue
        yours = f"if it is your own, list it: own_words: [{show(name)}]"
        word = next((word for word in sorted(spec.words) if one_slip(name, word)), "")
        if word:
            errors.append(f"{show(name)} in the inventory looks like {word} misspelt; {yours}")
            continue
        role = next((role for role in sorted(roles, key=len, reverse=True) if name.startswith(f"{role}_")), "")
        if role:
            near = next((variable for variable in sorted(roles[role]) if one_slip(name, variable)), "")
            if near:
                errors.append(f"{show(name)} in the inventory looks like {near} misspelt; {yours}")
            else:
                warnings.append(f"{show(name)} in the inventory is not a variable of the role {role}; {yours}")
    return errors, warnings


def _renamed(name: str, spec: Spec) -> str:
    return f"{name} is now called {spec.renamed[name]}; write that instead"


def _some(servers: Servers | None) -> str:
    return sorted(servers.engines)[0] if servers else "NAME"


# --- all of it ------------------------------------------------------------------------------------------------------


def check(
    spec: Spec,
    given: Mapping[str, Any],
    servers: Servers,
    start: str,
    ignore: Collection[str] = (),
    command: str = COMMAND,
) -> tuple[dict[str, Any], list[str]]:
    """Check and cast all words.

    Args:
        spec: the declaration.
        given: values by word, already templated; None counts as not given.
        servers: what the registry says.
        start: the directory that relative paths begin at.
        ignore: words that this playbook does not use; they are not checked and come out as None.
        command: the command that messages suggest.

    Returns:
        The words with their defaults, without secret ones, and all errors.
    """
    words: dict[str, Any] = {}
    errors: list[str] = []
    for name, word in spec.words.items():
        words[name] = None
        value = given.get(name)
        value = word.default if value is None else value
        if name in ignore or (value is None and not word.required):
            continue
        try:
            if value is None:
                raise WordsError(f"{name} is not set.{_try(word, command)}")
            words[name] = cast(word, value, command)
            if name == "server":
                check_server(words[name], servers, command)
            elif name == "app_path":
                words[name] = check_path(words[name], start, str(given.get("app_settings") or ""), command)
        except WordsError as error:
            errors.append(str(error))
    return {name: value for name, value in words.items() if not spec.words[name].secret}, errors


def message(errors: list[str]) -> str:
    """Join the sentences: one alone as it is, several as a list."""
    if len(errors) == 1:
        return errors[0]
    return f"{len(errors)} things to correct, nothing was changed:\n" + "\n".join(f"- {error}" for error in errors)
