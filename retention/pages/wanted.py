"""What the portfolio's address asks for: the filter, the order and the columns. A view is nothing but this address."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Stage
from crm.lib.gate import Refused
from crm.lib.search import cleaned
from crm.segments import rules
from crm.segments.queries import current
from crm.segments.rules import Group, Leaf
from retention.pages.fields import BANDS

SAFE = "(),~*:"  # signs of a filter that an address may carry as they are


class Sort(NamedTuple):
    """One order of the list. `value` is SQL; `table` the alias of the table it comes from, "" for the account's own.

    `descending`: how it is first asked for. `read`: a value of it as a cursor carries it.
    """

    label: str | Promise
    value: str
    read: Callable[[Any], Any]
    table: str = ""
    descending: bool = False


SORTS = {
    "score": Sort(_("Score"), "score.points", int, "score"),
    "change": Sort(_("Score change"), "score.change", int, "score"),
    "pulse": Sort(_("Pulse"), "pulse.value", int, "pulse"),
    "name": Sort(_("Name"), "lower(account.name)", str),
    "mrr": Sort(_("MRR"), "figures.mrr", Decimal, "figures", descending=True),
    "renewal": Sort(_("Renewal"), "figures.renews_on", date.fromisoformat, "figures"),
    "last_use": Sort(_("Last use"), "figures.last_use_on", date.fromisoformat, "figures"),
    "uses": Sort(_("Uses in 28 days"), "figures.uses_28", int, "figures", descending=True),
    "customer_since": Sort(_("Customer since"), "account.customer_since", date.fromisoformat),
    "next_step": Sort(_("Next step"), "account.next_step_on", date.fromisoformat),
}
MOST_SORTS = 3
WORST_FIRST = (("score", False),)


class Column(NamedTuple):
    label: str | Promise
    sort: str = ""
    kind: str = ""  # classes of its cells


COLUMNS = {
    "health": Column(_("Health"), "score", "nowrap"),
    "costs": Column(_("What costs most"), "", "quiet"),
    "pulse": Column(_("Pulse"), "pulse", "nowrap"),
    "mrr": Column(_("MRR"), "mrr", "end"),
    "renewal": Column(_("Renewal"), "renewal", "nowrap"),
    "owner": Column(_("Owner")),
    "next_step": Column(_("Next step"), "next_step"),
    "plan": Column(_("Plan")),
    "seats": Column(_("Seats"), "", "end"),
    "last_use": Column(_("Last use"), "last_use", "nowrap"),
    "uses": Column(_("Uses in 28 days"), "uses", "end"),
    "customer_since": Column(_("Customer since"), "customer_since", "nowrap"),
    "stage": Column(_("Stage")),
    "segment": Column(_("Segment")),
    "tags": Column(_("Tags")),
    "external_id": Column(_("External id")),
}
USUAL = ("health", "costs", "mrr", "renewal", "owner", "next_step")


@dataclass(frozen=True)
class Wanted:
    """What the address asks for; anything unreadable in it asks for nothing, but an unreadable filter is `lost`.

    `owner`: me, team, nobody, a user's id, or empty for everyone. `stage` empty: whoever has not gone, unless the
    filter speaks of stages. `sort`: (key, descending) in their order.
    """

    q: str = ""
    band: str = ""
    owner: str = ""
    stage: str = ""
    where: Group = rules.EVERYTHING
    sort: tuple[tuple[str, bool], ...] = WORST_FIRST
    columns: tuple[str, ...] = USUAL
    lost: Refused | None = None

    @classmethod
    def read(cls, given: QueryDict) -> "Wanted":
        owner, stage, band = given.get("owner", ""), given.get("stage", ""), given.get("band", "")
        where, lost = rules.EVERYTHING, None
        try:
            where = rules.read(given.get("where", ""))
        except Refused as refused:
            lost = refused
        return cls(
            q=cleaned(given.get("q", "")),
            band=band if band in BANDS else "",
            owner=owner if owner in ("me", "team", "nobody") or re.fullmatch(r"[0-9]{1,18}", owner) else "",
            stage=stage if stage == "all" or stage in Stage.values else "",
            where=where,
            sort=_sorts(given),
            columns=_columns(given),
            lost=lost,
        )

    def __bool__(self) -> bool:
        """Whether anything narrows the list."""
        return bool(self.q or self.band or self.owner or self.stage or self.where or self.lost)

    @property
    def tree(self) -> Group:
        """Everything that narrows the list, as one filter."""
        parts: list[rules.Tree] = [Leaf("name", "words", (self.q,))] if self.q else []
        if self.owner:
            parts.append(Leaf("owner", "is", (f"user-{self.owner}" if self.owner.isdigit() else self.owner,)))
        if self.band:
            parts.append(Leaf("band", "is", (self.band,)))
        if self.stage not in ("", "all"):
            parts.append(Leaf("stage", "is", (self.stage,)))
        found = rules.both(Group(rules.ALL, tuple(parts)), self.where)
        return found if self.stage else current(found)

    def but(self, **changes: Any) -> "Wanted":
        return replace(self, **changes)

    @property
    def query(self) -> str:
        """The address behind the question mark; empty for the list as it begins."""
        said = {
            "q": self.q, "owner": self.owner, "stage": self.stage, "band": self.band, "where": self.where_text,
            "sort": self.sort_text, "columns": self.columns_text,
        }  # fmt: skip
        return urlencode({name: text for name, text in said.items() if text}, safe=SAFE)

    @property
    def where_text(self) -> str:
        return rules.written(self.where)

    @property
    def sort_text(self) -> str:
        """Empty for the usual order."""
        return "" if self.sort == WORST_FIRST else ",".join(f"-{key}" if down else key for key, down in self.sort)

    @property
    def columns_text(self) -> str:
        """Empty for the usual columns."""
        return "" if self.columns == USUAL else ",".join(self.columns)


def _sorts(given: QueryDict) -> tuple[tuple[str, bool], ...]:
    # A form sends one select each, an address one text.
    asked = ",".join(given.getlist("sort")).split(",")
    keys: dict[str, bool] = {}
    for each in asked:
        key = each.removeprefix("-")
        if key in SORTS and key not in keys and len(keys) < MOST_SORTS:
            keys[key] = each.startswith("-")
    return tuple(keys.items()) or WORST_FIRST


def _columns(given: QueryDict) -> tuple[str, ...]:
    asked = ",".join(given.getlist("columns")).split(",")
    return tuple(key for key in COLUMNS if key in asked) or USUAL
