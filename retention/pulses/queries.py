"""Pulses as they stand, now and on any day that was; and as a file."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

from crm.accounts.queries import WITH_MERGED
from crm.exports.queries.book import of_account, streamed, user_address
from crm.exports.rules import Asked, Cell, Export, Table, tabled
from crm.lib.sql_files import load
from retention.pulses import rules
from retention.pulses.models import Pulse

# For lists: of each account the one that counts on %(day)s.
COUNTING = "(SELECT account_id, value FROM ({pulses}) AS last WHERE valid_until >= %(day)s)"


@dataclass(frozen=True)
class Held:
    """An account's last pulse by a day. `who` empty: somebody who was never a user here."""

    account_id: int
    pk: int
    value: int
    reason: str
    on: date
    valid_until: date
    who: str

    def counts(self, day: date) -> bool:
        return day <= self.valid_until


def pulses_sql(only: str = "") -> str:
    """The text of `pulses_on`, to run or to stand in brackets; `only`: a SELECT of account ids, or ANY (of them)."""
    return load(__file__, "pulses_on").replace("/*only*/", f"AND held.account_id = {only}" if only else "")


def pulses_on(day: date, *, known: datetime | None = None, accounts: Collection[int] | None = None) -> dict[int, Held]:
    """The last pulse of each account by the end of a day, by account; expired ones too (`Held.counts`). One query.

    `known`: as far as it was recorded by that instant (None: all).
    """
    given = {"day": day, "known": known} | ({} if accounts is None else {"accounts": list(accounts)})
    with connection.cursor() as cursor:
        cursor.execute(pulses_sql("" if accounts is None else WITH_MERGED), given)
        return {row[0]: Held(*row) for row in cursor.fetchall()}


# --- as a file -------------------------------------------------------------------------------------------------------


def pulses_table(asked: Asked) -> Table:
    rows = Pulse.objects.visible_to(asked.user).filter(of_account(asked)).exclude(value=None).order_by("-on", "-pk")
    return tabled(streamed(rows.select_related("account", "by")), PULSE)


PULSE: dict[str, Cell] = {
    "account": "account.external_id", "pulse": "value", "reason": "reason", "on": "on",
    "by": lambda row: user_address(row.by), "valid_until": "valid_until", "account_name": "account.name",
}  # fmt: skip

EXPORTS = [Export(rules.PULSES, _(rules.LABEL), _(rules.ABOUT), pulses_table, ("export", "read_contact_data"))]
