from django.urls import path, re_path

from shop.consumers import Board, Echo

websocket_urlpatterns = [
    re_path(r"^ws/board/$", Board.as_asgi()),
    path("ws/echo/", Echo.as_asgi()),
]
