"""What accounts can be filtered by: a registry of fields, to which other apps add theirs from their apps.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Stage, TraitType
from crm.segments import rules

Choice = tuple[str, str | Promise]
TRAIT = "trait:"


@dataclass(frozen=True)
class Field:
    """One thing to filter by. `value` is SQL of the kind's type.

    Without `source` it is read from crm_account itself. With it, `value` is a column of that table, and an account
    has one when a row there carries its id in `account`; there may be several. `is_array`: the value is an array of
    words. `choices`: the values there are, or the name of a list (holders, plans, features, languages). `convert`:
    how a chosen word is stored. `absent`: the one that an account without a row has. `money`: an amount in the
    reporting currency. `concluded`: follows from scores, so that nothing on which a score depends may ask for it.
    `dated`: what it said on a past day is known; the others are kept as they are now only.
    """

    key: str
    label: str | Promise
    kind: str
    value: str
    source: str = ""
    account: str = "account_id"
    is_array: bool = False
    choices: Sequence[Choice] | str = ()
    convert: Callable[[str], Any] = str
    unit: str | Promise = ""
    absent: str = ""
    money: bool = False
    concluded: bool = False
    dated: bool = False
    parameters: tuple[Any, ...] = ()


_registered: dict[str, Field] = {}


def register(*fields: Field) -> None:
    """Make fields known; called once at start, from an app's `ready`."""
    for each in fields:
        _registered[each.key] = each


@dataclass(frozen=True)
class Lists:
    """What changes while the product runs: traits, the values of some fields as (value, label), and saved views."""

    traits: Sequence[tuple[str, str, str, str, int]] = ()
    people: Sequence[Choice] = ()
    teams: Sequence[Choice] = ()
    plans: Sequence[Choice] = ()
    features: Sequence[Choice] = ()
    views: Sequence[tuple[int, str, str]] = ()


def fields(lists: Lists) -> dict[str, Field]:
    """Every field by key; a trait's is `trait:` and its key."""
    return _registered | {TRAIT + trait[0]: _of_trait(*trait) for trait in lists.traits}


KINDS = {
    TraitType.TEXT: rules.TEXT,
    TraitType.NUMBER: rules.NUMBER,
    TraitType.FLAG: rules.FLAG,
    TraitType.DATE: rules.DATE,
}
COLUMNS = {TraitType.TEXT: "text", TraitType.NUMBER: "number", TraitType.FLAG: "flag", TraitType.DATE: "day"}
# Each account's value that holds on the day; those of another type, from before a trait was retyped, do not count.
# Of a past day what was recorded by then; of accounts of which nothing was, whatever is effective (imported history).
_TRAIT = """(SELECT DISTINCT ON (account_id) account_id, {column} AS value FROM crm_trait
    WHERE definition_id = %s AND {column} IS NOT NULL AND at < %s::date + 1 AND (%s::timestamptz IS NULL
        OR recorded_at <= %s OR account_id NOT IN (SELECT account_id FROM crm_trait WHERE recorded_at <= %s))
    ORDER BY account_id, at DESC) AS held"""


def _of_trait(key: str, label: str, type: str, unit: str, pk: int) -> Field:
    kind = TraitType(type)
    return Field(
        TRAIT + key,
        label,
        KINDS[kind],
        "held.value",
        _TRAIT.format(column=COLUMNS[kind]),
        unit=unit,
        dated=True,
        parameters=(pk, DAY, RECORDED, RECORDED, RECORDED),
    )


DAY = object()
"""Among a field's parameters it stands for the day that is asked about."""
RECORDED = object()
"""The instant by which a row must have been recorded to count; none: whenever it was."""

_FIGURES = "crm_account_figures AS figures"
_PLANS = "(SELECT account_id, unnest(plan_ids) AS value FROM crm_account_figures) AS held"
_FEATURES = """(SELECT used.account_id, feature.id AS value FROM crm_window_event AS used
    JOIN crm_eventname AS named ON named.id = used.event_id JOIN crm_feature AS feature ON feature.id = named.feature_id
    GROUP BY used.account_id, feature.id
    HAVING CASE WHEN feature.counts_amount THEN sum(used.amount_28) >= feature.threshold * 1000000::numeric
        ELSE sum(used.uses_28) >= feature.threshold END) AS held"""


register(
    Field("name", _("Name or id"), rules.NAME, "crm_account.name"),
    Field("external_id", _("External id"), rules.TEXT, "crm_account.external_id"),
    Field("domain", _("Domain"), rules.WORDS, "crm_account.domains", is_array=True),
    Field("stage", _("Stage"), rules.CHOICE, "crm_account.stage", choices=Stage.choices),
    Field("segment", _("Segment"), rules.TEXT, "crm_account.segment"),
    Field("tag", _("Tags"), rules.WORDS, "crm_account.tags", is_array=True),
    Field("owner", _("Owner"), rules.OWNER, "crm_account.owner_id", choices="holders"),
    Field("plan", _("Plan"), rules.WORDS, "held.value", _PLANS, choices="plans", convert=int),
    Field("mrr", _("MRR"), rules.NUMBER, "figures.mrr", _FIGURES, money=True),
    Field("seats", _("Seats"), rules.NUMBER, "figures.seats", _FIGURES),
    Field("renewal", _("Renewal"), rules.DATE, "figures.renews_on", _FIGURES),
    Field("notice", _("Notice by"), rules.DATE, "figures.notice_on", _FIGURES),
    Field("customer_since", _("Customer since"), rules.DATE, "crm_account.customer_since", dated=True),
    Field("next_step", _("Next step on"), rules.DATE, "crm_account.next_step_on"),
    Field("last_use", _("Last use"), rules.DATE, "figures.last_use_on", _FIGURES),
    Field("uses", _("Uses in 28 days"), rules.NUMBER, "figures.uses_28", _FIGURES),
    Field(
        "feature", _("Feature used meaningfully"), rules.WORDS, "held.value", _FEATURES, choices="features", convert=int
    ),
    Field("language", _("Language"), rules.CHOICE, "crm_account.language", choices="languages"),
    Field("restricted", _("Restricted"), rules.FLAG, "crm_account.restricted"),
    Field("created", _("In the book since"), rules.DATE, "(crm_account.created_at AT TIME ZONE 'UTC')::date"),
)
