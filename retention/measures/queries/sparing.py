"""Features that accounts do not need, now and on any day that was; and as a file."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from crm.accounts.queries import WITH_MERGED
from crm.exports.queries.book import of_account, streamed, user_address
from crm.exports.rules import Asked, Cell, Export, Table, tabled
from crm.lib.sql_files import load
from retention.measures.models import NotNeeded


@dataclass(frozen=True)
class Spared:
    """A feature that an account does not need; `until` None: for good."""

    account_id: int
    feature_id: int
    reason: str
    on: date
    until: date | None
    who: str


def not_needed_sql(only: str = "") -> str:
    """The text of `not_needed`, to run or to stand in brackets; `only`: ANY (account ids)."""
    return load(__file__, "not_needed").replace("/*only*/", f"AND held.account_id = {only}" if only else "")


def not_needed(
    day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None
) -> dict[tuple[int, int], Spared]:
    """By account and feature, as far as it was recorded by `known` (None: all). One query."""
    given = {"day": day, "known": known} | ({} if accounts is None else {"accounts": list(accounts)})
    with connection.cursor() as cursor:
        cursor.execute(not_needed_sql("" if accounts is None else WITH_MERGED), given)
        return {(row[0], row[1]): Spared(*row) for row in cursor.fetchall()}


def spared_table(asked: Asked) -> Table:
    rows = NotNeeded.objects.visible_to(asked.user).filter(of_account(asked)).order_by("-on", "-pk")
    return tabled(streamed(rows.select_related("account", "feature", "by")), SPARED)


SPARED: dict[str, Cell] = {
    "account": "account.external_id", "feature": "feature.key", "reason": "reason", "on": "on", "until": "until",
    "by": lambda row: user_address(row.by), "account_name": "account.name",
}  # fmt: skip

EXPORTS = [
    Export(
        "not-needed", _("Features not needed"), _("Features that accounts pay for and do not need, with the reason."),
        spared_table, ("export", "read_contact_data"),
    )
]  # fmt: skip
