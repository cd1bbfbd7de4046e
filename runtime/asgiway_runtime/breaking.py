"""What a plan of migrations does to code that does not know them: the running release, and the one a rollback starts.

Each operation is judged by the tables and columns before and after it, as Django would render them, so it does not
matter which operation took a column away or what db_column and db_table say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models, router
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.state import ProjectState

# By name, so that one needs neither psycopg nor the newest Django; a subclass counts as its parent.
HARMLESS = {
    *("AlterModelOptions", "AlterModelManagers", "AlterModelTableComment"),
    *("AddIndex", "RemoveIndex", "RenameIndex", "AlterIndexTogether"),
    *("RemoveConstraint", "AlterConstraint", "ValidateConstraint", "CreateExtension", "CreateCollation"),
}
SCHEMA = {
    *("CreateModel", "DeleteModel", "RenameModel", "AlterModelTable", "AlterOrderWithRespectTo"),
    *("AddField", "RemoveField", "AlterField", "RenameField"),
}
RULES = {"AddConstraint", "AlterUniqueTogether"}
CODE = {"RunPython", "RunSQL"}

GONE = "first deploy code that no longer uses it, then this migration"
REQUIRED = "give it a db_default, or add it with null=True and make it required in a later deploy"
FILLED = "first deploy code that always fills it (a default in the model is enough), then this migration"

Columns = dict[tuple[str, str], list[Any]]  # (table, column) -> fields; two models may share a table


@dataclass(frozen=True)
class Finding:
    """An operation that the running release may not survive."""

    operation: str
    certain: bool
    why: str

    def __str__(self) -> str:
        """One line, for the person who deploys."""
        return f"{'breaks' if self.certain else 'may break'} the running release: {self.operation}: {self.why}"


def findings(connection: Any) -> list[Finding]:
    """Judge every operation that `migrate` would run on this database, in order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return []
    state = executor._create_project_state(with_applied_migrations=True)  # as Django's own migrate command does
    judge = _Judge(connection, state)
    found = []
    for migration, _ in plan:
        for operation in migration.operations:
            before, state = state, state.clone()
            operation.state_forwards(migration.app_label, state)
            found += judge.operation(operation, migration, before, state)
    return found


class _Judge:
    """Compares states with what the running release knows."""

    def __init__(self, connection: Any, running: ProjectState) -> None:
        """Remember the tables and columns that are there before anything is migrated."""
        self._connection = connection
        self._columns = set(self._read(running))
        self._tables = {table for table, _ in self._columns}

    def _read(self, state: ProjectState) -> Columns:
        """Return the columns that Django keeps in this database; unmanaged, proxy and foreign models have none."""
        alias, columns = self._connection.alias, Columns()
        for model in state.apps.get_models(include_auto_created=True):
            if not model._meta.can_migrate(alias) or not router.allow_migrate_model(alias, model):
                continue
            for field in model._meta.local_concrete_fields:
                columns.setdefault((model._meta.db_table, field.column), []).append(field)
        return columns

    def operation(self, operation: Any, migration: Any, before: ProjectState, after: ProjectState) -> list[Finding]:
        """Return what there is to say about one operation: nothing, one finding, or those of the operations inside."""
        if isinstance(operation, SeparateDatabaseAndState):
            found = []
            for inner in operation.database_operations:
                before, after = before, before.clone()
                inner.state_forwards(migration.app_label, after)
                found += self.operation(inner, migration, before, after)
                before = after
            return found
        reasons = list(self._reasons(operation, migration.app_label, before, after))
        if not reasons:
            return []
        certain, why = max(reasons, key=lambda reason: reason[0])  # the first of the worst
        title = " ".join(filter(None, [type(operation).__name__, _target(operation)]))
        return [Finding(f"{migration.app_label}.{migration.name}: {title}", certain, why)]

    def _reasons(
        self, operation: Any, app_label: str, before: ProjectState, after: ProjectState
    ) -> Iterator[tuple[bool, str]]:
        kinds = {base.__name__ for base in type(operation).__mro__ if base.__module__.startswith("django.")}
        if kinds & HARMLESS:
            return
        if kinds & SCHEMA:
            yield from self._changes(self._read(before), self._read(after))
        elif kinds & RULES:
            name = getattr(operation, "model_name", None) or operation.name
            if _narrows(operation, app_label, before) and self._knows(after.apps.get_model(app_label, name)):
                yield False, "rows that the running release writes may not fit the new rule"
        elif kinds & CODE:
            if not _does_nothing(operation):
                yield False, "only its author knows what it does to the tables that the running release uses"
        else:
            yield False, "it is no operation of Django's own, so nothing is known about it"

    def _knows(self, model: Any) -> bool:
        alias = self._connection.alias
        managed = model._meta.can_migrate(alias) and router.allow_migrate_model(alias, model)
        return managed and model._meta.db_table in self._tables

    def _changes(self, before: Columns, after: Columns) -> Iterator[tuple[bool, str]]:
        tables = {table for table, _ in after}
        for key in before:
            if key in self._columns and len(after.get(key, [])) < len(before[key]):
                what = f"column {'.'.join(key)}" if key[0] in tables else f"table {key[0]}"
                yield True, f"it uses the {what}; {GONE}"
        for key, (field, *_) in after.items():
            column = ".".join(key)
            if key[0] not in self._tables:
                continue
            if key in before and key in self._columns:
                yield from self._altered(before[key][0], field, column)
            elif _required(field) and not (key in before and _required(before[key][0])):
                yield True, f"it inserts rows without the new column {column}, which has no default there; {REQUIRED}"
            elif field.unique and _has_db_default(field) and key not in before:
                yield False, f"its second row without the new column {column} would repeat a unique default"

    def _altered(self, old: Any, new: Any, column: str) -> Iterator[tuple[bool, str]]:
        """Compare a column that the running release knows as `old`."""
        if not new.null and old.null:
            if _filled(old):
                yield False, f"it may still write NULL into {column}, where nothing else says a value"
            else:
                yield True, f"it writes NULL into {column} where nothing else says a value; {FILLED}"
        asks = getattr(self._connection.features, "supports_default_keyword_in_insert", False)
        if asks and _has_db_default(old) and not _has_db_default(new) and not new.null:
            yield True, f"it leaves {column} to the default of the database, which goes away; {FILLED}"
        was, becomes = (_stored(field, self._connection) for field in (old, new))
        if was != becomes and not _widened(old, new):
            yield False, f"values that it writes into {column} may not fit ({was} becomes {becomes})"
        if new.unique and not old.unique:
            yield False, f"values that it writes into {column} may be there already, and must be unique now"
        if _bound(new) and not (_bound(old) and old.related_model._meta.label == new.related_model._meta.label):
            yield False, f"values that it writes into {column} may not be there in {new.related_model._meta.db_table}"


def _target(operation: Any) -> str:
    """Return what an operation works on, as model.field or the like."""
    if hasattr(operation, "code"):
        return getattr(operation.code, "__name__", "")
    name = getattr(operation, "old_name", None) or getattr(operation, "name", None)
    name = name or getattr(getattr(operation, "constraint", None), "name", None)
    return ".".join(filter(None, [getattr(operation, "model_name", None), name]))


def _has_db_default(field: Any) -> bool:
    return getattr(field, "db_default", models.NOT_PROVIDED) is not models.NOT_PROVIDED


def _filled(field: Any) -> bool:
    """Whether code that says nothing of the field writes a value all the same."""
    automatic = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return field.has_default() or _has_db_default(field) or automatic


def _required(field: Any) -> bool:
    """Whether an INSERT fails that does not name this column: Django keeps only a db_default in the database."""
    counted = isinstance(field, models.AutoField)  # also BigAutoField and SmallAutoField
    return not (field.null or _has_db_default(field) or getattr(field, "generated", False) or counted)


def _stored(field: Any, connection: Any) -> str:
    parameters = field.db_parameters(connection)
    parts = (parameters.get(name) for name in ("type", "check", "collation"))
    return " ".join(str(part) for part in parts if part)


def _widened(old: Any, new: Any) -> bool:
    """Whether only more text fits than before."""
    if type(old) is not type(new) or not isinstance(old, models.CharField) or old.db_collation != new.db_collation:
        return False
    return bool(new.max_length is None or (old.max_length is not None and new.max_length >= old.max_length))


def _bound(field: Any) -> bool:
    return field.remote_field is not None and getattr(field, "db_constraint", False)


def _narrows(operation: Any, app_label: str, before: ProjectState) -> bool:
    """Whether a rule is added; unique_together that only lets go is none."""
    wanted = getattr(operation, "unique_together", None)
    if wanted is None:
        return hasattr(operation, "constraint")
    had = before.models[app_label, operation.name_lower].options.get("unique_together") or ()
    return not {tuple(fields) for fields in wanted} <= {tuple(fields) for fields in had}


def _does_nothing(operation: Any) -> bool:
    if hasattr(operation, "code"):
        return operation.code is type(operation).noop
    return not operation.sql  # RunSQL.noop is ""
