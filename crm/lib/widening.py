"""Checks that migrations widen, so that the way back stands open on tables with rows."""

from typing import Any

from django.db.migrations import RemoveConstraint


class RemoveCheck(RemoveConstraint):
    """Take a check away for a wider one to come.

    On the way back the narrow one holds for new rows only: rows that only the wider one allows may be there by then.
    """

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        check = next(each for each in model._meta.constraints if each.name == self.name)
        schema_editor.execute(f"{check.create_sql(model, schema_editor)} NOT VALID", params=None)
