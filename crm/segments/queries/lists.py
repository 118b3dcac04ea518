"""The values that some fields take, as people know them: read in one query, and only those that are asked for."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from orjson import loads

from crm.lib.places import language_choices
from crm.lib.prepared import prepared_cursor
from crm.lib.sql_files import load
from crm.segments import rules
from crm.segments.queries.fields import TRAIT, Choice, Field, Lists
from crm.staff.models import User

EVERY = frozenset({"traits", "people", "teams", "plans", "features"})
VIEWS = "views"
_OF_FIELD = {"owner": ("people", "teams"), "plan": ("plans",), "feature": ("features",)}


def lists(wanted: Collection[str] = EVERY, *, user: User | None = None) -> Lists:
    """The lists of these names, "views" being those that `user` sees; the others stay empty. One query, or none."""
    if not wanted:
        return Lists()
    given: dict[str, Any] = {name: name in wanted for name in (*EVERY, VIEWS)}
    given |= {"me": user.pk if user else None, "my_team": user.team_id if user else None}
    with prepared_cursor() as cursor:
        cursor.execute(load(__file__, "lists"), given)
        (row,) = cursor.fetchall()
    return Lists(*([tuple(each) for each in loads(text or "[]")] for text in row))


def wanted_by(tree: rules.Tree) -> set[str]:
    """The lists without which the tree can be neither run nor put into words."""
    wanted: set[str] = set()
    for leaf in rules.leaves(tree):
        wanted |= {"traits"} if leaf.field.startswith(TRAIT) else set(_OF_FIELD.get(leaf.field, ()))
    return wanted


def lists_of(*trees: rules.Tree) -> Lists:
    """The lists that these trees need."""
    return lists(set().union(*(wanted_by(tree) for tree in trees)))


def choices_of(field: Field, known: Lists) -> list[Choice]:
    """The values that the field can take, with their labels; empty when it takes any."""
    if field.choices == "holders":
        ours = [("me", _("Me")), ("team", _("My team")), ("nobody", _("Nobody"))]
        people = [(f"user-{pk}", name) for pk, name in known.people]
        return [*ours, *people, *((f"team-{pk}", name) for pk, name in known.teams)]
    if field.choices == "languages":
        return list(language_choices(get_language() or "en"))
    if isinstance(field.choices, str):
        return list(getattr(known, field.choices)) if field.choices else []
    return list(field.choices)
