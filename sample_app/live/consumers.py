"""WebSocket consumers."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer

from live import feeds
from live.context import process

MAX_MESSAGE = 2000  # characters
BAD_MESSAGE = 4400  # close code; only 1000 and 3000-4999 are free for applications on every server


class EchoConsumer(AsyncWebsocketConsumer):
    """Sends back what it gets."""

    # In a group, as most real consumers: an idle connection then also proves the channel layer.
    groups: ClassVar[list[str]] = ["echo"]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer text with text and binary with binary."""
        await self.send(text_data=text_data, bytes_data=bytes_data)


class WhoamiConsumer(AsyncJsonWebsocketConsumer):
    """Shows what the project believes about the client of a WebSocket, as the view of that name does for requests."""

    async def connect(self) -> None:
        """Send it; the client closes."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}
        await self.accept()
        await self.send_json(
            {
                "remote_addr": (self.scope.get("client") or [""])[0],
                "forwarded_for": headers.get("x-forwarded-for", ""),
                "forwarded_proto": headers.get("x-forwarded-proto", ""),
                "host": headers.get("host", ""),
                "path": self.scope["path"],
                "root_path": self.scope.get("root_path", ""),
            }
        )


class FeedConsumer(AsyncJsonWebsocketConsumer):
    """Sends every entry of its feed, in order and once; ?since=n goes on after entry n."""

    def feed_name(self) -> str:
        """Return the feed named in the route."""
        return self.scope["url_route"]["kwargs"]["feed"]

    async def connect(self) -> None:
        """Join the group before reading, so that nothing falls between the two."""
        since = parse_qs(self.scope["query_string"].decode("latin-1")).get("since", [None])[0]
        if since is not None and not (since.isascii() and since.isdigit()):
            await self.close()  # before accept: the client gets 403
            return
        self.feed = self.feed_name()
        await self.channel_layer.group_add(self.feed, self.channel_name)
        self.groups.append(self.feed)  # Channels leaves these groups at the end
        await self.accept()
        start = None if since is None else int(since)
        self.seq, items = await database_sync_to_async(feeds.opening)(self.feed, start)
        await self.deliver(items)
        await self.feed_changed({})

    async def feed_changed(self, event: dict[str, Any]) -> None:
        """Send what is new. A lost or doubled wake-up does no harm: the number decides."""
        while items := await database_sync_to_async(feeds.after)(self.feed, self.seq):
            await self.deliver(items)

    async def deliver(self, items: list[dict[str, Any]]) -> None:
        """Send entries and remember the last number."""
        for item in items:
            await self.send_json(item)
            self.seq = item["seq"]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Close politely on what is no JSON object, instead of failing with a traceback."""
        try:
            content = await self.decode_json(text_data or "")
        except ValueError:
            content = None
        if not isinstance(content, dict):
            await self.close(BAD_MESSAGE)
        elif "ping" in content:  # keeps the connection in use where the server sends no pings
            await self.send_json({"pong": content["ping"]})
            # A Redis that was restarted has forgotten its groups and tells nobody: join again, and look.
            await self.channel_layer.group_add(self.feed, self.channel_name)
            await self.feed_changed({})
        else:
            await self.receive_json(content)

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        """Ignore: most feeds are written over HTTP."""


class ChatConsumer(FeedConsumer):
    """A chat room: {"message": ...} goes to everybody in it, the sender included."""

    def feed_name(self) -> str:
        """Return the room's feed."""
        return feeds.chat(self.scope["url_route"]["kwargs"]["room"])

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        """Store the message; the feed brings it to all clients."""
        message = content.get("message")
        if not isinstance(message, str) or not 0 < len(message) <= MAX_MESSAGE:
            await self.close(BAD_MESSAGE)
            return
        await database_sync_to_async(self.store)(message)

    def store(self, message: str) -> None:
        """Write the message under the name that the visitor's session holds."""
        feeds.append(self.feed, chat_entry(message, self.scope["session"].get("visitor")))

    async def send_json(self, content: dict[str, Any], close: bool = False) -> None:
        """Add who delivers, so that a client can tell that two processes worked together."""
        here = process()
        await super().send_json({**content, "delivered_by": here["pid"], "server": here["server"]}, close)


def chat_entry(message: str, visitor: str | None) -> dict[str, Any]:
    """Return the stored form of a chat message, with the process that got it from its writer."""
    return {"message": message, "name": visitor or "somebody", "received_by": process()["pid"]}
