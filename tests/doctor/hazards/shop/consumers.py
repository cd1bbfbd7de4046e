from channels.generic.websocket import AsyncJsonWebsocketConsumer, WebsocketConsumer

from shop.models import Item


class Board(AsyncJsonWebsocketConsumer):
    async def connect(self):
        await self.accept()
        await self.send_json({"items": self.names()})  # hazard: orm-in-async

    def names(self):
        return [item.name for item in Item.objects.all()]


class Echo(WebsocketConsumer):  # hazard: sync-consumer
    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data=text_data)
