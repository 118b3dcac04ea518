"""What an account buys: its lines, their changes, and how its MRR moved."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from crm.accounts.actions import may_write
from crm.accounts.models import Account
from crm.accounts.views import own_account, seen_account, shown
from crm.lib.fields import refusals
from crm.plans.models import Plan
from crm.staff.queries import installation
from crm.staff.views import Request, form_page, needs
from crm.subscriptions import actions, forms, queries, rules
from crm.subscriptions.models import Payment, Subscription, SubscriptionChange

KINDS = {
    rules.NEW: gettext_lazy("New"),
    rules.EXPANSION: gettext_lazy("Expansion"),
    rules.CONTRACTION: gettext_lazy("Contraction"),
    rules.CHURN: gettext_lazy("Churn"),
    rules.REACTIVATION: gettext_lazy("Reactivation"),
    rules.RENEWAL: gettext_lazy("Renewal"),
}
# Longer histories are shown from their recent end.
CHANGES, MOVEMENTS, PAYMENTS = 200, 60, 40


@dataclass(frozen=True)
class Line:
    """One subscription with its changes, newest first, each with the day on which it ceased to hold.

    None: it holds on.
    """

    row: Subscription
    changes: list[tuple[SubscriptionChange, date | None]]
    paid: bool

    @property
    def plan(self) -> Plan | None:
        return self.changes[0][0].plan


def index(request: Request, account: int) -> HttpResponse:
    of, today = seen_account(request, account), request.now.date()
    home = installation()
    # Nothing is named beyond what is known: what ends with the data has not churned.
    until = min(today, home.paid_through or today)
    steps = queries.steps(until, account=of.pk)
    moves, then = list(rules.moves(steps))[-MOVEMENTS:], {step.day: step.mrr for step in steps}
    more = {
        "lines": sorted(_lines(of, today), key=lambda line: not line.paid),
        "moves": [(move, KINDS[move.kind], then[move.day]) for move in reversed(moves)],
        "drawn": [(step.day, step.mrr) for step in steps],
        "until": until,
        "mrr": queries.mrr_on(today, accounts=[of.pk]).get(of.pk, 0),
        "seats": queries.seats_on(today, accounts=[of.pk]).get(of.pk),
        "renewal": queries.renewals(today, accounts=[of.pk]).get(of.pk),
        "home": home,
        "troubles": queries.troubles(today, accounts=[of.pk]),
        "payments": _payments(of),
    }
    return render(request, "crm/subscriptions/index.html", shown(request, of, **more))


def _lines(of: Account, today: date) -> Iterable[Line]:
    rows = SubscriptionChange.objects.system("lines of an account that the person sees, with those merged into it")
    rows = rows.filter(Q(account=of) | Q(account__merged_into=of)).select_related("subscription", "plan")
    latest = list(rows.order_by("-effective_on", "-id")[:CHANGES])
    latest.sort(key=lambda change: change.subscription_id, reverse=True)
    for _pk, changes in groupby(latest, key=lambda change: change.subscription_id):
        held = list(changes)
        now = next((change for change in held if change.effective_on <= today), None)
        paid = now is not None and (now.ends_on is None or today < now.ends_on)
        yield Line(held[0].subscription, list(zip(held, _ends(held), strict=True)), paid)


def _ends(newest_first: list[SubscriptionChange]) -> Iterable[date | None]:
    """The day on which each change ceased to hold: its own end, or the day of the next one."""
    following: date | None = None
    for change in newest_first:
        days = [day for day in (change.ends_on, following) if day]
        yield min(days, default=None)
        following = change.effective_on


def _payments(of: Account) -> list[Payment]:
    rows = Payment.objects.system("payments of an account that the person sees, with those merged into it")
    rows = rows.filter(Q(account=of) | Q(account__merged_into=of)).select_related("subscription__plan")
    return list(rows.order_by("-on", "-pk")[:PAYMENTS])


@needs("write_account")
def new_payment(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    line = Subscription.objects.system("the first line of an account that the person may write").filter(account=of)
    start = {"on": request.now.date(), "currency": of.currency, "subscription": line.order_by("pk").first()}
    form = forms.PaymentForm(request.POST or None, initial=start, account=of)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        with refusals(form):
            actions.record_payment(given.pop("subscription"), **given, at=request.now, by=request.user)
            messages.success(request, _("The payment is recorded."))
            return redirect("subscriptions", of.pk)
    back = reverse("subscriptions", args=[of.pk])
    words = {"title": _("Payment"), "submit": _("Record the payment"), "back_url": back}
    return form_page(request, form, slot="payment", **words, **shown(request, of))


@needs("write_account")
def new(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    start = {"effective_on": request.now.date(), "currency": of.currency}
    form = forms.NewSubscriptionForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["external_id"]
        with refusals(form):
            actions.open_subscription(of, external_id=name, terms=form.terms, at=request.now, by=request.user)
            messages.success(request, _("The subscription is recorded."))
            return redirect("subscriptions", of.pk)
    back = reverse("subscriptions", args=[of.pk])
    words = {"title": _("New subscription"), "submit": _("Record the subscription"), "back_url": back}
    return render(request, "crm/form.html", shown(request, of, form=form, **words))


@needs("write_account")
def change(request: Request, pk: int) -> HttpResponse:
    line = _own_line(request, pk)
    form = forms.TermsForm(request.POST or None, initial=_start(request, line))
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.record_change(line, terms=form.terms, at=request.now, by=request.user)
            messages.success(request, _("The change is recorded."))
            return redirect("subscriptions", line.account_id)
    return _change_page(request, line, form, forms.EndForm())


@require_POST
@needs("write_account")
def end(request: Request, pk: int) -> HttpResponse:
    line = _own_line(request, pk)
    form = forms.EndForm(request.POST)
    if form.is_valid():
        on = form.cleaned_data["on"]
        with refusals(form):
            actions.end_subscription(line, on=on, at=request.now, by=request.user)
            messages.success(request, _("The end is recorded."))
            return redirect("subscriptions", line.account_id)
    return _change_page(request, line, forms.TermsForm(initial=_start(request, line)), form)


def _start(request: Request, line: Subscription) -> dict[str, Any]:
    history = SubscriptionChange.objects.system("of a line that the person sees").filter(subscription=line)
    last = history.order_by("-effective_on", "-id").first()
    return {"effective_on": request.now.date()} | (forms.initial(last) if last else {})


def _change_page(request: Request, line: Subscription, form: forms.TermsForm, end_form: forms.EndForm) -> HttpResponse:
    more = {"line": line, "form": form, "end_form": end_form}
    return render(request, "crm/subscriptions/change.html", shown(request, line.account, **more))


def _own_line(request: Request, pk: int) -> Subscription:
    rows = Subscription.objects.visible_to(request.user).select_related("account__owner", "account__pool", "plan")
    line = get_object_or_404(rows, pk=pk)
    if not may_write(line.account, by=request.user):
        raise PermissionDenied
    return line
