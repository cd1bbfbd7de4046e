from django.urls import path
from shop import views

urlpatterns = [
    path("", views.index),
    path("prices/", views.prices),
    path("items/", views.items),
    path("report/", views.report),
    path("events/", views.events),
    path("slow/", views.slow),
]
