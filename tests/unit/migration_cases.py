"""Migrations and what is to be said about them. Each case is an app of its own, which begins with BASE."""

from __future__ import annotations

BASE = """
import django.db.models.deletion
from django.db import migrations, models

KEY = models.AutoField(primary_key=True, auto_created=True)


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Customer", [("id", KEY), ("name", models.CharField(max_length=40))]),
        migrations.CreateModel("Tag", [("id", KEY)]),
        migrations.CreateModel("Event", [("id", KEY), ("place", models.TextField()), ("year", models.IntegerField())]),
        migrations.CreateModel("Legacy", [("id", KEY), ("note", models.TextField())], {"managed": False}),
        migrations.CreateModel(
            "Order",
            [
                ("id", KEY),
                ("customer", models.ForeignKey("LABEL.Customer", django.db.models.deletion.CASCADE)),
                ("tags", models.ManyToManyField("LABEL.Tag")),
                ("note", models.TextField()),
                ("code", models.CharField(max_length=40)),
                ("amount", models.IntegerField(null=True)),
                ("event_number", models.IntegerField(null=True)),
                ("total", models.IntegerField(db_default=5)),
                ("created", models.DateTimeField(auto_now_add=True, null=True)),
            ],
            {
                "unique_together": {("code", "event_number")},
                "constraints": [models.UniqueConstraint(fields=["code", "amount"], name="LABEL_code")],
            },
        ),
    ]
"""

LATER = """
import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

KEY = models.AutoField(primary_key=True, auto_created=True)


def fill(apps, schema_editor):
    pass


class Custom(Operation):
    def state_forwards(self, app_label, state):
        pass

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        pass


class Migration(migrations.Migration):
    dependencies = [("LABEL", "0001_base")]
    operations = [
        OPERATIONS
    ]
"""

# name: (operations, what is said about them as "Operation target: part of the reason")
BREAKS = {
    "field_removed": ('migrations.RemoveField("order", "note")', ["RemoveField order.note: it uses the column"]),
    "many_to_many_removed": ('migrations.RemoveField("order", "tags")', ["RemoveField order.tags: it uses the table"]),
    "model_deleted": ('migrations.DeleteModel("event")', ["DeleteModel event: it uses the table"]),
    "field_renamed": (
        'migrations.RenameField("order", "note", "text")',
        ["RenameField order.note: it uses the column"],
    ),
    "model_renamed": ('migrations.RenameModel("event", "party")', ["RenameModel event: it uses the table"]),
    "table_renamed": ('migrations.AlterModelTable("event", "events")', ["AlterModelTable event: it uses the table"]),
    "column_renamed": (
        'migrations.AlterField("order", "note", models.TextField(db_column="text"))',
        ["AlterField order.note: it uses the column"],
    ),
    "column_of_many_to_many_renamed": (
        'migrations.AlterModelTable("tag", "LABEL_tag"), migrations.RenameModel("tag", "label")',
        ["RenameModel tag: it uses the column LABEL_order_tags.tag_id"],
    ),
    "required_field_added": (
        'migrations.AddField("order", "extra", models.IntegerField(default=0))',
        ["AddField order.extra: it inserts rows without"],
    ),
    "order_column_added": (
        'migrations.AlterOrderWithRespectTo("order", "customer")',
        ["AlterOrderWithRespectTo order: it inserts rows without"],
    ),
    "new_field_made_required": (
        'migrations.AddField("order", "extra", models.IntegerField(null=True)),'
        'migrations.AlterField("order", "extra", models.IntegerField(default=0))',
        ["AlterField order.extra: it inserts rows without"],
    ),
    "null_forbidden": (
        'migrations.AlterField("order", "amount", models.IntegerField(default=0))',
        ["AlterField order.amount: it writes NULL"],
    ),
    "null_forbidden_with_a_default_that_the_running_code_does_not_know": (
        'migrations.AlterField("order", "amount", models.IntegerField(db_default=0))',
        ["AlterField order.amount: it writes NULL"],
    ),
    "inside_of_database_operations": (
        'migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("order", "note")])',
        ["RemoveField order.note: it uses the column"],
    ),
    "table_that_another_model_took_over": (
        "migrations.SeparateDatabaseAndState(state_operations=["
        'migrations.CreateModel("Party", [("id", KEY)], {"db_table": "LABEL_event"})]),'
        'migrations.DeleteModel("event")',
        ["DeleteModel event: it uses the column LABEL_event.id"],
    ),
    "two_of_them": (
        'migrations.RemoveField("order", "note"), migrations.DeleteModel("event")',
        ["RemoveField order.note", "DeleteModel event"],
    ),
}

MAY_BREAK = {
    "python": ("migrations.RunPython(fill)", ["RunPython fill: only its author knows"]),
    "sql": ('migrations.RunSQL("SELECT 1")', ["RunSQL: only its author knows"]),
    "custom": ("Custom()", ["Custom: it is no operation of Django's own"]),
    "constraint_added": (
        'migrations.AddConstraint("order", models.UniqueConstraint(fields=["note"], name="LABEL_note"))',
        ["AddConstraint order.LABEL_note: rows"],
    ),
    "unique_together": (
        'migrations.AlterUniqueTogether("order", {("code", "event_number"), ("customer", "code")})',
        ["AlterUniqueTogether order: rows"],
    ),
    "shorter": (
        'migrations.AlterField("order", "code", models.CharField(max_length=20))',
        ["AlterField order.code: values that it writes"],
    ),
    "other_type": (
        'migrations.AlterField("order", "note", models.IntegerField())',
        ["AlterField order.note: values that it writes"],
    ),
    "positive": (
        'migrations.AlterField("order", "amount", models.PositiveIntegerField(null=True))',
        ["AlterField order.amount: values that it writes"],
    ),
    "unique": (
        'migrations.AlterField("order", "code", models.CharField(max_length=40, unique=True))',
        ["AlterField order.code: values that it writes"],
    ),
    "unique_default": (
        'migrations.AddField("order", "extra", models.IntegerField(db_default=0, unique=True))',
        ["AddField order.extra: its second row"],
    ),
    "foreign_key": (
        'migrations.AlterField("order", "event_number", models.ForeignKey("LABEL.Event", '
        'django.db.models.deletion.CASCADE, null=True, db_column="event_number"))',
        ["AlterField order.event_number: values that it writes"],
    ),
    "null_forbidden_where_the_running_code_fills_it": (
        'migrations.AlterField("order", "created", models.DateTimeField(auto_now_add=True))',
        ["AlterField order.created: it may still write NULL"],
    ),
}

HARMLESS = {
    "model_created_and_changed": (
        'migrations.CreateModel("Party", [("id", KEY), ("a", models.TextField()), ("b", models.TextField())]),'
        'migrations.RemoveField("party", "a"), migrations.RenameField("party", "b", "c"),'
        'migrations.AddField("party", "d", models.IntegerField(default=0)),'
        'migrations.AlterUniqueTogether("party", {("c", "d")}),'
        'migrations.AddConstraint("party", models.UniqueConstraint(fields=["d"], name="LABEL_d")),'
        'migrations.RenameModel("party", "feast"), migrations.DeleteModel("feast")'
    ),
    "nullable_field_added": 'migrations.AddField("order", "extra", models.IntegerField(null=True))',
    "field_with_db_default_added": 'migrations.AddField("order", "extra", models.IntegerField(db_default=3))',
    "many_to_many_added": 'migrations.AddField("event", "tags", models.ManyToManyField("LABEL.Tag"))',
    "new_field_made_required_with_db_default": (
        'migrations.AddField("order", "extra", models.IntegerField(null=True)),'
        'migrations.AlterField("order", "extra", models.IntegerField(db_default=0))'
    ),
    "new_field_renamed_and_removed": (
        'migrations.AddField("order", "extra", models.IntegerField(null=True)),'
        'migrations.RenameField("order", "extra", "more"), migrations.RemoveField("order", "more")'
    ),
    "null_allowed": 'migrations.AlterField("order", "note", models.TextField(null=True))',
    # Django itself puts a db_default into the INSERT, where a database has no DEFAULT keyword there
    "default_of_sqlite_lost": 'migrations.AlterField("order", "total", models.IntegerField(default=5))',
    "longer": 'migrations.AlterField("order", "code", models.CharField(max_length=80))',
    "words_only": 'migrations.AlterField("order", "code", models.CharField(max_length=40, help_text="x", blank=True))',
    "column_kept": (
        'migrations.AlterField("order", "note", models.TextField(db_column="note")),'
        'migrations.RenameField("order", "note", "text")'
    ),
    "table_kept": 'migrations.AlterModelTable("event", "LABEL_event"), migrations.RenameModel("event", "party")',
    "index": 'migrations.AddIndex("order", models.Index(fields=["code"], name="LABEL_index"))',
    "constraint_removed": 'migrations.RemoveConstraint("order", "LABEL_code")',
    "unique_together_let_go": 'migrations.AlterUniqueTogether("order", set())',
    "unmanaged": 'migrations.RemoveField("legacy", "note"), migrations.DeleteModel("legacy")',
    "no_longer_managed": 'migrations.AlterModelOptions("event", {"managed": False})',
    "options": 'migrations.AlterModelOptions("event", {"ordering": ["place"]})',
    "proxy": (
        'migrations.CreateModel("Party", [], {"proxy": True}, bases=("LABEL.event",)), migrations.DeleteModel("party")'
    ),
    "nothing": "migrations.RunPython(migrations.RunPython.noop), migrations.RunSQL(migrations.RunSQL.noop)",
    "first_half_of_a_removal": (
        'migrations.AlterField("order", "note", models.TextField(null=True)),'
        'migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("order", "note")])'
    ),
}

SAID = {**BREAKS, **MAY_BREAK, **{name: (operations, []) for name, operations in HARMLESS.items()}}
