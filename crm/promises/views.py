"""Promises: one's own list, those of an account as they stand or stood, and what becomes of each."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from django import forms as django_forms
from django.contrib import messages
from django.db.models import Q
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.models import Account
from crm.accounts.views import address_of, back_to, own_account, own_row, seen_account, shown
from crm.contacts.rules import masked_name
from crm.lib.fields import refusals, refusals_told
from crm.lib.places import zone_of
from crm.promises import actions, forms, queries, rules
from crm.promises.models import Promise, PromiseChange, PromiseQuerySet, PromiseState
from crm.staff.views import Request, form_page, needs, offer_undo

PAGE, OF_ACCOUNT = 50, 200


class Told(NamedTuple):
    """A promise as it is shown. `may`: the person may say what became of it; `today` is its account's."""

    pk: int
    text: str
    stands: rules.Standing
    who: str
    account: Account
    today: date
    may: bool
    turns: Sequence[PromiseChange] = ()
    hindsight: bool = False

    @property
    def is_open(self) -> bool:
        return self.stands.state in (rules.OPEN, rules.OVERDUE)

    @property
    def is_today(self) -> bool:
        return self.stands.due_on == self.today


def people_words(by: str, to: str, *, plain: bool) -> str:
    """Who promised it to whom; the customer's name masked unless `plain`."""
    names = {"by": by, "to": to if plain or not to else masked_name(to)}
    if by and to:
        return _("%(by)s to %(to)s") % names
    return by or (_("to %(to)s") % names if to else "")


def now_standing(state: str, due_on: date, settled_on: date | None, today: date) -> rules.Standing:
    """How a promise stands by what its own row repeats."""
    late = max(((settled_on or today) - due_on).days, 0) if state in (rules.OPEN, rules.KEPT) else 0
    now = rules.OVERDUE if state == rules.OPEN and late else state
    return rules.Standing(now, settled_on or due_on, due_on, late)


@needs("read")
def index(request: Request) -> HttpResponse:
    """What one promised and what was promised to one's accounts; `whose=all`: whatever one sees."""
    everyone, settled = request.GET.get("whose") == "all", "settled" in request.GET
    rows = Promise.objects.visible_to(request.user) if everyone else queries.mine(request.user)
    found = list(_paged(rows, settled, request.GET.get("after", "")).select_related(*RELATED)[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    context = {
        "lines": [_told(row, request) for row in found[:PAGE]],
        "everyone": everyone,
        "settled": settled,
        "next": last and f"{last.settled_on if settled else last.due_on}.{last.pk}",
    }
    return render(request, "crm/promises/index.html", context)


RELATED = ("account__owner", "account__pool", "contact", "promised_by")


def _paged(rows: PromiseQuerySet, settled: bool, after: str) -> PromiseQuerySet:
    """Open ones by the day they are due, or settled ones newest first, behind the place that `after` names."""
    on, _dot, key = after.partition(".")
    try:
        place = (date.fromisoformat(on), int(key[:18]))
    except ValueError:
        place = None
    if settled:
        rows = rows.settled().order_by("-settled_on", "-pk")
        return rows.filter(Q(settled_on__lt=place[0]) | Q(settled_on=place[0], pk__lt=place[1])) if place else rows
    rows = rows.open().order_by("due_on", "pk")
    return rows.filter(Q(due_on__gt=place[0]) | Q(due_on=place[0], pk__gt=place[1])) if place else rows


def _told(
    row: Promise, request: Request, turns: Sequence[PromiseChange] = (), then: queries.Held | None = None
) -> Told:
    today = queries.local_day(row.account, request.now)
    if then is None:
        stands = now_standing(row.state, row.due_on, row.settled_on, today)
    else:
        stands = rules.Standing(then.state, then.since, then.due_on, then.late)
    plain = request.user.may("read_contact_data")
    who = people_words(str(row.promised_by or ""), str(row.contact or ""), plain=plain)
    may = then is None and may_write(row.account, by=request.user)
    hindsight = then is not None and then.hindsight
    return Told(row.pk, row.text, stands, who, row.account, today, may, turns, hindsight)


@needs("read")
def of_account(request: Request, account: int) -> HttpResponse:
    """All that was promised to an account, each with its turns; `day`: as it was seen to stand at the end of it."""
    of = seen_account(request, account)
    form = forms.DayForm(request.GET if "day" in request.GET else None)
    asked = form.cleaned_data["day"] if form.is_bound and form.is_valid() else None
    rows = Promise.objects.system("of an account that the person sees").filter(
        Q(account=of) | Q(account__merged_into=of)
    )
    found = list(rows.select_related(*RELATED).order_by("-due_on", "-pk")[:OF_ACCOUNT])
    turns = defaultdict(list)
    why = "of promises of an account that the person sees"
    rows_of_turns = PromiseChange.objects.system(why).filter(promise__in=found)
    noted = TruncDate("recorded_at", tzinfo=zone_of(of.time_zone))
    for turn in rows_of_turns.annotate(noted_on=noted).order_by("on", "pk"):
        turns[turn.promise_id].append(turn)
    then = queries.promises_on(asked, accounts=[of.pk], stood=True) if asked else {}
    told = [_told(row, request, turns[row.pk], then.get(row.pk)) for row in found]
    lines = [line for line in told if not asked or line.pk in then]
    lines.sort(key=lambda line: not line.is_open)
    context = {"lines": lines, "form": form, "asked": asked}
    return render(request, "crm/promises/of_account.html", shown(request, of, **context))


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    start = {"promised_by": request.user.pk, "due_on": queries.local_day(of, request.now) + timedelta(days=7)}
    form = forms.PromiseForm(request.POST or None, initial=start, account=of, by=request.user)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.make_promise(of, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Noted. It comes back to you when it is due."))
            return back_to(request, of)
    words = {"title": _("New promise"), "submit": _("Note the promise"), "back_url": address_of(of)}
    return form_page(request, form, slot="new-promise", **words, **shown(request, of))


def _own(request: Request, pk: int) -> Promise:
    return own_row(request, Promise.objects.visible_to(request.user).select_related(*RELATED), pk)


@require_POST
@needs("write_account")
def keep(request: Request, pk: int) -> HttpResponse:
    promise = _own(request, pk)
    with refusals_told(request):
        actions.keep_promise(promise, at=request.now, by=request.user)
        offer_undo(request, _("Kept: %(text)s") % {"text": promise.text}, reverse("promise-reopen", args=[pk]))
    return back_to(request, promise.account)


@require_POST
@needs("write_account")
def reopen(request: Request, pk: int) -> HttpResponse:
    promise = _own(request, pk)
    with refusals_told(request):
        actions.reopen_promise(promise, at=request.now, by=request.user)
        messages.success(request, _("“%(text)s” is open again.") % {"text": promise.text})
    return back_to(request, promise.account)


@needs("write_account")
def broken(request: Request, pk: int) -> HttpResponse:
    title = _("Why was “%(text)s” not kept?")
    return _asked(request, pk, forms.SettledForm, actions.break_promise, title, _("Say that it was broken"))


@needs("write_account")
def withdraw(request: Request, pk: int) -> HttpResponse:
    title = _("Why is “%(text)s” no longer wanted?")
    return _asked(request, pk, forms.SettledForm, actions.withdraw_promise, title, _("Withdraw it"))


@needs("write_account")
def move(request: Request, pk: int) -> HttpResponse:
    title = _("By when will “%(text)s” be kept?")
    return _asked(request, pk, forms.MoveForm, actions.move_promise, title, _("Move it"))


def _asked(
    request: Request, pk: int, kind: type[django_forms.Form], action: Callable[..., Promise], title: str, submit: str
) -> HttpResponse:
    promise = _own(request, pk)
    form = kind(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = action(promise, **form.cleaned_data, at=request.now, by=request.user)
            _say(request, row)
            return back_to(request, promise.account)
    words = {"title": title % {"text": promise.text}, "submit": submit, "back_url": address_of(promise.account)}
    return form_page(request, form, slot=f"promise-{pk}", **words, **shown(request, promise.account))


def _say(request: Request, row: Promise) -> None:
    if row.state == PromiseState.OPEN:
        messages.success(request, _("Moved: %(text)s") % {"text": row.text})
    else:
        words = f"{PromiseState(row.state).label}: {row.text}"
        offer_undo(request, words, reverse("promise-reopen", args=[row.pk]))
