"""The account book as files that can be imported again: the importer's columns, and what it reads past at the end."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from crm.accounts.models import Account, Trait, TraitDefinition
from crm.contacts.models import Contact
from crm.exports.rules import Asked, Cell, Export, Table, number_in, plain, tabled
from crm.imports.rules import KINDS, MICRO, TRAIT_PREFIX
from crm.plans.models import Plan
from crm.staff.models import User
from crm.subscriptions.models import SubscriptionChange
from crm.usage.models import MonthlyTotal

BLOCK = 2_000
T = TypeVar("T")


def streamed(rows: QuerySet[Any, T]) -> Iterator[T]:
    """The rows by a cursor of the database: as they stood when it was opened, never all in memory."""
    return rows.iterator(chunk_size=BLOCK)


def figure(value: Decimal | None) -> int | Decimal | None:
    """Without the zeros that a column's precision adds."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else value.normalize()


def of_account(asked: Asked, *, path: str = "account") -> Q:
    """Rows of the account that the page is of, with those merged into it; all rows where it is of none."""
    pk = number_in(asked.state, "account")
    return Q() if pk is None else Q(**{path: pk}) | Q(**{f"{path}__merged_into": pk})


# --- accounts, with their traits -------------------------------------------------------------------------------------


def accounts(asked: Asked) -> Table:
    definitions = list(TraitDefinition.objects.order_by("key"))
    rows = Account.objects.visible_to(asked.user).filter(merged_into=None).select_related("owner").order_by("pk")
    traits = [f"{TRAIT_PREFIX}{row.key}" for row in definitions]
    read = tabled((), ACCOUNT)
    return Table([*read.head, *traits], _described(streamed(rows), definitions))


def _described(rows: Iterator[Account], definitions: list[TraitDefinition]) -> Iterator[list[object]]:
    while block := list(islice(rows, BLOCK)):
        held = _traits(block) if definitions else {}
        for account, cells in zip(block, tabled(block, ACCOUNT).rows, strict=True):
            yield [*cells, *(plain(held.get((account.pk, of.pk), "")) for of in definitions)]


def _traits(block: list[Account]) -> dict[tuple[int, int], object]:
    """The newest value of each trait, where it is of the trait's type."""
    column = {"number": "number", "text": "text", "flag": "flag", "date": "day"}
    newest = Trait.objects.system("of accounts that are seen").filter(account__in=block).select_related("definition")
    newest = newest.order_by("account", "definition", "-at").distinct("account", "definition")
    found = {}
    for row in newest:
        value = getattr(row, column[row.definition.type])
        found[row.account_id, row.definition_id] = figure(value) if isinstance(value, Decimal) else value
    return {key: value for key, value in found.items() if value is not None}


def user_address(user: User | None) -> str:
    """The address that an import knows one of us by; nobody's who may not own accounts any more."""
    return user.email if user and user.is_active and user.may("write_account") else ""


ACCOUNT: dict[str, Cell] = {
    "external_id": "external_id", "name": "name", "domains": "domains", "stage": "stage", "segment": "segment",
    "tags": "tags", "time_zone": "time_zone", "language": "language", "currency": "currency",
    "owner": lambda row: user_address(row.owner), "customer_since": "customer_since",
}  # fmt: skip


# --- people, plans, what is paid -------------------------------------------------------------------------------------


def contacts(asked: Asked) -> Table:
    """Of one account as its page has them; else of all accounts."""
    rows = Contact.objects.visible_to(asked.user).filter(of_account(asked), erased_at=None, merged_into=None)
    if "account" in asked.state and "left" not in asked.state:
        rows = rows.filter(left_on=None)
    order = ("name", "pk") if "account" in asked.state else ("pk",)
    return tabled(streamed(rows.select_related("account").order_by(*order)), CONTACT)


CONTACT: dict[str, Cell] = {
    "account": "account.external_id", "external_id": "external_id", "name": "name", "email": "email",
    "job_title": "job_title", "phone": "phone", "role": "role", "language": "language", "time_zone": "time_zone",
    "left_on": "left_on", "account_name": "account.name",
}  # fmt: skip


def plans(_asked: Asked) -> Table:
    return tabled(Plan.objects.order_by("name", "pk").prefetch_related("features"), PLAN)


PLAN: dict[str, Cell] = {
    "external_id": "external_id", "name": "name",
    "features": lambda row: [feature.key for feature in row.features.all()],
    "includes_everything": "includes_everything",
}  # fmt: skip


def subscriptions(asked: Asked) -> Table:
    """One row for each term or change, line by line. Of two rows for one day the later recorded one holds."""
    rows = SubscriptionChange.objects.visible_to(asked.user).filter(of_account(asked))
    rows = rows.select_related("account", "subscription", "plan")
    rows = rows.order_by("subscription", "effective_on", "-id").distinct("subscription", "effective_on")
    return tabled(_terms(streamed(rows)), SUBSCRIPTION)


def _terms(rows: Iterable[SubscriptionChange]) -> Iterator[SubscriptionChange]:
    """Without the rows that only say that nothing is paid from a day on: the term before each ends on its day."""
    held: SubscriptionChange | None = None
    for row in chain(rows, [None]):
        if held and held.ends_on != held.effective_on:
            if row and row.subscription_id == held.subscription_id and row.ends_on == row.effective_on:
                held.ends_on = min(held.ends_on or row.ends_on, row.ends_on)
            yield held
        held = row


SUBSCRIPTION: dict[str, Cell] = {
    "account": "account.external_id", "subscription": "subscription.external_id",
    "plan": lambda row: row.plan.external_id if row.plan else "", "start": "effective_on", "end": "ends_on",
    "seats": "seats", "price": "price", "billing_months": "billing_months", "currency": "currency",
    "renews_on": "renews_on", "notice_on": "notice_on", "mrr": lambda row: figure(row.mrr),
    "account_name": "account.name",
}  # fmt: skip


def totals(asked: Asked) -> Table:
    """What was told by the month; what is counted from events is not among it, so that nothing would count twice."""
    rows = MonthlyTotal.objects.visible_to(asked.user).select_related("account", "event__feature")
    return tabled(streamed(rows.filter(event__feature__isnull=False).order_by("pk")), TOTAL)


TOTAL: dict[str, Cell] = {
    "account": "account.external_id", "month": lambda row: f"{row.month:%Y-%m}", "feature": "event.feature.key",
    "uses": "uses", "amount": lambda row: figure(row.amount / MICRO), "account_name": "account.name",
}  # fmt: skip


def as_imported(kind: str, table: Callable[[Asked], Table], *verbs: str) -> Export:
    """A list in the columns of the importer's kind of that name."""
    return Export(kind, KINDS[kind].label, KINDS[kind].about, table, ("export", *verbs))


EXPORTS = [
    as_imported("accounts", accounts),
    as_imported("contacts", contacts, "read_contact_data"),
    as_imported("plans", plans),
    as_imported("subscriptions", subscriptions),
    as_imported("totals", totals),
]
