"""Lists of what retention knows as files: the same filter, order and columns as on screen, all pages."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, Stage
from crm.exports.queries.book import BLOCK, as_imported, of_account, streamed
from crm.exports.queries.house import at
from crm.exports.rules import Asked, Cell, Export, Table, Unusable, number_in, tabled
from crm.lib.days import own_day
from crm.segments import queries as segments
from crm.staff.models import User
from crm.staff.queries import ground_of
from crm.templatetags.ui import band_word, points
from retention.follow_ups.models import FollowUp
from retention.forecasts import queries as forecasts
from retention.forecasts.models import Category
from retention.forecasts.queries import Renewal
from retention.onboarding import queries as onboarding
from retention.onboarding.models import MilestoneReach
from retention.outcomes.models import Outcome
from retention.pages import listing, renewals
from retention.pages.listing import Cursor, Row
from retention.pages.record import record_table
from retention.pages.renewal_words import cents, outcome_words
from retention.pages.wanted import COLUMNS, Wanted
from retention.plays.models import Play
from retention.risk_signals.models import RiskSignal
from retention.scores.models import Band
from retention.tasks.models import Task

# One column of the list may be several of a file: figures without their words, so that a spreadsheet can add them up.
FILED: dict[str, list[tuple[str, Any]]] = {
    "health": [
        ("health", lambda row: capfirst(band_word(row.band))),
        ("health_computed", lambda row: capfirst(band_word(row.computed)) if row.computed else ""),
        ("score", lambda row: "" if row.points is None else points(row.points)),
        ("score_change_28_days", lambda row: "" if row.change is None else str(row.change / 10)),
    ],
    "pulse": [("pulse", lambda row: row.pulse)],
    "costs": [("costs_most", lambda row: row.costliest)],
    "mrr": [("mrr", lambda row: "" if row.mrr is None else f"{row.mrr:f}")],
    "renewal": [("renews_on", lambda row: row.renews_on)],
    "owner": [("held_by", lambda row: row.holder)],
    "next_step": [("next_step", lambda row: row.next_step), ("next_step_on", lambda row: row.next_step_on)],
    "plan": [("plan", lambda row: row.plans or "")],
    "seats": [("seats", lambda row: row.seats)],
    "last_use": [("last_use_on", lambda row: row.last_use_on)],
    "uses": [("uses_28_days", lambda row: row.uses)],
    "customer_since": [("customer_since", lambda row: row.customer_since)],
    "stage": [("stage", lambda row: Stage(row.stage).label)],
    "segment": [("segment", lambda row: row.segment)],
    "tags": [("tags", lambda row: "; ".join(row.tags))],
}
assert FILED.keys() | {"external_id"} == COLUMNS.keys()


# --- the portfolio ---------------------------------------------------------------------------------------------------


def portfolio(asked: Asked) -> Table:
    """The accounts that the page lists, in the columns on screen."""
    wanted, day = Wanted.read(asked.state), own_day(asked.now)
    if wanted.lost:
        raise Unusable
    try:
        # The first page tells whether the filter can be run, before anything is promised.
        first = listing.page(asked.user, wanted, day=day, limit=BLOCK)
    except segments.Unusable as unusable:
        raise Unusable from unusable
    filed = [pair for key in wanted.columns for pair in FILED.get(key, [])]
    head = ["external_id", "name", *(name for name, _read in filed)]
    rows = (
        [row.external_id, row.name, *(read(row) for _name, read in filed)]
        for row in _rows(asked.user, wanted, first, day)
    )
    return Table(head, rows)


def _rows(user: User, wanted: Wanted, page: listing.Page, day: date) -> Iterator[Row]:
    """All pages of the list, one after the other by their keys."""
    yield from page.rows
    while page.next:
        after = Cursor.read(page.next, wanted.sort)
        page = listing.page(user, wanted, day=day, after=after, limit=BLOCK)
        yield from page.rows


# --- renewals --------------------------------------------------------------------------------------------------------

RENEWAL_COLUMNS = (
    "external_id", "name", "renews_on", "notice_on", "owner", "health", "score", "currency", "mrr", "forecast",
    "expected_mrr", "outcome", "mrr_after",
)  # fmt: skip


def renewals_table(asked: Asked) -> Table:
    """The renewals that the page shows, whole; amounts are a month's, in the reporting currency."""
    return Table(RENEWAL_COLUMNS, _renewals(asked))


def _renewals(asked: Asked) -> Iterator[list[object]]:
    """Page by page along the keys, with the names of owners."""
    day, user = asked.now.date(), asked.user
    wanted = renewals.Wanted.read(asked.state, user, day).asked()
    currency, words, after = ground_of(user).installation.currency, outcome_words(), None
    while True:
        found = forecasts.renewals(user, wanted, day=day, after=after, limit=BLOCK)
        accounts = Account.objects.system("of renewals that are seen").select_related("owner", "pool")
        known = accounts.in_bulk([row.account_id for row in found[:BLOCK]])
        for row in found[:BLOCK]:
            yield _renewal(row, known[row.account_id], currency, words)
        if len(found) <= BLOCK:
            return
        after = (found[BLOCK - 1].renews_on, found[BLOCK - 1].account_id)


def _renewal(due: Renewal, account: Account, currency: str, words: dict[str, str]) -> list[object]:
    holder = account.owner or account.pool
    mrr, expected, later = ("" if one is None else f"{cents(one):f}" for one in (due.mrr, due.expected, due.after))
    return [
        account.external_id, account.name, due.renews_on, due.notice_on, holder.name if holder else "",
        capfirst(band_word(Band(due.band).word)), "" if due.points is None else points(due.points), currency, mrr,
        str(Category(due.category).label) if due.category else "", expected, words.get(due.outcome, ""), later,
    ]  # fmt: skip


# --- onboarding ------------------------------------------------------------------------------------------------------

ONBOARDING_COLUMNS = (
    "external_id", "name", "plan", "began_on", "state", "days_late", "reached", "milestones", "next_milestone",
    "due_on", "held_by",
)  # fmt: skip


def onboarding_table(asked: Asked) -> Table:
    """The accounts in onboarding as the page lists them, all pages."""
    return Table(ONBOARDING_COLUMNS, _going(asked))


def _going(asked: Asked) -> Iterator[list[object]]:
    mine = "list" in asked.state and asked.state.get("whose") != "all"
    narrowed: dict[str, Any] = {"day": asked.now.date(), "plan": number_in(asked.state, "plan"), "mine": mine}
    after = None
    while True:
        found = onboarding.going(asked.user, **narrowed, after=after, limit=BLOCK)
        accounts = Account.objects.system("of onboardings that are seen")
        ids = dict(accounts.filter(pk__in=[row.account_id for row in found]).values_list("pk", "external_id"))
        for row in found[:BLOCK]:
            yield [
                ids[row.account_id], row.name, row.plan, row.started_on, str(STATE_WORDS[row.state]), row.late,
                row.reached, row.steps, row.next_name, row.next_due_on, row.holder,
            ]  # fmt: skip
        if len(found) <= BLOCK:
            return
        last = found[BLOCK - 1]
        after = (last.rank, last.late, last.account_id)


STATE_WORDS = {"stuck": _("Stuck"), "behind": _("Behind"), "on_track": _("On track")}


def milestones(asked: Asked) -> Table:
    """What was said by hand to be reached and still holds, as the importer reads it."""
    same = {"account": OuterRef("account"), "milestone": OuterRef("milestone")}
    newer = MilestoneReach.objects.system("of rows that the person sees").filter(pk__gt=OuterRef("pk"), **same)
    rows = MilestoneReach.objects.visible_to(asked.user).filter(of_account(asked), is_by_hand=True, on__isnull=False)
    held = rows.exclude(Exists(newer)).select_related("account", "milestone")
    return tabled(streamed(held.order_by("account", "on", "pk")), MILESTONE)


MILESTONE: dict[str, Cell] = {
    "account": "account.external_id", "milestone": "milestone.name", "reached_on": "on", "account_name": "account.name",
}  # fmt: skip

# --- what is done about it -------------------------------------------------------------------------------------------


def tasks(asked: Asked) -> Table:
    rows = Task.objects.visible_to(asked.user).select_related("account", "assignee").order_by("-pk")
    return tabled(streamed(rows), TASK)


OF_ACCOUNT: dict[str, Cell] = {"account": "account.external_id", "account_name": "account.name"}
TASK: dict[str, Cell] = OF_ACCOUNT | {
    "title": "title", "detail": "detail", "for": lambda row: row.assignee.name if row.assignee else "",
    "due_on": "due_on", "created": at("created_at"), "done": at("done_at"), "put_aside": at("dismissed_at"),
    "why": "dismissed_why",
}  # fmt: skip


def follow_ups(asked: Asked) -> Table:
    rows = FollowUp.objects.visible_to(asked.user).select_related("account", "contact", "owner").order_by("-pk")
    return tabled(streamed(rows), FOLLOW_UP)


FOLLOW_UP: dict[str, Cell] = OF_ACCOUNT | {
    "contact": "contact.name", "signed_by": "owner.name", "due_on": "occurrence_on", "subject": "subject", "why": "why",
    "state": lambda row: row.get_state_display(), "state_why": "state_why", "created": at("created_at"),
    "decided": at("decided_at"),
}  # fmt: skip


def signals(asked: Asked) -> Table:
    rows = RiskSignal.objects.visible_to(asked.user).select_related("account").order_by("-pk")
    return tabled(streamed(rows), SIGNAL)


SIGNAL: dict[str, Cell] = OF_ACCOUNT | {
    "signal": lambda row: row.get_kind_display(), "opened": at("opened_at"), "closed": at("closed_at"),
    "closed_why": "closed_why", "snoozed_until": "snoozed_until",
}  # fmt: skip


def plays(asked: Asked) -> Table:
    """Of one playbook, as its page has them; else of all."""
    rows = Play.objects.visible_to(asked.user).select_related("account", "playbook", "risk_signal")
    if playbook := number_in(asked.state, "playbook"):
        rows = rows.filter(playbook=playbook)
    return tabled(streamed(rows.order_by("-started_at", "-pk")), PLAY)


PLAY: dict[str, Cell] = OF_ACCOUNT | {
    "playbook": lambda row: gettext(row.playbook.name), "began": at("started_at"),
    "because_of": lambda row: row.risk_signal.get_kind_display(), "ended": at("ended_at"),
    "end": lambda row: row.get_end_reason_display(),
}  # fmt: skip


def outcomes(asked: Asked) -> Table:
    rows = Outcome.objects.visible_to(asked.user).select_related("account", "play__playbook").order_by("-pk")
    return tabled(streamed(rows), OUTCOME)


OUTCOME: dict[str, Cell] = OF_ACCOUNT | {
    "outcome": lambda row: row.get_kind_display(), "on": "on", "playbook": lambda row: gettext(row.play.playbook.name),
    "recorded": at("recorded_at"),
}  # fmt: skip

EXPORTS = [
    Export("portfolio", _("Accounts as listed"), _("The list of accounts with health, MRR and next step."), portfolio),
    Export("renewals", _("Renewals"), _("What renews in the next three months, and what is expected."), renewals_table),
    Export("onboarding", pgettext_lazy("page", "Onboarding"), _("Who is new, and how far."), onboarding_table),
    as_imported("milestones", milestones),
    Export("tasks", _("Tasks"), _("To-dos of our people, open and closed."), tasks),
    Export("follow-ups", _("Follow-ups"), _("Drafts to customers and what was decided; without the texts."), follow_ups,
           ("export", "read_contact_data")),
    Export("signals", _("Risk signals"), _("Changes worth a person’s attention, open and closed."), signals),
    Export("plays", _("Plays"), _("Which playbook ran on which account, and how it ended."), plays),
    Export("outcomes", _("Outcomes"), _("What became of accounts after plays."), outcomes),
    Export("record", _("Record"), _("Who did what, when, and what it was before."), record_table, ("read_audit",),
           whole=False),
]  # fmt: skip
