"""HTTP views: pages, writing, reading along, and a look from outside."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from live import feeds
from live.consumers import MAX_MESSAGE, chat_entry
from live.context import interface_of, process

LOOK_EVERY = 0.25  # seconds between two looks into the database
# Seconds a long-poll waits. A WSGI server has few threads, so it gives the thread back early.
POLL_WAIT = {"asgi": 20.0, "wsgi": 3.0}
STREAM_LIFE = 300.0  # seconds; the browser comes back with its last number
HEARTBEAT = 15.0  # seconds; below the idle limits of common proxies
MAX_AMOUNT = 1_000_000


class BadValue(Exception):
    """A value of the request is wrong; the message is for the client."""


def number(value: str | None, name: str, low: int, high: int) -> int:
    """Return a whole number in the given range, or raise BadValue."""
    text = value or ""
    if not (text.isascii() and text.isdigit() and len(text) < 19 and low <= int(text) <= high):
        raise BadValue(f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def since_of(request: HttpRequest) -> int | None:
    """Return the last number that the client has, None for a new client.

    The Last-Event-ID header wins: a browser's EventSource repeats its first address when it comes back.
    """
    value = request.headers.get("Last-Event-ID") or request.GET.get("since")
    return None if value is None else number(value, "since", 0, 2**53)


def refused(error: BadValue) -> HttpResponse:
    """Return the 400 for a wrong value."""
    return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")


# Pages


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The front page: a plain sync view."""
    return render(request, "live/index.html")


@require_safe
def balance_page(request: HttpRequest) -> HttpResponse:
    """The balance, as it stands now and live from here on."""
    last, items = feeds.opening(feeds.BALANCE, None)
    return render(request, "live/balance.html", {"seq": last, "balance": items[-1]["balance"]})


@require_safe
def notifications_page(request: HttpRequest) -> HttpResponse:
    """Notifications, the latest ones and live from here on."""
    return render(request, "live/notifications.html", recent(feeds.NOTIFICATIONS))


@require_safe
def chat_page(request: HttpRequest, room: str) -> HttpResponse:
    """A chat room. The visitor's name lives in the session, which the WebSocket sees too."""
    if "visitor" not in request.session:
        request.session["visitor"] = f"visitor-{get_random_string(4, 'abcdefghjkmnpqrstuvwxyz23456789')}"
    context = {"room": room, "visitor": request.session["visitor"]}
    return render(request, "live/chat.html", context | recent(feeds.chat(room)))


def recent(feed: str) -> dict[str, Any]:
    """Return the last 20 entries and where the page's script goes on."""
    items = feeds.after(feed, max(0, feeds.newest(feed) - 20))
    return {"items": items, "seq": items[-1]["seq"] if items else 0}


# Writing: ordinary forms with Django's CSRF token


def written(request: HttpRequest, page: str, entry: feeds.Entry, new: bool = True, **page_args: str) -> HttpResponse:
    """Answer a script with the entry, and a form sent without JavaScript with its page."""
    if "text/html" in request.headers.get("Accept", ""):
        return redirect(page, **page_args)
    return JsonResponse({"seq": entry.seq, **entry.data, "new": new}, status=201 if new else 200)


def message_of(request: HttpRequest) -> str:
    """Return the posted message, or raise BadValue."""
    message = request.POST.get("message", "").strip()
    if not 0 < len(message) <= MAX_MESSAGE:
        raise BadValue(f"message must have 1 to {MAX_MESSAGE} characters.")
    return message


@require_POST
def deposit(request: HttpRequest) -> HttpResponse:
    """Add to the balance. A `key` of the sender's choice makes a repeated request harmless and visible."""
    try:
        amount = number(request.POST.get("amount"), "amount", 1, MAX_AMOUNT)
        key = request.POST.get("key", "")
        if len(key) > 100:
            raise BadValue("key must have at most 100 characters.")
    except BadValue as error:
        return refused(error)
    entry, new = feeds.append(feeds.BALANCE, {}, amount=amount, key=key)
    return written(request, "balance", entry, new)


@require_POST
def send_notification(request: HttpRequest) -> HttpResponse:
    """Send a notification to every open page."""
    try:
        entry, _ = feeds.append(feeds.NOTIFICATIONS, {"message": message_of(request)})
    except BadValue as error:
        return refused(error)
    return written(request, "notifications", entry)


@require_POST
def send_chat(request: HttpRequest, room: str) -> HttpResponse:
    """Say something in a room without a WebSocket."""
    try:
        message = message_of(request)
    except BadValue as error:
        return refused(error)
    entry, _ = feeds.append(feeds.chat(room), chat_entry(message, request.session.get("visitor")))
    return written(request, "chat", entry, room=room)


# Reading along


@require_safe
@never_cache
def poll(request: HttpRequest, feed: str = "", room: str = "") -> HttpResponse:
    """Long-polling: wait a bounded time for entries after ?since=n; works under every server."""
    feed = feed or feeds.chat(room)
    try:
        since = since_of(request)
    except BadValue as error:
        return refused(error)
    seq, items = feeds.opening(feed, since)
    end = time.monotonic() + POLL_WAIT[interface_of(request)]
    while not items and since is not None and time.monotonic() < end:
        time.sleep(LOOK_EVERY)
        seq, items = feeds.opening(feed, since)
    return JsonResponse({"seq": seq, "entries": items})


@require_GET
@never_cache
async def events(request: HttpRequest, feed: str = "", room: str = "") -> HttpResponseBase:
    """Server-sent events: the entries after ?since=n (or Last-Event-ID), for as long as the client listens."""
    feed = feed or feeds.chat(room)
    if interface_of(request) == "wsgi":
        # A WSGI server would run the endless stream to its end before it sent the first byte.
        text = f"Server-sent events need an ASGI server; this one speaks WSGI. Use long-polling: {poll_path(request)}\n"
        return HttpResponse(text, status=501, content_type="text/plain; charset=utf-8")
    try:
        since = since_of(request)
    except BadValue as error:
        return refused(error)
    headers = {"X-Accel-Buffering": "no"}  # nginx: pass each event on at once
    return StreamingHttpResponse(stream(feed, since), content_type="text/event-stream", headers=headers)


def poll_path(request: HttpRequest) -> str:
    """Return the polling address that belongs to an event stream's address."""
    return request.path.replace("/events/", "/poll/", 1)


async def stream(feed: str, since: int | None) -> AsyncIterator[str]:
    """Yield the feed as server-sent events, with a comment as a heartbeat when nothing happens."""
    # Closes the thread's connection after each look, so an open stream holds no database connection.
    look = database_sync_to_async(feeds.after)
    yield "retry: 2000\n: hello\n\n"
    seq, items = await database_sync_to_async(feeds.opening)(feed, since)
    end = beat = time.monotonic()
    end += STREAM_LIFE
    while True:
        for item in items:
            yield f"id: {item['seq']}\ndata: {json.dumps(item)}\n\n"
            seq = item["seq"]
        now = time.monotonic()
        if items:
            beat = now
        elif now - beat >= HEARTBEAT:
            beat = now
            yield ": heartbeat\n\n"
        if now >= end:
            return
        await asyncio.sleep(LOOK_EVERY)
        items = await look(feed, seq)


@require_safe
@never_cache
def entries(request: HttpRequest) -> HttpResponse:
    """Tell how often a deposit's key was stored (0 or 1) and how often it was sent."""
    rows = feeds.Entry.objects.filter(feed_id=feeds.BALANCE, key=request.GET.get("key", ""))
    posts = list(rows.values_list("posts", flat=True))
    return JsonResponse({"key": request.GET.get("key", ""), "rows": len(posts), "posts": sum(posts)})


# A look from outside


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers, and who it is."""
    return JsonResponse({"status": "ok", **process(), "interface": interface_of(request)})


@require_safe
@never_cache
def whoami(request: HttpRequest) -> HttpResponse:
    """Show what Django believes about the client: what a proxy in front must get right."""
    return JsonResponse(
        {
            "scheme": request.scheme,
            "is_secure": request.is_secure(),
            "remote_addr": request.META.get("REMOTE_ADDR", ""),
            "forwarded_for": request.META.get("HTTP_X_FORWARDED_FOR", ""),
            "host": request.get_host(),
            "port": request.get_port(),
            "url": request.build_absolute_uri(),
            "home": reverse("balance"),
            "server": process()["server"],
            "interface": interface_of(request),
        }
    )


@require_safe
@never_cache
def slow(request: HttpRequest) -> HttpResponse:
    """Take ?seconds=n (at most 30): a request to drain."""
    try:
        seconds = float(request.GET.get("seconds", "2"))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 30:
        return refused(BadValue("seconds must be a number from 0 to 30."))
    time.sleep(seconds)
    return JsonResponse({"slept": seconds, **process()})
