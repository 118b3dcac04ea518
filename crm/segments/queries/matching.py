"""From a tree to accounts: one WHERE, whatever the tree; nothing that anybody typed is ever part of the text."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_noop

from crm.accounts.models import Account, AccountQuerySet
from crm.lib.gate import Refused
from crm.lib.search import cleaned, tsquery
from crm.segments import rules
from crm.segments.queries.fields import DAY, RECORDED, Field, Lists, fields
from crm.segments.queries.lists import choices_of, lists_of
from crm.staff.models import User
from crm.staff.queries import scope_of

Sql = tuple[str, list[Any]]
NOBODY_ASKS = gettext_noop("“Me” and “my team” mean nobody here: no person asks. Choose people or teams by name.")
# As the indexes account_search and account_name_prefix have them.
_NAMED = """(to_tsvector('simple'::regconfig, COALESCE({0}.name, '') || ' ' || COALESCE({0}.external_id, ''))
    @@ (to_tsquery('simple', %s) || %s::tsquery) OR lower({0}.name) LIKE %s)"""
# Planners take any word to be common, and would look for the few that have it through the whole list in its order.
# So names are found first, except by beginnings so short that many have them.
_FOUND_FIRST = f"crm_account.id = ANY (ARRAY(SELECT id FROM crm_account AS named WHERE {_NAMED.format('named')}))"
SHORT = 2


class Unusable(ValueError):
    """A tree that cannot be run as it stands, with the reasons; it never matches everything instead."""

    def __init__(self, problems: list[Refused]) -> None:
        super().__init__("; ".join(problem.reason for problem in problems))
        self.problems = problems


def matching(
    tree: rules.Tree, *, day: date, user: User | None = None, why: str = "", known: Lists | None = None
) -> AccountQuerySet:
    """The accounts that the tree finds on `day`, among those that `user` sees, or among all for the reason `why`.

    Merged ones never. Raises `Unusable`. It is a queryset like any other: narrow it, count it, or join it from a SQL
    file by `crm.lib.scope.named_text`.
    """
    rows = Account.objects.visible_to(user) if user else Account.objects.system(why)
    return narrowed(rows.filter(merged_into=None), tree, day=day, user=user, known=known)


def narrowed(
    rows: AccountQuerySet, tree: rules.Tree, *, day: date, user: User | None = None, known: Lists | None = None
) -> AccountQuerySet:
    """Those of the accounts that the tree finds on `day`. `user` is "me". Raises `Unusable`."""
    if isinstance(tree, rules.Group) and not tree:
        return rows
    return rows.filter(as_condition(*condition(tree, day=day, user=user, known=known)))


def condition(
    tree: rules.Tree,
    *,
    day: date,
    user: User | None = None,
    known: Lists | None = None,
    recorded: datetime | None = None,
) -> Sql:
    """The tree as a condition on crm_account, with its parameters in their order. Raises `Unusable`.

    `recorded`: of dated fields, what was recorded by then (None: all).
    """
    known = known or lists_of(tree)
    compiler = Compiler(fields(known), known, day, user, recorded)
    text, parameters = compiler.compiled(tree)
    if compiler.problems:
        raise Unusable(compiler.problems)
    return text, parameters


def problems(tree: rules.Tree, *, day: date, user: User | None = None, known: Lists | None = None) -> list[Refused]:
    """Why the tree cannot be run; empty when it can."""
    known = known or lists_of(tree)
    compiler = Compiler(fields(known), known, day, user)
    compiler.compiled(tree)
    return compiler.problems


def as_condition(text: str, parameters: list[Any]) -> RawSQL:
    """What a compiler gave, for a queryset. The text is made of fields that the code registers, never of input."""
    return RawSQL(text, parameters, output_field=BooleanField())  # noqa: S611


class Compiler:
    """Turns trees into SQL over crm_account, and keeps what is wrong with them in `problems`."""

    def __init__(
        self,
        known_fields: Mapping[str, Field],
        known: Lists,
        day: date,
        user: User | None,
        recorded: datetime | None = None,
    ) -> None:
        self.fields, self.known, self.day, self.user, self.recorded = known_fields, known, day, user, recorded
        self.problems: list[Refused] = []

    def compiled(self, tree: rules.Tree) -> Sql:
        if isinstance(tree, rules.Leaf):
            return self._leaf(tree)
        parts = [self.compiled(part) for part in tree.parts]
        parameters = [value for _text, values in parts for value in values]
        if not parts:
            return ("FALSE" if tree.how == rules.ANY else "TRUE"), []
        text = f" {'AND' if tree.how == rules.ALL else 'OR'} ".join(f"({text})" for text, _values in parts)
        # What is not known is not so; only where something is denied does SQL have to be told.
        return (f"NOT coalesce({text}, FALSE)" if tree.how == rules.NONE else text), parameters

    def _leaf(self, leaf: rules.Leaf) -> Sql:
        field = self.fields.get(leaf.field)
        try:
            if field is None:
                raise Refused(rules.NO_FIELD, field=leaf.field.partition(":")[2] or leaf.field)
            values = rules.typed(field.kind, leaf, str(field.label))
            text, parameters = self._compared(field, rules.OPPOSITE.get(leaf.op, leaf.op), values)
        except Refused as refused:
            self.problems.append(refused)
            return "FALSE", []
        return (f"NOT coalesce({text}, FALSE)" if leaf.op in rules.OPPOSITE else text), parameters

    def _compared(self, field: Field, op: str, values: tuple[Any, ...]) -> Sql:
        if field.kind == rules.OWNER:
            return self._held(values)
        if op == "words":
            return self._named(values[0])
        text, parameters = compared(field, op, self._stored(field, values), self.day)
        if not field.source:
            return text, parameters
        rows = f"crm_account.id IN (SELECT {field.account} FROM {field.source} WHERE {{}})"
        before = given(field, self.day, self.recorded)
        if field.absent and field.convert(field.absent) in parameters[0]:
            others = rows.format(f"{field.value} <> %s")
            text = f"({rows.format(text)} OR NOT {others})"
            return text, [*before, *parameters, *before, field.convert(field.absent)]
        return rows.format(text), [*before, *parameters]

    def _stored(self, field: Field, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Chosen words as they are stored; one that is no choice is refused, unless its list was not read."""
        if field.kind not in (rules.CHOICE, rules.WORDS) or not field.choices:
            return values
        there_are = {value for value, _label in choices_of(field, self.known)}
        for value in values:
            if value not in there_are:
                raise Refused(rules.NOT_A_CHOICE, field=str(field.label), value=value)
        return tuple(field.convert(value) for value in values)

    def _held(self, values: tuple[str, ...]) -> Sql:
        """In whose hands an account is: anybody's of these."""
        texts: list[str] = []
        parameters: list[Any] = []
        for value in values:
            kind, _dash, number = value.partition("-")
            if self.user is None and value in ("me", "team"):
                raise Refused(NOBODY_ASKS)
            if value == "nobody":
                texts.append("crm_account.owner_id IS NULL AND crm_account.pool_id IS NULL")
                continue
            if kind == "me":
                self._mine(texts, parameters)
                continue
            pk = int(number) if number else self.user.team_id  # type: ignore[union-attr]  # asked above
            if kind == "user":
                texts.append("crm_account.owner_id = %s")
                parameters.append(pk)
            else:
                texts.append("crm_account.owner_id IN (SELECT id FROM crm_user WHERE team_id = %s)")
                texts.append("crm_account.pool_id = %s")
                parameters += [pk, pk]
        return f"({' OR '.join(texts)})", parameters

    def _mine(self, texts: list[str], parameters: list[Any]) -> None:
        """What the user owns, and what they cover at this instant, as on Today and among the renewals."""
        assert self.user is not None  # refused before
        covers = scope_of(self.user).covers
        texts.append("crm_account.owner_id = ANY (%s)")
        parameters.append([self.user.pk, *sorted(covers.users)])
        if covers.pools:
            texts.append("crm_account.pool_id = ANY (%s)")
            parameters.append(sorted(covers.pools))

    def _named(self, words: str) -> Sql:
        words = cleaned(words)
        query = tsquery(words)
        text = _NAMED.format("crm_account") if len(words) <= SHORT else _FOUND_FIRST
        return (text, [query, query, like(words)]) if query else ("FALSE", [])


def given(field: Field, day: date, recorded: datetime | None = None) -> list[Any]:
    """The parameters of the field's source."""
    marks = {DAY: day, RECORDED: recorded}
    return [marks[value] if value in (DAY, RECORDED) else value for value in field.parameters]


def like(beginning: str) -> str:
    """A pattern for what begins so, in small letters."""
    return beginning.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"


def compared(field: Field, op: str, values: tuple[Any, ...], day: date) -> Sql:
    """The comparison of one value, as SQL that is null where there is none."""
    v = field.value
    if op == "known":
        empty = {
            rules.TEXT: f"{v} <> ''",
            rules.WORDS: f"cardinality({v}) > 0" if field.is_array else f"{v} IS NOT NULL",
        }
        return empty.get(field.kind, f"{v} IS NOT NULL"), []
    if field.kind in (rules.TEXT, rules.NAME):
        if op == "begins":
            return f"lower({v}) LIKE %s", [like(values[0])]
        return f"lower({v}) = ANY (%s)", [[value.lower() for value in values]]
    if field.kind == rules.WORDS and field.is_array:
        return f"{v} && %s::character varying[]", [list(values)]
    if field.kind in (rules.CHOICE, rules.WORDS):
        return f"{v} = ANY (%s)", [list(values)]
    if field.kind == rules.FLAG:
        return (v if op == "yes" else f"NOT {v}"), []
    if field.kind == rules.DATE:
        return _dated(v, op, values, day)
    signs = {"at_least": f"{v} >= %s", "under": f"{v} < %s", "between": f"{v} BETWEEN %s AND %s", "is": f"{v} = %s"}
    return signs[op], list(values)


def _dated(v: str, op: str, values: tuple[Any, ...], day: date) -> Sql:
    """Days relative to `day` are counted here, so that the database compares a column with a constant."""
    if op in rules.IN_DAYS:
        ahead, back = _shifted(day, values[0]), _shifted(day, -values[0])
        return {
            "next": (f"{v} BETWEEN %s AND %s", [day, ahead]),
            "last": (f"{v} BETWEEN %s AND %s", [back, day]),
            "later": (f"{v} > %s", [ahead]),
            "older": (f"{v} < %s", [back]),
        }[op]
    signs = {"past": f"{v} < %s", "before": f"{v} < %s", "from": f"{v} >= %s", "between": f"{v} BETWEEN %s AND %s"}
    return signs[op], [day] if op == "past" else list(values)


def _shifted(day: date, days: int) -> date:
    return day + timedelta(days)
