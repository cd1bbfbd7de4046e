"""What the doctor reads in code: each hazard at its line, and nothing in code that is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from asgiway_doctor.code import Code, Facts
from asgiway_doctor.source import Project

FACTS = Facts(models={"Item": {"objects", "published"}}, slow_cache=True)
HEAD = """
import asyncio, os, subprocess, threading, time, requests
from pathlib import Path
from asgiref.sync import async_to_sync, sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.layers import get_channel_layer
from django.contrib.auth import login
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import FileResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views import View
from shop.models import Item
"""


def found(directory: Path, text: str, **others: str) -> set[tuple[str, int]]:
    (directory / "views.py").write_text(HEAD + text)
    for name, content in others.items():
        (directory / f"{name}.py").write_text(content)
    return {
        (one.id, one.place.line) for one in Code(Project(directory), FACTS).findings() if one.place.file == "views.py"
    }


def planted(text: str) -> set[tuple[str, int]]:
    lines = (HEAD + text).splitlines()
    marked = ((number, re.search(r"# hazard: (.+)", line)) for number, line in enumerate(lines, 1))
    return {(kind, number) for number, match in marked if match for kind in match[1].split(", ")}


HAZARDS = {
    "blocking": """
async def view(request):
    time.sleep(1)  # hazard: blocking-sleep
    requests.get("https://example.com")  # hazard: blocking-network
    with requests.Session() as session:
        session.post("https://example.com")  # hazard: blocking-network
    subprocess.run(["true"])  # hazard: blocking-process
    os.system("true")  # hazard: blocking-process
    with open("x") as file:  # hazard: blocking-file
        pass
    Path("x").read_text()  # hazard: blocking-file
    task.delay(1).get()  # hazard: blocking-network
    cache.get("x")  # hazard: sync-cache
    default_storage.exists("x")  # hazard: blocking-file
    with LOCK:  # hazard: blocking-lock
        pass
    LOCK.acquire()  # hazard: blocking-lock
    asyncio.run(view(request))  # hazard: async-to-sync

LOCK = threading.Lock()
""".replace("task.", "subprocess.task."),
    "the database": """
async def view(request):
    item = Item(name="x")
    item.save()  # hazard: orm-in-async
    other = await Item.published.aget(pk=1)
    other.delete()  # hazard: orm-in-async
    for one in Item.objects.filter(pk=1):  # hazard: orm-in-async
        pass
    names = [one.name for one in other.parts.order_by("x")]  # hazard: orm-in-async
    rows = Item.objects.all()
    count = len(rows)  # hazard: orm-in-async
    if rows:  # hazard: orm-in-async
        pass
    if not Item.objects.filter(pk=1):  # hazard: orm-in-async
        pass
    first = rows[0]  # hazard: orm-in-async
    get_object_or_404(Item, pk=1)  # hazard: orm-in-async
    login(request, None)  # hazard: orm-in-async
    with transaction.atomic():  # hazard: atomic-in-async
        pass

@transaction.atomic  # hazard: atomic-in-async
async def other(request):
    pass
""",
    "lazy objects": """
async def view(request):
    if request.user.is_authenticated:  # hazard: lazy-user
        return request.session["x"]  # hazard: lazy-session

class Page(View):
    async def get(self, request):
        return self.request.user.pk  # hazard: lazy-user

class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        self.name = self.scope["session"].get("name")  # hazard: lazy-session
""",
    "helpers": """
def two():
    return Item.objects.first()

def one():
    time.sleep(1)
    return two()

@transaction.atomic
def three():
    pass

async def view(request):
    three()  # hazard: atomic-in-async
    return one()  # hazard: orm-in-async, blocking-sleep

async def outer(request):
    def local():
        time.sleep(1)

    await sync_to_async(local)()
    local()  # hazard: blocking-sleep

class Base:
    def load(self):
        return Item.objects.count()

class Chat(Base, AsyncWebsocketConsumer):
    async def connect(self):
        self.load()  # hazard: orm-in-async
""",
    "wrappers": """
def load():
    return list(Item.objects.all())

class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        await sync_to_async(load)()  # hazard: consumer-connections
        await sync_to_async(Item.objects.first)()  # hazard: consumer-connections
        await sync_to_async(lambda: Item.objects.first())()  # hazard: consumer-connections

async def view(request):
    await sync_to_async(Item.objects.first, thread_sensitive=False)()  # hazard: orm-off-thread
    async_to_sync(view)(request)  # hazard: async-to-sync

@sync_to_async(thread_sensitive=False)  # hazard: orm-off-thread
def decorated():
    return Item.objects.count()
""",
    "consumers": """
ONLINE = set()
NAMES = {}

def slow():
    time.sleep(5)

class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        ONLINE.add(self.channel_name)  # hazard: process-state
        NAMES["x"] = 1  # hazard: process-state
        del NAMES["x"]  # hazard: process-state
        await database_sync_to_async(slow)()  # hazard: consumer-thread
        await sync_to_async(time.sleep)(1)  # hazard: consumer-thread
        await self.report()

    @database_sync_to_async  # hazard: consumer-thread
    def report(self):
        subprocess.run(["true"])
""",
    "forgotten awaits": """
async def other():
    pass

async def view(request):
    asyncio.sleep(1)  # hazard: not-awaited
    other()  # hazard: not-awaited

def save(request):
    get_channel_layer().group_send("x", {})  # hazard: not-awaited

class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        self.accept()  # hazard: not-awaited
        self.channel_layer.group_add("x", self.channel_name)  # hazard: not-awaited
""",
    "streams and files": """
def rows():
    yield "a"

def export(request):
    return StreamingHttpResponse(rows())  # hazard: sync-stream-buffered

def inner(request):
    def ticks():
        yield "a"

    return StreamingHttpResponse(ticks(), content_type="text/event-stream")  # hazard: sync-stream

def events(request):
    return StreamingHttpResponse(rows(), content_type="text/event-stream")  # hazard: sync-stream

def download(request):
    return FileResponse(open("x", "rb"))  # hazard: file-response
""",
    "classes and modules": """
class Base(View):
    pass

class Page(Base):  # hazard: mixed-view
    async def get(self, request):
        pass

    def post(self, request):
        pass

current = threading.local()  # hazard: thread-local
from gevent import monkey
monkey.patch_all()  # hazard: monkey-patch
import uwsgi  # hazard: uwsgi-api
""",
}
RIGHT = {
    "awaited": """
async def view(request):
    await asyncio.sleep(1)
    item = await Item.objects.filter(pk=1).afirst()
    await item.asave()
    async for one in Item.objects.filter(pk=1):
        pass
    rows = [one async for one in Item.objects.all()]
    names = sorted(one.name for one in rows)
    user = await request.auser()
    await request.session.aget("x")
    await cache.aget("x")
    await Item.published.get(pk=1)  # a manager of their own, which is async
    await asyncio.to_thread(time.sleep, 1)
    await asyncio.gather(asyncio.sleep(1), view(request))
""",
    "in a thread": """
def load():
    with transaction.atomic():
        return list(Item.objects.all())

@sync_to_async
def decorated():
    return Item.objects.first()

@database_sync_to_async
def also():
    return Item.objects.first()

def wrapped(view):
    return transaction.atomic(view)

async def view(request):
    def here():
        return Item.objects.first()

    async def there():
        await asyncio.sleep(1)

    wrapped(view)
    await sync_to_async(here)()
    await sync_to_async(load)()
    await decorated()
    task = asyncio.create_task(also())
    await database_sync_to_async(lambda: Item.objects.first(), thread_sensitive=False)()
    await sync_to_async(time.sleep, thread_sensitive=False)(1)
""",
    "only alike": """
async def view(request, form, items):
    request.data.get("x")
    form.save("file")
    {}.get("x")
    for one in items.all():
        one.delete_marked = True
    request.user = None
    open_door()
    qs = Item.objects.filter(pk=1).order_by("x")[:5]

def open_door():
    return [].count(1)
""",
    "ordinary": """
def view(request):
    time.sleep(1)
    request.user.pk
    Item.objects.first().save()
    async_to_sync(get_channel_layer().group_send)("x", {})
    return StreamingHttpResponse(stream())

async def stream():
    yield "data"

class Page(View):
    async def get(self, request):
        pass

    async def post(self, request):
        pass

    def helper(self):
        pass

class Chat(WebsocketConsumer):
    def connect(self):
        self.accept()
        Item.objects.first()

LABELS = {"a": 1}

class Live(AsyncWebsocketConsumer):
    async def receive(self, text_data):
        own = set()
        own.add(LABELS["a"])
        await sync_to_async(time.sleep, thread_sensitive=False)(1)
        await database_sync_to_async(Item.objects.first, thread_sensitive=False)()
        await self.send(text_data=text_data)
        await database_sync_to_async(self.store)()

    def store(self):
        return self.scope["session"].get("x"), Item.objects.first()

try:
    import uwsgi
except ImportError:
    uwsgi = None
""",
}


@pytest.mark.parametrize("text", HAZARDS.values(), ids=HAZARDS)
def test_each_hazard_is_found_at_its_line_and_nothing_else(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == planted(text)


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_nothing_is_found_in_code_that_is_right(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == set()


def test_a_helper_of_another_module_is_followed_also_through_a_re_export(tmp_path: Path) -> None:
    text = "from helpers import load\nimport helpers\nasync def view(request):\n    load()  # hazard: orm-in-async\n"
    text += "    helpers.load()  # hazard: orm-in-async\n"
    deep = "from shop.models import Item\ndef load():\n    return Item.objects.get(pk=1)\n"
    assert found(tmp_path, text, helpers="from deep import load\n", deep=deep) == planted(text)


def test_a_thread_local_is_a_note_where_nothing_is_async(tmp_path: Path) -> None:
    for more, severity in (("", "note"), ("async def view(request):\n    pass\n", "warning")):
        (tmp_path / "views.py").write_text("import threading\ncurrent = threading.local()\n" + more)
        assert [one.severity for one in Code(Project(tmp_path), FACTS).findings()] == [severity]


def test_functions_that_call_each_other_come_to_an_end(tmp_path: Path) -> None:
    text = "def a():\n    return b()\ndef b():\n    time.sleep(1)\n    return a()\n"
    text += "async def c():\n    a()  # hazard: blocking-sleep\n"
    assert found(tmp_path, text) == planted(text)


def test_tests_migrations_commands_and_what_is_no_python_are_left_out(tmp_path: Path) -> None:
    text = "import time\nasync def f():\n    time.sleep(1)\n"
    for name in ("tests/a.py", "shop/migrations/b.py", "shop/management/commands/c.py", "test_d.py", ".venv/e.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "old.py").write_text("print 'x'\n")
    project = Project(tmp_path)
    assert list(Code(project, FACTS).findings()) == []
    assert [str(place) for place in project.unreadable] == ["old.py:1"]
