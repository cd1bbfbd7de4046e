import time

from asgiref.sync import sync_to_async
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from shop import rates
from shop.models import Item


def index(request):
    time.sleep(0.1)  # in a thread of its own, this is no hazard
    return HttpResponse(f"{Item.objects.count()} items")


async def slow(request):
    time.sleep(1)  # hazard: blocking-sleep
    return HttpResponse("late")


async def prices(request):
    return JsonResponse(rates.fetch())  # hazard: blocking-network


async def items(request):
    first = Item.objects.order_by("name").first()  # hazard: orm-in-async
    return HttpResponse(first.name)


def cheapest():
    return Item.objects.order_by("price").first()


async def report(request):
    item = await sync_to_async(cheapest, thread_sensitive=False)()  # hazard: orm-off-thread
    return HttpResponse(item.name)


def ticks():
    while True:
        time.sleep(1)
        yield "data: tick\n\n"


def events(request):
    return StreamingHttpResponse(ticks(), content_type="text/event-stream")  # hazard: sync-stream
