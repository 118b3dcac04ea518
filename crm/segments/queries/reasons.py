"""Why an account is in: each condition of a tree, judged for one account by the code that lists it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from crm.accounts.models import Account
from crm.segments import rules
from crm.segments.queries.fields import Field, Lists, fields
from crm.segments.queries.lists import choices_of, lists_of
from crm.segments.queries.matching import Compiler, Unusable, as_condition, given
from crm.segments.queries.words import figure, in_words
from crm.staff.models import User


@dataclass(frozen=True)
class Reason:
    """One part of the tree. `value` is what the account has there; groups have parts instead."""

    holds: bool
    label: str = ""
    asked: str = ""
    value: str = ""
    how: str = ""
    parts: "tuple[Reason, ...]" = ()


def reasons(
    account: Account, tree: rules.Tree, *, day: date, user: User, known: Lists | None = None, currency: str = ""
) -> Reason:
    """Judge every condition for an account that `user` sees; one query. Raises `Unusable`."""
    return reasons_of([account.pk], tree, day=day, user=user, known=known, currency=currency)[account.pk]


def reasons_of(
    accounts: Collection[int],
    tree: rules.Tree,
    *,
    day: date,
    user: User,
    known: Lists | None = None,
    currency: str = "",
) -> dict[int, Reason]:
    """Judge every condition for each of these accounts that `user` sees; one query. Raises `Unusable`."""
    known = known or lists_of(tree)
    there_are = fields(known)
    compiler = Compiler(there_are, known, day, user)
    columns: dict[str, Any] = {}
    for n, leaf in enumerate(rules.leaves(tree)):
        text, parameters = compiler.compiled(leaf)
        columns[f"holds_{n}"] = as_condition(text, parameters)
        if leaf.field in there_are:
            columns[f"value_{n}"] = _value(there_are[leaf.field], day)
    if compiler.problems:
        raise Unusable(compiler.problems)
    rows = Account.objects.visible_to(user).filter(pk__in=accounts).select_related("owner", "pool").order_by("pk")

    def judged(found: Account) -> Iterator[Reason]:
        for n, leaf in enumerate(rules.leaves(tree)):
            value = _in_words(there_are[leaf.field], getattr(found, f"value_{n}"), found, known, currency)
            yield Reason(bool(getattr(found, f"holds_{n}")), *in_words(leaf, known, currency), value=value)

    return {found.pk: _judged(tree, judged(found)) for found in rows.annotate(**columns)}


def _value(field: Field, day: date) -> RawSQL:
    if not field.source:
        return RawSQL(field.value, [])  # noqa: S611 - fields are registered by the code
    text = f"ARRAY(SELECT {field.value} FROM {field.source} WHERE {field.account} = crm_account.id ORDER BY 1)"
    return RawSQL(text, given(field, day))  # noqa: S611 - as above


def _in_words(field: Field, value: Any, account: Account, known: Lists, currency: str) -> str:
    if field.kind == rules.OWNER:
        return str(account.owner or account.pool or _("nobody"))
    values = value if isinstance(value, list) else [value]
    labels = {field.convert(stored): str(label) for stored, label in choices_of(field, known)} if field.choices else {}
    said = [labels.get(each) or figure(field, each, currency) for each in values if each not in (None, "")]
    return ", ".join(said) or _("not known")


def _judged(tree: rules.Tree, leaves: Any) -> Reason:
    if isinstance(tree, rules.Leaf):
        leaf: Reason = next(leaves)
        return leaf
    parts = tuple(_judged(part, leaves) for part in tree.parts)
    hold = [part.holds for part in parts]
    holds = {rules.ALL: all(hold), rules.ANY: any(hold), rules.NONE: not any(hold)}[tree.how]
    return Reason(holds, how=tree.how, parts=parts)
