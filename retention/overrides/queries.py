"""Which accounts' bands are set by hand, now and on any day that was; and as a file."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from crm.accounts.queries import WITH_MERGED
from crm.exports.queries.book import of_account, streamed, user_address
from crm.exports.rules import Asked, Cell, Export, Table, tabled
from crm.lib.sql_files import load
from retention.overrides.models import Override


@dataclass(frozen=True)
class Held:
    """The band that somebody set for an account, with the reason and the last day on which it holds."""

    account_id: int
    pk: int
    band: int
    reason: str
    on: date
    until: date
    who: str


def overrides_sql(only: str = "") -> str:
    """The text of `overrides_on`, to run or to stand in brackets; `only`: a SELECT of account ids, or ANY (of them)."""
    return load(__file__, "overrides_on").replace("/*only*/", f"AND held.account_id = {only}" if only else "")


def overrides_on(
    day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None
) -> dict[int, Held]:
    """The override that holds on a day, by account, as far as it was recorded by `known` (None: all). One query."""
    given = {"day": day, "known": known} | ({} if accounts is None else {"accounts": list(accounts)})
    with connection.cursor() as cursor:
        cursor.execute(overrides_sql("" if accounts is None else WITH_MERGED), given)
        return {row[0]: Held(*row) for row in cursor.fetchall()}


def overrides_table(asked: Asked) -> Table:
    rows = Override.objects.visible_to(asked.user).filter(of_account(asked)).order_by("-on", "-pk")
    return tabled(streamed(rows.select_related("account", "by")), OVERRIDE)


OVERRIDE: dict[str, Cell] = {
    "account": "account.external_id", "health": lambda row: row.get_band_display() or "", "reason": "reason",
    "on": "on", "until": "until", "by": lambda row: user_address(row.by), "account_name": "account.name",
}  # fmt: skip

EXPORTS = [
    Export(
        "overrides", _("Health set by hand"), _("Whose health somebody set, why and until when."),
        overrides_table, ("export", "read_contact_data"),
    )
]  # fmt: skip
