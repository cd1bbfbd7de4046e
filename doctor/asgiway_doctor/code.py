"""What the project's code says: blocking calls and database use in async functions, streams, mixed views."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from asgiway_doctor.catalogue import NOTE
from asgiway_doctor.finding import Finding
from asgiway_doctor.source import Function, Module, Place, Project, dotted_name

DEPTH = 5  # of calls from one function of the project to the next

# what a call is named in full -> which finding it is; the first that matches counts
BLOCKING = [
    (name, re.compile(pattern))
    for name, pattern in (
        ("blocking-sleep", r"time\.sleep"),
        (
            "blocking-network",
            r"(requests|httpx)\.(get|post|put|patch|delete|head|options|request|stream)"
            r"|(requests\.(Session|session)|httpx\.Client)\(\)"
            r"\.(get|post|put|patch|delete|head|options|request|send|stream)"
            r"|urllib\.request\.(urlopen|urlretrieve)|urllib3\.(request|PoolManager\(\)\.request)"
            r"|http\.client\.HTTPS?Connection\(\)\.(request|getresponse|connect)"
            r"|socket\.(create_connection|gethostbyname|getaddrinfo|socket\(\)\.(connect|recv|send|sendall|accept))"
            r"|(smtplib\.SMTP(_SSL)?|ftplib\.FTP(_TLS)?|pymongo\.(mongo_client\.)?MongoClient|paramiko\.SSHClient)(\(\).*)?"
            r"|(psycopg2?|pymysql|MySQLdb)\.connect|boto3\.(client|resource)\(\)\..+"
            r"|redis\.(client\.)?((Strict)?Redis|from_url|Redis\.from_url|StrictRedis\.from_url)\(\)\..+"
            r"|django\.core\.mail\.(send_mail|send_mass_mail|mail_admins|mail_managers|(message\.)?EmailM\w+\(\)\.send)"
            r"|.+\.(delay|apply_async)\(\)\.get",
        ),
        (
            "blocking-process",
            r"subprocess\.(run|call|check_call|check_output|getoutput|getstatusoutput|Popen(\(\)\.(wait|communicate))?)"
            r"|os\.(system|popen|wait|waitpid)",
        ),
        (
            "blocking-file",
            r"(io\.|builtins\.)?open|pathlib\.Path(\(\).*)?\.(read_text|write_text|read_bytes|write_bytes|open)"
            r"|shutil\.(copy|copy2|copyfile|copytree|move|rmtree)"
            r"|django\.core\.files\.storage\.default_storage\.(save|open|exists|delete|size|listdir)",
        ),
        (
            "orm-in-async",
            r"django\.shortcuts\.get_(object|list)_or_404|django\.contrib\.auth\.(authenticate|login|logout|get_user|"
            r"update_session_auth_hash)|django\.db\.(connection|connections\..+)\.cursor"
            r"|django\.core\.management\.call_command",
        ),
        (
            "async-to-sync",
            r"asgiref\.sync\.async_to_sync\(\)|asyncio\.run|asyncio\.get_\w+_loop\(\)\.run_until_complete",
        ),
        ("blocking-lock", r"(threading|multiprocessing)\.(Lock|RLock|Semaphore|Condition)\(\)\.acquire"),
    )
]
# ruff's rules of flake8-async that are about blocking; the others are about style, or about trio
RUFF = {
    "ASYNC210": "blocking-network",
    "ASYNC212": "blocking-network",
    "ASYNC220": "blocking-process",
    "ASYNC221": "blocking-process",
    "ASYNC222": "blocking-process",
    "ASYNC230": "blocking-file",
    "ASYNC251": "blocking-sleep",
}
ATOMIC = "django.db.transaction.atomic"
EVALUATES = {
    *(
        "get",
        "create",
        "first",
        "last",
        "count",
        "exists",
        "update",
        "delete",
        "bulk_create",
        "bulk_update",
        "iterator",
    ),
    *("get_or_create", "update_or_create", "aggregate", "in_bulk", "earliest", "latest", "contains", "explain"),
    *("add", "remove", "set", "clear"),
}
LAZY = {
    *(
        "all",
        "filter",
        "exclude",
        "order_by",
        "values",
        "values_list",
        "select_related",
        "prefetch_related",
        "annotate",
    ),
    *("distinct", "only", "defer", "reverse", "none", "using", "union", "intersection", "difference", "alias", "dates"),
    *("select_for_update", "datetimes", "raw"),
}
SURELY_LAZY = {"exclude", "order_by", "values_list", "select_related", "prefetch_related"}
CONSUMES = {"list", "tuple", "set", "sorted", "len", "bool", "sum", "max", "min", "any", "all", "dict", "enumerate"}
INSTANCE = {"save", "delete", "refresh_from_db", "full_clean", "validate_unique"}
MAKES_INSTANCE = re.compile(r"\.a?(get|create|first|last|latest|earliest)\(\)$")
CACHE = re.compile(
    r"django\.core\.cache\.(cache|caches\.\w+)\.(get|set|add|delete|get_or_set|incr|decr|touch|\w+_many|clear)"
)
APART = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.arguments)
SYNC_TO_ASYNC = "asgiref.sync.sync_to_async"
THREADS = re.compile(r"asgiref\.sync\.sync_to_async|channels\.db\.database_sync_to_async")
SLOW = {"blocking-sleep", "blocking-network", "blocking-process"}
MUTATES = {"add", "append", "remove", "discard", "pop", "update", "setdefault", "insert", "extend", "clear"}
WRAPPERS = re.compile(r"(asgiref\.sync\.(sync_to_async|async_to_sync)|channels\.db\.database_sync_to_async)$")
LAYER = re.compile(r"(\.channel_layer|get_channel_layer\(\))\.(group_send|group_add|group_discard|send)$")
CONSUMER_SENDS = {"send", "send_json", "accept", "close"}
HANDLERS = {"get", "post", "put", "patch", "delete", "head", "trace"}
STREAM = re.compile(r"django\.http\.(response\.)?StreamingHttpResponse$")
FILE_RESPONSE = re.compile(r"django\.http\.(response\.)?FileResponse$")
PATCHES = re.compile(r"gevent\.monkey\.patch_\w+|eventlet\.(patcher\.)?monkey_patch")


@dataclass(frozen=True)
class Facts:
    """What the code alone does not say."""

    models: dict[str, set[str]] = field(default_factory=dict)  # a model's name -> its managers' names
    lazy_user: bool = True  # AuthenticationMiddleware is there
    database_session: bool = True
    slow_cache: bool = False  # the cache is across a network


@dataclass(frozen=True)
class Effect:
    """Something that must not happen on an event loop."""

    id: str
    place: Place
    text: str


class Code:
    """Judge all modules of a project."""

    def __init__(self, project: Project, facts: Facts) -> None:
        self.project, self.facts = project, facts
        self._effects: dict[str, list[Effect]] = {}
        functions = (node for module in project.modules.values() for node in module.functions.values())
        self.has_async = any(isinstance(node, ast.AsyncFunctionDef) for node in functions)

    def findings(self) -> Iterator[Finding]:
        """Yield everything that the code alone tells."""
        for module in self.project.modules.values():
            yield from self._module(module)
            for name, node in module.functions.items():
                yield from self._any_function(module, name, node)
                if isinstance(node, ast.AsyncFunctionDef):
                    yield from self._async_function(module, name, node)
            for name, owner in module.classes.items():
                yield from self._class(module, name, owner)

    # --- modules and classes

    def _module(self, module: Module) -> Iterator[Finding]:
        optional = {id(part) for node in ast.walk(module.tree) if isinstance(node, ast.Try) for part in ast.walk(node)}
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and id(node) not in optional:
                of = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                imported = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {*of}
                for name in sorted(imported & {"uwsgi", "uwsgidecorators"}):
                    yield Finding("uwsgi-api", Place(module.file, node.lineno), f"{name} is imported")
            if isinstance(node, ast.Call) and PATCHES.fullmatch(dotted_name(node.func, module)):
                what = f"{ast.unparse(node.func)}() is called"
                yield Finding("monkey-patch", Place(module.file, node.lineno), what)
        for statement in module.tree.body:
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Call) and dotted_name(value.func, module) == "threading.local":
                severity = "" if self.has_async else NOTE
                place = Place(module.file, statement.lineno)
                yield Finding("thread-local", place, "threading.local() is made", "", severity)

    def _class(self, module: Module, name: str, owner: ast.ClassDef) -> Iterator[Finding]:
        if not any(base.rpartition(".")[2].endswith("View") for base in self.project.bases(module, name)):
            return
        found = {
            isinstance(node, ast.AsyncFunctionDef): node
            for node in owner.body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in HANDLERS
        }
        if len(found) == 2:
            what = f"{owner.name}: {found[True].name}() is async, {found[False].name}() is not"
            yield Finding("mixed-view", Place(module.file, owner.lineno), what)

    # --- functions

    def _any_function(self, module: Module, name: str, node: Function) -> Iterator[Finding]:
        local = local_names(node, module)
        sends = self._is_async_consumer(module, name) and isinstance(node, ast.AsyncFunctionDef)
        consumer = self._is_consumer(module, name)
        for part in own_nodes(node):
            if isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
                called = dotted_name(part.value.func, module, local)
                owner, _, method = called.rpartition(".")
                target = self._callee(module, name, called)
                lost = LAYER.search(called) or (sends and owner == "self" and method in CONSUMER_SENDS)
                lost = lost or called == "asyncio.sleep"
                if lost or (target and _is_coroutine(target[2])):
                    what = f"{ast.unparse(part.value.func)}() is called without await"
                    yield Finding("not-awaited", Place(module.file, part.lineno), what)
            if isinstance(part, ast.Call):
                yield from self._response(module, name, part, local)
                yield from self._wrapped(module, name, part, local, consumer)
        if consumer:
            yield from self._state(module, name, node, local)
        for decorator in node.decorator_list:
            wrapper = dotted_name(decorator, module).removesuffix("()")
            if not THREADS.fullmatch(wrapper):
                continue
            effects, place = self.effects(module, name, node), Place(module.file, decorator.lineno)
            off = isinstance(decorator, ast.Call) and _off_thread(decorator, module)
            slow = next((one for one in effects if one.id in SLOW), None)
            if off and wrapper == SYNC_TO_ASYNC and any(map(_database, effects)):
                yield Finding("orm-off-thread", place, f"{name}() uses the database, with thread_sensitive=False")
            elif not off and consumer and slow:
                yield Finding("consumer-thread", place, f"{name}() leads to {slow.text} in {slow.place}")

    def _wrapped(
        self, module: Module, name: str, call: ast.Call, local: dict[str, str], consumer: bool
    ) -> Iterator[Finding]:
        """Judge sync_to_async(f) and database_sync_to_async(f): in which thread f runs, and what for."""
        wrapper = dotted_name(call.func, module, local)
        if not THREADS.fullmatch(wrapper) or not call.args:
            return
        inner, place = call.args[0], Place(module.file, call.lineno)
        effects = self._effects_of(module, name, inner, local)
        database, slow = any(map(_database, effects)), next((one for one in effects if one.id in SLOW), None)
        if _off_thread(call, module):
            if database and wrapper == SYNC_TO_ASYNC:
                what = f"{ast.unparse(inner)} uses the database, with thread_sensitive=False"
                yield Finding("orm-off-thread", place, what)
        elif consumer:
            if database and wrapper == SYNC_TO_ASYNC:
                yield Finding("consumer-connections", place, f"{ast.unparse(call)[:80]} uses the database")
            if slow:
                yield Finding(
                    "consumer-thread", place, f"{ast.unparse(inner)[:60]} leads to {slow.text} in {slow.place}"
                )

    def _effects_of(self, module: Module, name: str, inner: ast.expr, local: dict[str, str]) -> list[Effect]:
        """Return what a function does that is given to another one to be called."""
        if isinstance(inner, ast.Lambda):
            return list(self._direct(module, name, [inner.body], local))
        called = dotted_name(inner, module, local)
        kind = "orm-in-async" if self._orm(called) else _blocking(called)
        if kind:
            return [Effect(kind, Place(module.file, inner.lineno), f"{called}()")]
        target = self._callee(module, name, called)
        return self.effects(*target) if target else []

    def _state(self, module: Module, name: str, node: Function, local: dict[str, str]) -> Iterator[Finding]:
        """Find what a consumer keeps in a variable of a module."""
        for part in own_nodes(node):
            kept: ast.expr
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in MUTATES:
                kept = part.func.value
            elif isinstance(part, ast.Subscript) and isinstance(part.ctx, (ast.Store, ast.Del)):
                kept = part.value
            else:
                continue
            if not isinstance(kept, ast.Name) or kept.id in local:
                continue
            target = module.names.get(kept.id) or f"{module.name}.{kept.id}"
            found = self.project.find(target)
            if found and found[1] in found[0].collections:
                what = f"{kept.id} is changed in {name}()"
                yield Finding("process-state", Place(module.file, kept.lineno), what)

    def _response(self, module: Module, name: str, call: ast.Call, local: dict[str, str]) -> Iterator[Finding]:
        called = dotted_name(call.func, module, local)
        place = Place(module.file, call.lineno)
        if FILE_RESPONSE.search(called):
            yield Finding("file-response", place, f"{name}() answers with a FileResponse")
        if not STREAM.search(called):
            return
        source = _first_argument(call, "streaming_content")
        made = self._generator(module, name, source, local)
        if made == "sync" or made == "endless":
            events = any(
                isinstance(part, ast.Constant) and "text/event-stream" in str(part.value) for part in ast.walk(call)
            )
            kind = "sync-stream" if events or made == "endless" else "sync-stream-buffered"
            yield Finding(kind, place, f"{name}() streams {ast.unparse(source)[:60] if source else ''}")

    def _generator(self, module: Module, name: str, source: ast.expr | None, local: dict[str, str]) -> str:
        """Return what a stream is made of: async, sync, endless (sync, too), or nothing when it cannot be told."""
        if isinstance(source, ast.GeneratorExp):
            return "async" if any(part.is_async for part in source.generators) else "sync"
        called = dotted_name(source, module, local) if source else ""
        target = self._callee(module, name, called[:-2]) if called.endswith("()") else None
        if not target or not is_generator(target[2]):
            return ""
        if isinstance(target[2], ast.AsyncFunctionDef):
            return "async"
        endless = any(
            isinstance(part, ast.While) and isinstance(part.test, ast.Constant) and part.test.value
            for part in own_nodes(target[2])
        )
        return "endless" if endless else "sync"

    def streams(self, module: Module, name: str, node: Function, depth: int = DEPTH) -> str:
        """Return async or sync when a view answers with a stream of that kind, itself or by what it calls."""
        local = local_names(node, module)
        found = ""
        for part in own_nodes(node):
            if not isinstance(part, ast.Call):
                continue
            called = dotted_name(part.func, module, local)
            if STREAM.search(called):
                made = self._generator(module, name, _first_argument(part, "streaming_content"), local)
                found = (
                    "async"
                    if made == "async" or (not made and isinstance(node, ast.AsyncFunctionDef))
                    else found or "sync"
                )
            elif depth and (target := self._callee(module, name, called)) and target[2] is not node:
                found = self.streams(*target, depth - 1) or found
            if found == "async":
                return found
        return found

    def _async_function(self, module: Module, name: str, node: ast.AsyncFunctionDef) -> Iterator[Finding]:
        local = local_names(node, module)
        for effect in self._direct(module, name, node.body, local):
            yield Finding(effect.id, effect.place, f"{effect.text} in async {name}()")
        for decorator in node.decorator_list:
            if dotted_name(decorator, module).removesuffix("()") == ATOMIC:
                place = Place(module.file, decorator.lineno)
                yield Finding("atomic-in-async", place, f"@transaction.atomic around async {name}()")
        yield from self._lazy(module, name, node, local)
        awaited = awaited_calls(node)
        seen: set[tuple[str, int]] = set()
        for part in own_nodes(node):
            if not isinstance(part, ast.Call) or id(part) in awaited:
                continue
            target = self._callee(module, name, dotted_name(part.func, module, local))
            if not target or isinstance(target[2], ast.AsyncFunctionDef) or is_generator(target[2]):
                continue
            for effect in self.effects(*target):
                if (effect.id, part.lineno) not in seen:
                    seen.add((effect.id, part.lineno))
                    what = f"{ast.unparse(part.func)}() in async {name}() leads to {effect.text} in {effect.place}"
                    yield Finding(effect.id, Place(module.file, part.lineno), what)

    def _lazy(self, module: Module, name: str, node: ast.AsyncFunctionDef, local: dict[str, str]) -> Iterator[Finding]:
        """Find request.user.x and the session, which are loaded at their first use; one finding for a function."""
        request = {"self.request"} | ({"request"} if "request" in local else set())
        found: dict[str, ast.expr] = {}
        for part in own_nodes(node):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Attribute):
                owner = part.value
                base = dotted_name(owner.value, module, local)
                if owner.attr == "user" and base in request and self.facts.lazy_user:
                    found.setdefault("lazy-user", part)
                if owner.attr == "session" and base in request and part.attr in _SESSION:
                    found.setdefault("lazy-session", part)
            elif isinstance(part, ast.Subscript) and isinstance(part.value, (ast.Attribute, ast.Subscript)):
                owner_text = ast.unparse(part.value)
                if owner_text in {f"{one}.session" for one in request} or owner_text == "self.scope['session']":
                    found.setdefault("lazy-session", part)
            elif (
                isinstance(part, ast.Call)
                and isinstance(part.func, ast.Attribute)
                and part.func.attr in _SESSION
                and ast.unparse(part.func.value) == "self.scope['session']"
            ):
                found.setdefault("lazy-session", part)
        for kind, part in found.items():
            if kind == "lazy-session" and not self.facts.database_session:
                continue
            yield Finding(kind, Place(module.file, part.lineno), f"{ast.unparse(part)[:60]} in async {name}()")

    # --- what happens in a function

    def effects(self, module: Module, name: str, node: Function, depth: int = DEPTH) -> list[Effect]:
        """Return what a sync function does that an event loop must not, itself or by what it calls."""
        key = f"{module.name}:{name}"
        if key not in self._effects:
            self._effects[key] = []  # for a function that calls itself
            local = local_names(node, module)
            found = list(self._direct(module, name, node.body, local))
            found += [
                Effect("atomic-in-async", Place(module.file, one.lineno), "@transaction.atomic")
                for one in node.decorator_list
                if dotted_name(one, module).removesuffix("()") == ATOMIC
            ]
            for part in own_nodes(node) if depth else ():
                if isinstance(part, ast.Call):
                    target = self._callee(module, name, dotted_name(part.func, module, local))
                    if target and not isinstance(target[2], ast.AsyncFunctionDef) and not is_generator(target[2]):
                        found += self.effects(*target, depth - 1)
            self._effects[key] = found
        return self._effects[key]

    def _callee(self, module: Module, name: str, called: str) -> tuple[Module, str, Function] | None:
        """Return the project's function that is called plainly; not one that a decorator makes awaitable."""
        if called.startswith("self.") and "." in name:
            called = f"{module.name}.{name.rpartition('.')[0]}.{called[5:]}"
        scope = name
        while called and "." not in called and scope:  # a function in this one, or in one around it
            if f"{scope}.<locals>.{called}" in module.functions:
                called = f"{module.name}.{scope}.<locals>.{called}"
                break
            scope = scope.rpartition(".<locals>.")[0]
        found = self.project.function(called) if "()" not in called else None
        if not found:
            return None
        for decorator in found[2].decorator_list:
            made_by = dotted_name(decorator, found[0]).removesuffix("()")
            if WRAPPERS.search(made_by) or made_by.endswith(("shared_task", ".task", "property")):
                return None
        return found

    def _direct(
        self, module: Module, name: str, body: list[ast.stmt] | list[ast.expr], local: dict[str, str]
    ) -> Iterator[Effect]:
        """Yield what stands in a body itself."""
        nodes = [
            part
            for statement in body
            if not isinstance(statement, APART)  # it runs when somebody calls it
            for part in (statement, *own_nodes(statement))
        ]
        awaited = {id(part.value) for part in nodes if isinstance(part, ast.Await)}
        awaited |= {id(part.iter) for part in nodes if isinstance(part, ast.AsyncFor)}
        awaited |= {id(part.iter) for part in nodes if isinstance(part, ast.comprehension) and part.is_async}
        seen: set[int] = set()

        def effect(kind: str, part: ast.expr, what: str) -> Iterator[Effect]:
            if id(part) not in seen:
                seen.add(id(part))
                yield Effect(kind, Place(module.file, part.lineno), what)

        for part in nodes:
            if isinstance(part, ast.Call) and id(part) not in awaited:
                called = dotted_name(part.func, module, local)
                text = f"{ast.unparse(part.func)[:60]}()"
                kind = _blocking(called)
                if kind:
                    yield from effect(kind, part, text)
                elif self._orm(called):
                    yield from effect("orm-in-async", part, text)
                elif CACHE.fullmatch(called) and self.facts.slow_cache:
                    yield from effect("sync-cache", part, text)
                elif called in CONSUMES and part.args and self._is_queryset(part.args[0], module, local):
                    yield from effect("orm-in-async", part, f"{text} of a queryset")
            for item in part.items if isinstance(part, ast.With) else ():
                held = dotted_name(item.context_expr, module, local)
                kind = "atomic-in-async" if held == f"{ATOMIC}()" else _blocking(f"{held}.acquire")
                if kind in ("atomic-in-async", "blocking-lock"):
                    yield from effect(kind, item.context_expr, f"with {ast.unparse(item.context_expr)}")
            tested = part.test if isinstance(part, (ast.If, ast.IfExp, ast.While)) else None
            tested = part.operand if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) else tested
            tested = part.value if isinstance(part, ast.Subscript) and not isinstance(part.slice, ast.Slice) else tested
            if tested is not None and self._is_queryset(tested, module, local):
                yield from effect("orm-in-async", tested, f"the result of {ast.unparse(tested)[:60]}")
            iterated = part.iter if isinstance(part, (ast.For, ast.comprehension)) else None
            if iterated is not None and id(iterated) not in awaited and self._is_queryset(iterated, module, local):
                yield from effect("orm-in-async", iterated, f"a loop over {ast.unparse(iterated)[:60]}")

    def _orm(self, called: str) -> bool:
        """Tell whether a call goes to the database: Model.objects...first(), or save() of a model's instance."""
        parts = called.split(".")
        if len(parts) >= 2 and parts[-1] in INSTANCE:
            owner = parts[-2].removesuffix("()")
            if owner != parts[-2] and owner in self.facts.models:
                return True
            if MAKES_INSTANCE.search(".".join(parts[:-1])) and self._has_manager(parts[:-2]):
                return True
        return parts[-1] in EVALUATES and self._has_manager(parts[:-1])

    def _has_manager(self, parts: list[str]) -> bool:
        for owner, manager in pairwise(parts):
            if manager in self.facts.models.get(owner, ()):
                return True
            if manager == "objects" and owner in ("get_user_model()", "cls", "self", "model"):
                return True
        return False

    def _is_queryset(self, node: ast.expr, module: Module, local: dict[str, str]) -> bool:
        called = dotted_name(node, module, local)
        parts = called.split(".")
        if called and parts[-1].removesuffix("()") in LAZY and parts[-1].endswith("()"):
            return self._has_manager(parts[:-1])
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SURELY_LAZY

    # --- consumers

    def _is_consumer(self, module: Module, name: str) -> bool:
        owner = name.rpartition(".")[0]
        return any(base.endswith("Consumer") for base in self.project.bases(module, owner))

    def _is_async_consumer(self, module: Module, name: str) -> bool:
        owner = name.rpartition(".")[0]
        names = [base.rpartition(".")[2] for base in self.project.bases(module, owner)]
        return any(base.startswith("Async") and base.endswith("Consumer") for base in names)


_SESSION = {
    "get",
    "set",
    "pop",
    "setdefault",
    "update",
    "keys",
    "items",
    "values",
    "flush",
    "cycle_key",
    "save",
    "clear",
}


def _is_coroutine(node: Function) -> bool:
    """Tell whether a call of it makes a coroutine, for sure."""
    return isinstance(node, ast.AsyncFunctionDef) and not is_generator(node) and not node.decorator_list


def _blocking(called: str) -> str:
    """Return which finding a call in async code is, '' when it is none."""
    return next((kind for kind, pattern in BLOCKING if pattern.fullmatch(called)), "")


def _database(effect: Effect) -> bool:
    return effect.id in ("orm-in-async", "atomic-in-async")


def _off_thread(call: ast.Call, module: Module) -> bool:
    """Tell whether a call is sync_to_async(..., thread_sensitive=False), or database_sync_to_async with the same."""
    return bool(THREADS.fullmatch(dotted_name(call.func, module))) and any(
        keyword.arg == "thread_sensitive" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in call.keywords
    )


def _first_argument(call: ast.Call, keyword: str) -> ast.expr | None:
    return call.args[0] if call.args else next((part.value for part in call.keywords if part.arg == keyword), None)


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below a node and runs with it: not the inside of functions, lambdas and classes in it."""
    for name, value in ast.iter_fields(node):
        if name == "decorator_list":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, (ast.expr_context, ast.operator)):
                if isinstance(child, APART):
                    continue
                yield child
                yield from own_nodes(child)


def is_generator(node: Function) -> bool:
    """Tell whether a function yields."""
    return any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in own_nodes(node))


def awaited_calls(node: ast.AST) -> set[int]:
    """Return the ids of the calls that stand behind an await."""
    return {id(part.value) for part in own_nodes(node) if isinstance(part, ast.Await)}


def local_names(node: Function, module: Module) -> dict[str, str]:
    """Return what a function's own names stand for; '' where it cannot be told."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    names = {one.arg: one.arg if one.arg in ("self", "cls", "request") else "" for one in every if one}
    for part in own_nodes(node):
        pairs: list[tuple[ast.expr | None, ast.expr | None]] = []
        if isinstance(part, ast.Assign) and len(part.targets) == 1:
            pairs = [(part.targets[0], part.value)]
        elif isinstance(part, (ast.AnnAssign, ast.NamedExpr)):
            pairs = [(part.target, part.value)]
        elif isinstance(part, (ast.With, ast.AsyncWith)):
            pairs = [(item.optional_vars, item.context_expr) for item in part.items]
        elif isinstance(part, (ast.For, ast.AsyncFor)):
            pairs = [(part.target, None)]
        elif isinstance(part, (ast.Import, ast.ImportFrom)):
            continue
        for target, value in pairs:
            if isinstance(target, ast.Name):
                made = dotted_name(value, module, names) if value else ""
                # two meanings are none
                names[target.id] = made if names.get(target.id, made) == made else ""
            elif isinstance(target, ast.Tuple):
                names.update({one.id: "" for one in target.elts if isinstance(one, ast.Name)})
    return names
