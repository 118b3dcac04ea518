"""Today: what changed, why, and what to do about it; one row per account, the most at stake first."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.accounts.actions import may_write
from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.contacts.queries import hours_of_all
from crm.contacts.rules import masked_name
from crm.conversations.models import Channel
from crm.lib.working_hours import Hours, working_day
from crm.staff.queries import CoverNow, ground_of
from crm.staff.rules import READ_ONLY, REP
from crm.staff.views import Request, needs
from crm.templatetags.ui import ago, moment, money, number, percent
from crm.templatetags.ui import day as day_words
from retention.agenda import queries as agenda
from retention.agenda.queries import (
    ACTED,
    ANSWERS,
    DRAFTS,
    PROMISES,
    PUT_OFF,
    REPLIES,
    SHOWN,
    SIGNALS,
    TASKS,
    WAITS,
    Since,
    Work,
)
from retention.follow_ups.queries import may_approve, moment_words, zone_of
from retention.follow_ups.rules import send_at
from retention.handovers.queries import unread
from retention.pages.table import in_days
from retention.risk_signals.models import SignalKind
from retention.risk_signals.queries import sentence

SOON = 90  # days; what is decided later is not said in the list


@needs("read")
def home(request: Request) -> HttpResponse:
    """Today; whoever can bring the first accounts is led there as long as there is none."""
    nobody = request.user.may("import") and not Account.objects.system("whether there is any yet").exists()
    return redirect("begin" if nobody else "today")


@needs("read")
def today(request: Request) -> HttpResponse:
    """Ten queries. A rep sees the own accounts first, others all they may see; `whose` turns it round.

    `show=waiting` lists instead what does not stand in the list, each with the reason.
    """
    mine = request.GET.get("whose", "mine" if request.user.role == REP else "all") == "mine"
    waiting = request.GET.get("show") == "waiting"
    zone = ZoneInfo(request.user.time_zone)
    local = request.now.astimezone(zone)
    morning = datetime.combine(local.date(), time(0), zone)
    found = agenda.agenda(request.user, day=local.date(), at=request.now, mine=mine, waiting=waiting)
    changed = agenda.since(request.user, morning - timedelta(days=1), mine=mine)
    page = Writer(request, local.date(), hours_of_all(work.drafts[0].contact for work in found.rows if work.drafts))
    rows = [page.row(work) for work in found.rows]
    if rows and not waiting:
        rows[0]["primary"] = True  # where to begin; a page of primary buttons would have none
    context = {
        "day": local.date(),
        "mine": mine,
        "waiting": waiting,
        "handovers": list(unread(request.user)[:5]),
        "facts": counts(found),
        "changed": changed_words(changed),
        "cover": [cover_words(each, request.now) for each in ground_of(request.user).covers],
        "rows": rows,
        "rest": rest_words(found),
    }
    return render(request, "retention/today.html", context)


def cover_words(given: CoverNow, now: datetime) -> str:
    """For whom the person stands in, and until when."""
    until = {"name": given.name, "day": day_words(given.until_on, now)}
    return (
        _("You cover %(name)s until %(day)s") if given.user_id else _("You cover the pool of %(name)s until %(day)s")
    ) % until


def counts(found: agenda.Agenda) -> list[str]:
    """The line below the heading; what is zero is left out."""
    new = sum(work.is_new for work in found.rows)
    words = [
        (new, ngettext("%(n)s new", "%(n)s new", new)),
        (found.drafts, ngettext("%(n)s draft to approve", "%(n)s drafts to approve", found.drafts)),
        (found.answers, ngettext("%(n)s unhappy answer", "%(n)s unhappy answers", found.answers)),
        (found.replies, ngettext("%(n)s answer late or nearly so", "%(n)s answers late or nearly so", found.replies)),
        (found.promises, ngettext("%(n)s promise overdue", "%(n)s promises overdue", found.promises)),
        (found.tasks, ngettext("%(n)s task due", "%(n)s tasks due", found.tasks)),
        (found.signals, ngettext("%(n)s signal open", "%(n)s signals open", found.signals)),
    ]
    return [text % {"n": number(n)} for n, text in words if n]


def rest_words(found: agenda.Agenda) -> str:
    """What does not stand in the list, by reason; empty when all of it does."""
    words = [
        (found.waiting, ngettext("%(n)s beyond today’s ten", "%(n)s beyond today’s ten", found.waiting)),
        (found.put_off, ngettext("%(n)s put off", "%(n)s put off", found.put_off)),
        (found.acted, ngettext("%(n)s that somebody acts on", "%(n)s that somebody acts on", found.acted)),
    ]
    total = found.waiting + found.put_off + found.acted
    said = ", ".join(text % {"n": number(n)} for n, text in words if n)
    more = ngettext("%(n)s more account waits: %(what)s.", "%(n)s more accounts wait: %(what)s.", total)
    return more % {"n": number(total), "what": said} if total else ""


def changed_words(since: Since) -> str:
    """What changed since yesterday, in one line."""
    words = [
        (since.opened, ngettext("%(n)s signal opened", "%(n)s signals opened", since.opened)),
        (since.closed, ngettext("%(n)s signal closed", "%(n)s signals closed", since.closed)),
        (since.sent, ngettext("%(n)s mail sent", "%(n)s mails sent", since.sent)),
        (since.answered, ngettext("%(n)s customer answered", "%(n)s customers answered", since.answered)),
        (since.outcomes, ngettext("%(n)s outcome recorded", "%(n)s outcomes recorded", since.outcomes)),
    ]
    said = ", ".join(text % {"n": number(n)} for n, text in words if n)
    return _("Since yesterday: %(what)s.") % {"what": said} if said else _("Nothing changed since yesterday.")


class Writer:
    """Puts one account's work into a queue row, as this person may read it."""

    def __init__(self, request: Request, day: date, hours: Mapping[int, Hours]) -> None:
        self.hours = hours  # of the readers of drafts
        self.request, self.user, self.now, self.day = request, request.user, request.now, day
        self.currency = ground_of(request.user).installation.currency
        self.plain = request.user.may("read_contact_data")
        self.figures = request.user.role not in (REP, READ_ONLY)
        self.later = working_day(day + timedelta(days=7))

    def row(self, work: Work) -> dict[str, Any]:
        url = reverse("account", args=[work.account_id])
        writes = may_write(work.account, by=self.user)
        row = {"name": work.account.name, "url": url, "band": work.band, "points": work.points, "pk": work.account_id}
        row["computed"] = work.computed
        if work.state == PUT_OFF:
            back = reverse("put-off-undo", args=[work.put_off_id]) if writes and work.put_off_id else ""
            until = {"day": day_words(work.until, self.day)}
            why = _("Put off until %(day)s.") % until if work.until else _("Its signals are put off.")
            said = f"{why} {work.put_off_why or ''}".strip()
            return row | {"why": said, "action_url": back, "action_text": _("Bring it back"), "action_post": True}
        why, when, action = self._foremost(work)
        parts = [when, *self._also(work), *self._money(work), self._state(work)]
        return row | {
            "why": why,
            "when": " · ".join(part for part in parts if part),
            "figures": self._figures(work) if self.figures else "",
            "new": work.is_new and work.state == SHOWN,
            "action_url": self._address(work, url),
            "action_text": action,
            "put_off_url": reverse("account-put-off", args=[work.account_id]) if writes else "",
            "put_off_until": self.later,
        }

    def _foremost(self, work: Work) -> tuple[str, str, str]:
        words = {
            ANSWERS: self._answer,
            REPLIES: self._reply,
            PROMISES: self._promise,
            DRAFTS: self._draft,
            TASKS: self._task,
            SIGNALS: self._signal,
        }
        return words[work.section](work)

    def _address(self, work: Work, url: str) -> str:
        """Where the row's button leads."""
        if work.section == REPLIES:
            of = ("draft", work.word_id) if work.word_id and self.plain else ("conversation", work.talk_id)
            return reverse(of[0], args=[of[1]])
        return f"{url}#promises" if work.section == PROMISES else f"{url}#next"

    def _money(self, work: Work) -> list[str]:
        """What they pay, and by when it is decided whether they go on."""
        price = _("no exchange rate for the price") if work.is_paid else ""
        if work.mrr:
            price = _("%(mrr)s a month") % {"mrr": money(_cents(work.mrr), self.currency)}
        decides, words = work.notice_on or work.renews_on, _("renews %(in)s")
        if work.notice_on:
            words = _("notice %(in)s")
        near = decides is not None and (decides - self.day).days <= SOON
        return [price, words % {"in": in_days(decides, self.day)} if near else ""]

    def _state(self, work: Work) -> str:
        return {WAITS: _("beyond today’s ten"), ACTED: _("somebody acts on it")}.get(work.state, "")

    def _figures(self, work: Work) -> str:
        """How the place in the list came about."""
        parts = {
            "stake": money(_cents(work.stake), self.currency),
            "urgency": percent(work.urgency),
            "influence": percent(work.influence),
        }
        return _("%(stake)s a year at stake × %(urgency)s urgent × %(influence)s in our hands") % parts

    def _answer(self, work: Work) -> tuple[str, str, str]:
        if not work.answers:
            return self._sentences(work), "", _("Open")
        first = work.answers[0]
        who = {"name": self._name(first.contact), "score": first.score}
        said = Truncator(first.comment).chars(200)
        words = _("%(name)s answered %(score)s of 10") % who
        return f"{words}: “{said}”" if said else f"{words}.", ago(first.answered_at, self.now), _("Answer")

    def _reply(self, work: Work) -> tuple[str, str, str]:
        what = {"what": work.talk_subject or Channel(work.talk_channel or Channel.NOTE).label}
        assert work.talk_due_at is not None
        late = work.talk_due_at < self.now
        said = _("They wait for an answer: %(what)s") if late else _("An answer is about to be late: %(what)s")
        due = _("it was due %(at)s") if late else _("due %(at)s")
        return said % what, due % {"at": moment(localtime(work.talk_due_at), self.now)}, self._reply_action(work, late)

    def _reply_action(self, work: Work, late: bool) -> str:
        return (
            _("Answer") if work.word_id is None else _("Say that it is late") if late else _("Say that it will be late")
        )

    def _promise(self, work: Work) -> tuple[str, str, str]:
        said = _("We promised: %(text)s") % {"text": work.promise}
        return said, _("overdue, it was due %(day)s") % {"day": day_words(work.promised_for, self.now)}, _("Open")

    def _draft(self, work: Work) -> tuple[str, str, str]:
        draft = work.drafts[0]
        zone = zone_of(draft.contact)
        due = send_at(self.now, self.hours[draft.contact_id])
        when = _("now") if due == self.now else moment_words(due, zone)
        to = _("To %(name)s, %(when)s") % {"name": self._name(draft.contact), "when": when}
        place = "" if zone == self.user.time_zone else f" ({zone.rpartition('/')[2].replace('_', ' ')})"
        approves = may_approve(draft, self.user)
        return self._sentences(work) or draft.why, f"{to}{place}", _("Read and approve") if approves else _("Read")

    def _task(self, work: Work) -> tuple[str, str, str]:
        first = work.tasks[0]
        late = first.due_on < self.now.astimezone(ZoneInfo(self.user.time_zone)).date()
        day = day_words(first.due_on, self.now)
        return _(first.title), _("due since %(day)s") % {"day": day} if late else _("due today"), _("Open")

    def _signal(self, work: Work) -> tuple[str, str, str]:
        return self._sentences(work), _("open since %(day)s") % {"day": day_words(work.since, self.now)}, _("Open")

    def _sentences(self, work: Work) -> str:
        """The signals folded into one text: a fall and a band tell the same fall, so the newest of them speaks."""
        of_score = [signal for signal in work.signals if signal.kind in (SignalKind.SCORE_DROP, SignalKind.BAND_RED)]
        others = [signal for signal in work.signals if signal not in of_score]
        return " ".join(sentence(signal) for signal in [*of_score[:1], *others[:1]])

    def _also(self, work: Work) -> list[str]:
        rest = []
        tasks = len(work.tasks) - (work.section == TASKS)
        if tasks > 0 and work.section != ANSWERS:
            rest.append(ngettext("and %(n)s task", "and %(n)s tasks", tasks) % {"n": number(tasks)})
        replies = work.replies - (work.section == REPLIES)
        if replies > 0:
            rest.append(ngettext("and %(n)s answer late", "and %(n)s answers late", replies) % {"n": number(replies)})
        if work.section in (REPLIES, PROMISES, TASKS) and work.signals:
            rest.append(self._sentences(work))
        promises = work.promises - (work.section == PROMISES)
        if promises > 0:
            rest.append(
                ngettext("and %(n)s promise overdue", "and %(n)s promises overdue", promises) % {"n": number(promises)}
            )
        if work.section in (ANSWERS, REPLIES, PROMISES) and work.drafts:
            rest.append(_("and a draft"))
        return rest

    def _name(self, contact: Contact) -> str:
        return contact.name if self.plain else masked_name(contact.name)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))
