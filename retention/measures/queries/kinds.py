"""The kinds of measures: what each reads, and how that is put.

To add one: a fragment `kind_<name>.sql` beside this file, and an entry in KINDS. A kind of its own SELECT may read any
table; one that aggregates shares the single pass over the windows. What the marks in fragments stand for: `reading.py`.
"""

from dataclasses import dataclass
from functools import partial

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

# How a reading is put into words: so many of a base, an amount (per price), a change in percent, days, a mean of
# answers from 0 to 10, a share of the way that some goals have come.
PART, AMOUNT, CHANGE, DAYS, RATING, WAY = "part", "amount", "change", "days", "rating", "way"
TOO_YOUNG = _("not a customer for long enough, or no usage is known")
# Nothing is said of a source that nobody has used by then: nobody is behind with promises where none are written down.
TALKED = "EXISTS (SELECT FROM crm_conversation WHERE began_at < %(as_of)s::date + 1)"
PROMISED = """EXISTS (SELECT FROM crm_promisechange WHERE "on" <= %(as_of)s)"""
PAID = """EXISTS (SELECT FROM crm_payment WHERE "on" <= %(as_of)s)"""
COUNTED = "CASE WHEN {kept} THEN coalesce(found, 0) END"


@dataclass(frozen=True)
class Kind:
    """How a kind of measure is read. `reading` and `base` are SQL over `found` (what the fragment gives).

    `is_aggregate`: the fragment is an aggregate over one account's features, else a SELECT (account_id, found, and
    `base` where the base names it). `fragment`: of another kind, which this one reads otherwise. `of_usage`: reads use,
    so it is missing without known usage and below the minimum tenure; else it reads the book.
    `periods`: how many full windows of tenure it needs; 0: any from the minimum tenure on. `is_amount`: may be
    taken per price. `words`: how a reading is put. `of_feature`: may look at one feature. `of_threshold`: needs one
    of its own. `of_trait`: needs a numeric trait. `valid_days`: what is older than so many days is missing, unless the
    measure says otherwise; 0: it does not age. `window`: the only one it is read over; 0: any. `fewer`: fewer is
    better. `recorded`: the tables of the book that it reads and whose rows say when they were recorded, so that a
    back-test can read again without what was learned later. `unit`: of its readings, unless the measure names one.
    `rows`: the address, by an account's id, of the page whose rows add up to a reading; empty: `account-reading` finds
    them (`behind.py`).
    """

    label: str | Promise
    reading: str
    words: str
    base: str = "NULL"
    fragment: str = ""
    is_aggregate: bool = True
    of_usage: bool = True
    periods: int = 0
    is_amount: bool = False
    of_feature: bool = True
    of_threshold: bool = False
    of_trait: bool = False
    valid_days: int = 0
    window: int = 0
    fewer: bool = False
    recorded: tuple[str, ...] = ()
    unit: str = ""
    without_base: str | Promise = ""
    without_reading: str | Promise = TOO_YOUNG
    rows: str = ""


# What reads the book: a SELECT of its own, whatever is used.
of_book = partial(Kind, is_aggregate=False, of_usage=False, of_feature=False)
KINDS = {
    "breadth": Kind(
        recorded=("retention_notneeded",),
        label=_("Breadth: key features of the plan in meaningful use"),
        reading="coalesce(found, 0)::numeric / base",
        words=PART,
        base="included.features",
        without_base=_("the plan includes no key features"),
        of_feature=False,
    ),
    "unused": Kind(
        recorded=("retention_notneeded",),
        label=_("Unused: key features of the plan without meaningful use"),
        fewer=True,
        reading="base - coalesce(found, 0)",
        words=AMOUNT,
        base="included.features",
        fragment="breadth",
        without_base=_("the plan includes no key features"),
        of_feature=False,
        unit=gettext_noop("key features unused"),
    ),
    "depth": Kind(
        label=_("Depth: active people per paid seat"),
        reading="least(1, coalesce(found, 0) / base)",
        words=PART,
        base="judged.seats",
        without_base=_("no paid seats"),
        is_aggregate=False,
        of_feature=False,
        of_threshold=True,
    ),
    "reach": Kind(
        label=_("Reach: how much they did"),
        reading="coalesce(found, 0)::numeric * {w} / {tenure}",
        words=AMOUNT,
        is_amount=True,
    ),
    "trend": Kind(
        label=_("Trend: change against the period before"),
        reading="found",
        words=CHANGE,
        periods=2,
        without_reading=_("no full period before to compare with"),
    ),
    "recency": Kind(
        label=_("Recency: days since the last use"),
        fewer=True,
        # Never seen in the window reads as the whole window, or as long as they have been here.
        reading="least({w}, judged.tenure, found)",
        words=DAYS,
    ),
    "onboarding": of_book(
        recorded=("retention_onboarding", "retention_milestonereach"),
        label=_("Onboarding: milestones reached of those due"),
        reading="found",
        words=PART,
        base="{select}.base",
        unit=gettext_noop("milestones due"),
        without_base=_("not in onboarding, or no milestone is due yet"),
        without_reading=_("not in onboarding, or no milestone is due yet"),
        rows="account-onboarding",
    ),
    "contact": of_book(
        recorded=("crm_conversation",),
        label=_("Last contact: days since we last heard from each other"),
        fewer=True,
        reading=f"CASE WHEN {TALKED} THEN least({{w}}, greatest(judged.tenure, 0), found) END",
        words=DAYS,
        without_reading=_("no conversation was ever written down"),
        rows="account-conversations",
    ),
    "open_talks": of_book(
        recorded=("crm_conversation",),
        label=_("Open conversations in which it is our turn"),
        fewer=True,
        reading=COUNTED.format(kept=TALKED),
        words=AMOUNT,
        unit=gettext_noop("conversations open"),
        without_reading=_("no conversation was ever written down"),
        rows="account-conversations",
    ),
    "late_talks": of_book(
        recorded=("crm_conversation",),
        label=_("Late conversations: open ones due before today"),
        fewer=True,
        reading=COUNTED.format(kept=TALKED),
        words=AMOUNT,
        unit=gettext_noop("conversations late"),
        without_reading=_("no conversation was ever written down"),
        rows="account-conversations",
    ),
    "promises": of_book(
        recorded=("crm_promisechange",),
        label=_("Overdue promises"),
        fewer=True,
        reading=COUNTED.format(kept=PROMISED),
        words=AMOUNT,
        unit=gettext_noop("promises overdue"),
        without_reading=_("no promise was ever written down"),
        rows="account-promises",
    ),
    "payments": of_book(
        recorded=("crm_payment",),
        label=_("Payment trouble: invoices that failed or are disputed"),
        fewer=True,
        reading=COUNTED.format(kept=PAID),
        words=AMOUNT,
        unit=gettext_noop("invoices unsettled"),
        without_reading=_("no payment was ever written down"),
        rows="subscriptions",
    ),
    "goals": of_book(
        recorded=("crm_goalchange", "crm_trait"),
        label=_("Goals: how far they have come"),
        reading="found",
        words=WAY,
        base="{select}.base",
        window=28,
        without_base=_("no goal is set, or none is measured"),
        without_reading=_("no goal is set, or none is measured"),
        rows="account-goals",
    ),
    "survey": of_book(
        label=_("Survey: what each person answered last"),
        reading="found",
        words=RATING,
        base="{select}.base",
        valid_days=180,
        without_base=_("nobody has answered a survey lately"),
        without_reading=_("nobody has answered a survey lately"),
    ),
    "trait": of_book(
        recorded=("crm_trait",),
        label=_("Trait: a number that is known of the account"),
        reading="found",
        words=AMOUNT,
        is_amount=True,
        of_trait=True,
        without_reading=_("the trait is not known, or it is too old"),
    ),
}
