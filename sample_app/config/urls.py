"""All HTTP addresses of the sample site."""

from __future__ import annotations

from django.urls import path, register_converter
from live import views


class RoomConverter:
    """A chat room's name; it becomes part of a channel group's name, which allows few characters."""

    regex = "[a-zA-Z0-9_-]{1,50}"

    def to_python(self, value: str) -> str:
        """Return the name as it stands."""
        return value

    to_url = to_python


register_converter(RoomConverter, "room")

urlpatterns = [
    path("", views.index),
    # pages
    path("balance/", views.balance_page, name="balance"),
    path("notifications/", views.notifications_page, name="notifications"),
    path("chat/<room:room>/", views.chat_page, name="chat"),
    # writing
    path("balance/deposit/", views.deposit, name="deposit"),
    path("notifications/send/", views.send_notification, name="send-notification"),
    path("chat/<room:room>/send/", views.send_chat, name="send-chat"),
    path("balance/entries/", views.entries),
    # reading along: server-sent events (ASGI) and long-polling (any server)
    path("events/balance/", views.events, {"feed": "balance"}),
    path("events/notifications/", views.events, {"feed": "notifications"}),
    path("events/chat/<room:room>/", views.events),
    path("poll/balance/", views.poll, {"feed": "balance"}),
    path("poll/notifications/", views.poll, {"feed": "notifications"}),
    path("poll/chat/<room:room>/", views.poll),
    # looking from outside
    path("healthz", views.healthz),
    path("whoami/", views.whoami),
    # The same answer under the prefix that an ASGI server serves when two servers share the site.
    path("events/whoami/", views.whoami),
    path("slow/", views.slow),
]
