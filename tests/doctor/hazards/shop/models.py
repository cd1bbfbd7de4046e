from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=80)
    price = models.IntegerField(default=0)
