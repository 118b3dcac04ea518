"""The segments and views that a person sees, and how many accounts stand in a segment."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from crm.accounts.models import GONE, Account, TagRename
from crm.audit.models import AuditRow
from crm.lib.gate import Refused
from crm.lib.scope import named_text
from crm.segments import rules
from crm.segments.models import SavedView, Segment
from crm.segments.queries.fields import Lists
from crm.segments.queries.matching import Unusable, narrowed
from crm.staff.models import User

MOST_COUNTED = 1_000


def segments_of(user: User) -> QuerySet[Segment]:
    return Segment.objects.visible_to(user).select_related("owner").order_by("name", "pk")


def views_of(user: User) -> QuerySet[SavedView]:
    return SavedView.objects.visible_to(user).select_related("owner").order_by("name", "pk")


def tree_of(segment: Segment) -> rules.Group:
    """The segment's tree. Raises `Unusable` when what is stored cannot be read."""
    try:
        return rules.from_json(segment.tree)
    except Refused as refused:
        raise Unusable([refused]) from refused


class Count(NamedTuple):
    """How many accounts, up to `MOST_COUNTED`; `more` when there are more than that."""

    accounts: int
    more: bool


def current(tree: rules.Group) -> rules.Group:
    """With a condition that leaves out whoever has gone, unless the tree speaks of stages itself."""
    if any(leaf.field == "stage" for leaf in rules.leaves(tree)):
        return tree
    return rules.both(rules.Group(rules.ALL, (rules.Leaf("stage", "is_not", tuple(GONE)),)), tree)


def counts(trees: Mapping[int, rules.Group], *, user: User, day: date, known: Lists) -> dict[int, Count]:
    """How many current accounts that the user sees stand in each of the trees; one query for all of them.

    A tree that cannot be run has no count. Counting stops a little above `MOST_COUNTED`, so that it costs the same
    whatever the size of the book.
    """
    texts: list[str] = []
    parameters: dict[str, Any] = {}
    for key, tree in trees.items():
        seen = Account.objects.visible_to(user).filter(merged_into=None)
        try:
            rows = narrowed(seen, current(tree), day=day, user=user, known=known)
        except Unusable:
            continue
        text, values = named_text(rows.order_by().values("pk")[: MOST_COUNTED + 1], prefix=f"of{key}_")
        texts.append(f"SELECT {int(key)}, count(*) FROM ({text}) AS found")
        parameters |= values
    if not texts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(texts), parameters)
        return {key: Count(min(n, MOST_COUNTED), n > MOST_COUNTED) for key, n in cursor.fetchall()}


def followers(rename: TagRename) -> dict[str, list[int]]:
    """Which segments and views were changed when the tag was renamed, as the record has it: ids by kind."""
    rows = AuditRow.objects.filter(object_kind="tagrename", object_id=str(rename.pk), action="tag.followed")
    row = rows.order_by("id").first()
    return row.after if row else {}
