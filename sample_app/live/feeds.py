"""Writing to a feed and reading on from a known number.

Every transport (WebSocket, server-sent events, polling) reads the same rows by number,
so a client that comes back with its last number sees each entry exactly once.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models import F

from live.models import Entry, Feed

BALANCE = "balance"
NOTIFICATIONS = "notifications"
BATCH = 500  # entries per read; the reader comes back for more


def chat(room: str) -> str:
    """Return the feed of a chat room; also the name of its channel group."""
    return f"chat.{room}"


def append(feed: str, data: dict[str, Any], *, amount: int = 0, key: str = "") -> tuple[Entry, bool]:
    """Store an entry and wake the feed's readers.

    Returns the entry and whether it is new; a key that is known already stores nothing but the count.
    """
    with transaction.atomic():
        # The locked row makes writers take turns: numbers have no gaps and appear in order.
        row, _ = Feed.objects.select_for_update().get_or_create(name=feed)
        if key and Entry.objects.filter(feed=row, key=key).update(posts=F("posts") + 1):
            return Entry.objects.get(feed=row, key=key), False
        row.seq += 1
        row.total += amount
        row.save()
        if feed == BALANCE:
            data = {**data, "amount": amount, "balance": row.total}
        entry = Entry.objects.create(feed=row, seq=row.seq, data=data, key=key or None)
        # robust: what is stored stays a success when the channel layer is away; the error is logged.
        transaction.on_commit(lambda: wake(feed), robust=True)
    return entry, True


def wake(feed: str) -> None:
    """Tell the WebSocket consumers of a feed, in all processes, to look for new entries."""
    async_to_sync(get_channel_layer().group_send)(feed, {"type": "feed.changed"})


def newest(feed: str) -> int:
    """Return the feed's last number, 0 for an empty feed."""
    return Feed.objects.filter(name=feed).values_list("seq", flat=True).first() or 0


def after(feed: str, since: int) -> list[dict[str, Any]]:
    """Return up to BATCH entries with a higher number, as clients get them, in order."""
    rows = Entry.objects.filter(feed_id=feed, seq__gt=since).order_by("seq")
    return [{"seq": row.seq, **row.data} for row in rows[:BATCH]]


def opening(feed: str, since: int | None) -> tuple[int, list[dict[str, Any]]]:
    """Return where a new reader stands and what it gets first.

    With a number: what it missed. Without: the present balance, or nothing for other feeds.
    """
    if since is None:
        last = newest(feed)
        if feed != BALANCE:
            return last, []
        return last, after(feed, last - 1) if last else [{"seq": 0, "amount": 0, "balance": 0}]
    items = after(feed, since)
    return (items[-1]["seq"] if items else since), items
