"""Today: what changed, why, and what to do about it; one row per account, the most at stake first."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.contacts.models import Contact
from crm.contacts.rules import masked_name
from crm.staff.queries import ground_of
from crm.staff.rules import REP
from crm.staff.views import Request, needs
from crm.templatetags.ui import ago, money
from crm.templatetags.ui import day as day_words
from retention.follow_ups.queries import may_approve, moment_words, zone_of
from retention.follow_ups.rules import send_at
from retention.pages import agenda
from retention.pages.agenda import ANSWERS, DRAFTS, SIGNALS, TASKS, Since, Work
from retention.risk_signals.models import SignalKind
from retention.risk_signals.queries import sentence


@needs("read")
def home(request: Request) -> HttpResponse:
    return redirect("today")


@needs("read")
def today(request: Request) -> HttpResponse:
    """Nine queries. A rep sees the own accounts first, others all they may see; `whose` turns it round."""
    mine = request.GET.get("whose", "mine" if request.user.role == REP else "all") == "mine"
    zone = ZoneInfo(request.user.time_zone)
    local = request.now.astimezone(zone)
    morning = datetime.combine(local.date(), time(0), zone)
    everything = request.GET.get("show") == "all"
    found = agenda.agenda(request.user, day=local.date(), morning=morning, mine=mine, everything=everything)
    changed = agenda.since(request.user, morning - timedelta(days=1), mine=mine)
    page = Writer(request)
    titles = {
        ANSWERS: _("Unhappy answers to reply to"),
        DRAFTS: _("Drafts to approve"),
        TASKS: _("Tasks due"),
        SIGNALS: _("Signals without a step yet"),
    }
    sections = [
        (title, [page.row(work) for work in found.rows if work.section == key]) for key, title in titles.items()
    ]
    context = {
        "day": local.date(),
        "mine": mine,
        "facts": counts(found),
        "changed": changed_words(changed),
        "sections": [(title, rows) for title, rows in sections if rows],
        "waiting": found.waiting,
        "most": agenda.A_DAY,
    }
    return render(request, "retention/today.html", context)


def counts(found: agenda.Agenda) -> list[str]:
    """The line below the heading; what is zero is left out."""
    words = [
        (found.drafts, ngettext("%(n)s draft to approve", "%(n)s drafts to approve", found.drafts)),
        (found.answers, ngettext("%(n)s unhappy answer", "%(n)s unhappy answers", found.answers)),
        (found.tasks, ngettext("%(n)s task due", "%(n)s tasks due", found.tasks)),
        (found.signals, ngettext("%(n)s signal open", "%(n)s signals open", found.signals)),
    ]
    return [text % {"n": n} for n, text in words if n]


def changed_words(since: Since) -> str:
    """What changed since yesterday, in one line."""
    words = [
        (since.opened, ngettext("%(n)s signal opened", "%(n)s signals opened", since.opened)),
        (since.closed, ngettext("%(n)s signal closed", "%(n)s signals closed", since.closed)),
        (since.sent, ngettext("%(n)s mail sent", "%(n)s mails sent", since.sent)),
        (since.answered, ngettext("%(n)s customer answered", "%(n)s customers answered", since.answered)),
        (since.outcomes, ngettext("%(n)s outcome recorded", "%(n)s outcomes recorded", since.outcomes)),
    ]
    said = ", ".join(text % {"n": n} for n, text in words if n)
    return _("Since yesterday: %(what)s.") % {"what": said} if said else _("Nothing changed since yesterday.")


class Writer:
    """Puts one account's work into a queue row, as this person may read it."""

    def __init__(self, request: Request) -> None:
        self.request, self.user, self.now = request, request.user, request.now
        self.currency = ground_of(request.user).installation.currency
        self.plain = request.user.may("read_contact_data")

    def row(self, work: Work) -> dict[str, Any]:
        why, when, action = {ANSWERS: self._answer, DRAFTS: self._draft, TASKS: self._task, SIGNALS: self._signal}[
            work.section
        ](work)
        stake = _("%(mrr)s a month") % {"mrr": money(_cents(work.mrr), self.currency)} if work.mrr else ""
        url = reverse("account", args=[work.account_id])
        return {
            "name": work.name,
            "url": url,
            "band": work.band,
            "points": work.points,
            "why": why,
            "when": " · ".join(part for part in (when, *self._also(work), stake) if part),
            "action_url": f"{url}#next",
            "action_text": action,
            "primary": work.section == DRAFTS and any(may_approve(draft, self.user) for draft in work.drafts),
        }

    def _answer(self, work: Work) -> tuple[str, str, str]:
        if not work.answers:
            return self._sentences(work), "", _("Open")
        first = work.answers[0]
        who = {"name": self._name(first.contact), "score": first.score}
        said = Truncator(first.comment).chars(200)
        words = _("%(name)s answered %(score)s of 10") % who
        return f"{words}: “{said}”" if said else f"{words}.", ago(first.answered_at, self.now), _("Answer")

    def _draft(self, work: Work) -> tuple[str, str, str]:
        draft = work.drafts[0]
        zone = zone_of(draft.contact)
        due = send_at(self.now, zone)
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
            rest.append(ngettext("and %(n)s task", "and %(n)s tasks", tasks) % {"n": tasks})
        if work.section == TASKS and work.signals:
            rest.append(self._sentences(work))
        if work.section == ANSWERS and work.drafts:
            rest.append(_("and a draft"))
        return rest

    def _name(self, contact: Contact) -> str:
        return contact.name if self.plain else masked_name(contact.name)


def _cents(amount: Any) -> Any:
    return amount.quantize(amount.__class__("0.01"))
