"""All WebSocket addresses of the sample site."""

from __future__ import annotations

from django.urls import path, re_path

from live import consumers

websocket_urlpatterns = [
    path("ws/echo/", consumers.EchoConsumer.as_asgi()),
    path("ws/whoami/", consumers.WhoamiConsumer.as_asgi()),
    re_path(r"^ws/chat/(?P<room>[a-zA-Z0-9_-]{1,50})/$", consumers.ChatConsumer.as_asgi()),
    path("ws/notifications/", consumers.FeedConsumer.as_asgi(), {"feed": "notifications"}),
    path("ws/balance/", consumers.FeedConsumer.as_asgi(), {"feed": "balance"}),
]
