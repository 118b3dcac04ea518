"""Conditions as people read them: "Renewal in the next 90 days"."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext

from crm.lib.formats import number_locale, word_locale
from crm.lib.gate import Refused
from crm.segments import rules
from crm.segments.queries.fields import Field, Lists, fields
from crm.segments.queries.lists import choices_of

GAP = "…"
SAYINGS = {
    "is": gettext_lazy("is %(value)s"),
    "is_not": gettext_lazy("is not %(value)s"),
    "has": gettext_lazy("is %(value)s"),
    "has_not": gettext_lazy("is not %(value)s"),
    "words": gettext_lazy("begins with “%(value)s”"),
    "begins": gettext_lazy("begins with “%(value)s”"),
    "at_least": gettext_lazy("at least %(value)s"),
    "under": gettext_lazy("under %(value)s"),
    "between": gettext_lazy("from %(first)s to %(second)s"),
    "next": ngettext_lazy("in the next %(value)s day", "in the next %(value)s days", "n"),
    "last": ngettext_lazy("in the last %(value)s day", "in the last %(value)s days", "n"),
    "later": ngettext_lazy("more than %(value)s day ahead", "more than %(value)s days ahead", "n"),
    "older": ngettext_lazy("more than %(value)s day ago", "more than %(value)s days ago", "n"),
    "past": gettext_lazy("is past"),
    "before": gettext_lazy("before %(value)s"),
    "from": gettext_lazy("on or after %(value)s"),
    "known": gettext_lazy("is known"),
    "unknown": gettext_lazy("is not known"),
    "yes": gettext_lazy("yes"),
    "no": gettext_lazy("no"),
}


def comparisons(field: Field) -> list[tuple[str, str]]:
    """The field's operators with their words, for a choice."""
    return [(op, said(op, [GAP, GAP])) for op in rules.OPERATORS[field.kind]]


def said(op: str, values: Sequence[str]) -> str:
    either = pgettext("between alternatives", " or ").join(values) if op in _SEVERAL else values[0] if values else ""
    both = values if len(values) == 2 else ["", ""]
    places = {"value": GAP if GAP in values else either, "first": both[0], "second": both[1]}
    return str(SAYINGS[op] % {**places, "n": 1 if either == "1" else 2})


_SEVERAL = {op for ops in rules.OPERATORS.values() for op, shape in ops.items() if shape == rules.MANY}


def in_words(leaf: rules.Leaf, known: Lists, currency: str = "") -> tuple[str, str]:
    """(the field's label, what is asked of it); of an unknown field, what was written."""
    field = fields(known).get(leaf.field)
    if field is None or leaf.op not in rules.OPERATORS[field.kind]:
        return leaf.field.partition(":")[2] or leaf.field, " ".join((leaf.op, *leaf.values))
    labels = {value: str(label) for value, label in choices_of(field, known)}
    values = [labels.get(value) or _figure(field, leaf.op, value, currency) for value in leaf.values]
    return str(field.label), said(leaf.op, values) + (f" {field.unit}" if field.unit and values else "")


def _figure(field: Field, op: str, value: str, currency: str) -> str:
    """A number or a day as the reader writes it; anything else stays as it is."""
    if field.kind == rules.OWNER:
        return _("somebody who is gone")
    try:
        found = rules.typed(field.kind, rules.Leaf(field.key, _alone(field, op), (value,)), "")[0]
    except Refused:
        return value
    return figure(field, found, currency) if not isinstance(found, int) else str(found)


def _alone(field: Field, op: str) -> str:
    """An operator of one value that reads one of two values alike."""
    return op if op != "between" else {rules.NUMBER: "is"}.get(field.kind, "from")


def figure(field: Field, value: Any, currency: str = "") -> str:
    """A value of the field as the reader writes it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, date):
        return format_date(value, "medium", locale=word_locale())
    if isinstance(value, (int, Decimal)) and field.kind == rules.NUMBER:
        if field.money and currency:
            pattern = number_locale().currency_formats["standard"].pattern
            pattern = pattern.replace(".00", "") if value == int(value) else pattern
            return format_currency(value, currency, pattern, locale=number_locale(), currency_digits=False)
        return format_decimal(value, locale=number_locale())
    return str(value)


def sentence(tree: rules.Tree, known: Lists, currency: str = "") -> str:
    """The whole tree in one sentence."""
    if isinstance(tree, rules.Leaf):
        return " ".join(in_words(tree, known, currency))
    if not tree.parts:
        return _("every account")
    if len(tree.parts) == 1 and tree.how != rules.NONE:
        return sentence(tree.parts[0], known, currency)
    every, either = pgettext("between conditions", " and "), pgettext("between alternatives", " or ")
    link = every if tree.how == rules.ALL else either
    parts = [sentence(part, known, currency) for part in tree.parts]
    inner = [f"({text})" if isinstance(part, rules.Group) and len(part.parts) > 1 and part.how != rules.NONE else text
             for text, part in zip(parts, tree.parts, strict=True)]  # fmt: skip
    text = link.join(inner)
    return _("none of: %(conditions)s") % {"conditions": text} if tree.how == rules.NONE else text


def refusal(problem: Refused) -> str:
    """The refusal in the reader's language."""
    return _(problem.template).format(**problem.values)
