"""The two tables of the feeds."""
# ruff: noqa: RUF012 - the form that makemigrations writes

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Feed",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("seq", models.PositiveBigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seq", models.PositiveBigIntegerField()),
                ("data", models.JSONField()),
                ("key", models.CharField(max_length=100, null=True)),
                ("posts", models.PositiveIntegerField(default=1)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("feed", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="live.feed")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("feed", "seq"), name="one_entry_per_number"),
                    models.UniqueConstraint(fields=("feed", "key"), name="one_entry_per_key"),
                ],
            },
        ),
    ]
