"""Onboarding: who is in it, where accounts stop, one account's milestones, and the plans that say what is expected."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.accounts.views import address_of, back_to, own_account, seen_account, shown
from crm.lib.fields import refusals, refusals_told
from crm.staff.queries import installation
from crm.staff.views import Request, form_page, needs, offer_undo
from crm.templatetags.ui import number
from retention.onboarding import actions, forms, queries, rules
from retention.onboarding.models import Milestone, OnboardingPlan, OnboardingVersion
from retention.onboarding.queries import PAGE, Place, StepOn

YEAR = timedelta(days=365)


# --- who is in it ----------------------------------------------------------------------------------------------------


@needs("read")
def index(request: Request) -> HttpResponse:
    """Accounts in onboarding, stuck ones first: one's own; `whose=all`: whatever one sees; `plan`: of one plan."""
    everyone, plan = request.GET.get("whose") == "all", number_of(request.GET.get("plan", ""))
    after, day = read_place(request.GET.get("after", "")), request.now.date()
    found = queries.going(request.user, day=day, plan=plan, mine=not everyone, after=after)
    last = found[PAGE - 1] if len(found) > PAGE else None
    context = {
        "rows": found[:PAGE],
        "tally": found[0] if found else None,
        "everyone": everyone,
        "plans": queries.plans(),
        "plan": plan,
        "next": last and f"{last.rank}.{last.late}.{last.account_id}",
        "may_configure": request.user.may("configure"),
    }
    return render(request, "retention/onboarding/index.html", context)


def number_of(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def read_place(text: str) -> Place | None:
    """The place that a page ended with, from an address; None: it names none."""
    parts = [number_of(part) for part in text.split(".")]
    rank, late, account = parts if len(parts) == 3 else (None, None, None)
    return None if rank is None or late is None or account is None else (rank, late, account)


@needs("read")
def steps(request: Request) -> HttpResponse:
    """How far those came who began a plan in two years, how long each step took, and who left with and without."""
    plans, wanted, day = list(queries.plans()), number_of(request.GET.get("plan", "")), request.now.date()
    plan = next((row for row in plans if row.pk == wanted), plans[0] if plans else None)
    reach = installation().paid_through or day
    since = day - 2 * YEAR
    every = -(-queries.began(request.user, since=since) // queries.SAMPLE) or 1
    found = queries.paths(request.user, plan, day=day, reach=reach, since=since, every=every) if plan else []
    context = {
        "plans": plans,
        "plan": plan,
        "whole": found[0] if found else None,
        "path": found[1:],
        "value": next((step for step in found if step.is_value), None),
        "horizon": rules.HORIZON,
        "every": every if every > 1 else None,
    }
    return render(request, "retention/onboarding/steps.html", context)


# --- one account -----------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """A milestone as it is shown; `how`: by what it is reached; `late`: days overdue on the day that is shown."""

    step: StepOn
    how: str
    late: int

    @property
    def is_by_hand(self) -> bool:
        return self.step.kind == rules.HAND


def how_words(kind: str, feature: str, unit: str, amount: int | None) -> str:
    """By what a milestone is reached, in words: "Leads: 10 uses", "5 people who use it"."""
    much = {"feature": feature, "n": number(amount), "unit": unit or ngettext("use", "uses", amount or 0)}
    words = {
        rules.HAND: _("said by hand"),
        rules.FIRST_USE: _("first use of %(feature)s"),
        rules.PEOPLE: ngettext("%(n)s person who uses it", "%(n)s people who use it", amount or 0),
        rules.MEANINGFUL: _("%(feature)s: %(n)s %(unit)s within 28 days"),
        rules.USES: _("%(feature)s: %(n)s %(unit)s"),
    }
    return words[kind] % much


def told(steps: Sequence[StepOn], day: date) -> list[Told]:
    found = []
    for step in steps:
        late = max((day - step.due_on).days, 0) if step.on is None else 0
        found.append(Told(step, how_words(step.kind, step.feature, step.unit, step.amount), late))
    return found


@needs("read")
def of_account(request: Request, account: int) -> HttpResponse:
    """The milestones of an account; `day`: as they were known to stand at the end of that day."""
    of, today = seen_account(request, account), request.now.date()
    form = forms.DayForm(request.GET if "day" in request.GET else None)
    asked = min(form.cleaned_data["day"], today) if form.is_bound and form.is_valid() else None
    day, known = asked or today, queries.end_of(asked) if asked else None
    stood = queries.stood_on(day, known=known, accounts=[of.pk]).get(of.pk)
    found = queries.steps_on(day, known=known, accounts=[of.pk]) if stood else []
    context = {
        "stood": stood,
        "steps": told(found, stood.seen_on) if stood else [],
        "form": form,
        "asked": asked,
        "may_begin": OnboardingPlan.objects.filter(is_active=True).exists(),
    }
    return render(request, "retention/onboarding/of_account.html", shown(request, of, **context))


@needs("write_account")
def begin(request: Request, account: int) -> HttpResponse:
    of = own_account(request, account)
    form = forms.BeginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.begin(of, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("It goes through “%(plan)s” now.") % {"plan": row.version.plan.name})
            return redirect("account-onboarding", account=of.pk)
    words = {"title": _("Put into a plan"), "submit": _("Begin the onboarding"), "back_url": address_of(of)}
    return form_page(request, form, slot="begin-onboarding", **words, **shown(request, of))


@require_POST
@needs("write_account")
def reach(request: Request, account: int, milestone: int) -> HttpResponse:
    of, step = own_account(request, account), get_object_or_404(Milestone, pk=milestone)
    with refusals_told(request):
        actions.reach(of, step, at=request.now, by=request.user)
        undo = reverse("milestone-take-back", args=[of.pk, step.pk])
        offer_undo(request, _("Reached: %(milestone)s") % {"milestone": step.name}, undo)
    return back_to(request, of)


@require_POST
@needs("write_account")
def take_back(request: Request, account: int, milestone: int) -> HttpResponse:
    of, step = own_account(request, account), get_object_or_404(Milestone, pk=milestone)
    with refusals_told(request):
        actions.take_back(of, step, at=request.now, by=request.user)
        messages.success(request, _("“%(milestone)s” is not reached any more.") % {"milestone": step.name})
    return back_to(request, of)


# --- plans -----------------------------------------------------------------------------------------------------------


class Shown(NamedTuple):
    plan: OnboardingPlan
    version: OnboardingVersion
    steps: list[tuple[Milestone, str]]


@needs("read")
def plans(request: Request) -> HttpResponse:
    """Every plan as its newest edition has it; four queries."""
    newest = queries.newest_versions()
    rows = [
        Shown(plan, newest[plan.pk][0], [(step, _how(step)) for step in newest[plan.pk][1]]) for plan in queries.plans()
    ]
    context = {"rows": rows, "may_configure": request.user.may("configure")}
    return render(request, "retention/onboarding/plans.html", context)


def _how(step: Milestone) -> str:
    feature = step.feature
    return how_words(step.kind, feature.name if feature else "", feature.unit if feature else "", step.amount)


@needs("configure")
def new_plan(request: Request) -> HttpResponse:
    start = {"starts_from": request.now.date() - timedelta(days=90)}
    form = forms.PlanForm(request.POST or None, initial=start)
    blank = [{"expected_days": days} for days in (7, 14, 30, 60)]
    steps = forms.MilestoneForms(request.POST or None, prefix="step", initial=blank)
    if _is_valid(request, form, steps):
        with refusals(form):
            plan = actions.set_plan(**_given(form, steps), at=request.now, by=request.user)
            messages.success(request, _("“%(plan)s” is there. Accounts begin with the next run.") % {"plan": plan.name})
            return redirect("onboarding-plans")
    return _plan_page(request, form, steps, title=_("New onboarding plan"), submit=_("Add the onboarding plan"))


@needs("configure")
def edit_plan(request: Request, pk: int) -> HttpResponse:
    plan = get_object_or_404(OnboardingPlan.objects.prefetch_related("plans"), pk=pk)
    version, held = queries.newest_versions()[plan.pk]
    start = {"name": plan.name, "plans": [row.pk for row in plan.plans.all()]}
    start |= {name: getattr(version, name) for name in ("starts_from", "lasts_days", "stuck_days")}
    names = ("key", "name", "kind", "feature", "amount", "expected_days", "is_value")
    rows: list[dict[str, Any]] = [{name: getattr(step, name) for name in names} for step in held]
    blank: list[dict[str, Any]] = [{"expected_days": held[-1].expected_days}] * 2
    form = forms.PlanForm(request.POST or None, initial=start)
    steps = forms.MilestoneForms(request.POST or None, prefix="step", initial=[*rows, *blank][: actions.MOST])
    if _is_valid(request, form, steps):
        with refusals(form):
            actions.change_plan(plan, **_given(form, steps), at=request.now, by=request.user)
            messages.success(request, _("Saved. Whoever is in onboarding goes on with the edition that it began with."))
            return redirect("onboarding-plans")
    return _plan_page(
        request, form, steps, title=plan.name, submit=_("Save the onboarding plan"), plan=plan, version=version
    )


def _is_valid(request: Request, form: forms.PlanForm, steps: Any) -> bool:
    return request.method == "POST" and form.is_valid() and steps.is_valid()


def _given(form: forms.PlanForm, steps: Any) -> dict[str, Any]:
    """As the actions take it."""
    given = dict(form.cleaned_data)
    terms = {name: given.pop(name) for name in ("starts_from", "lasts_days", "stuck_days")}
    asked = [step for each in steps if (step := each.asked)]
    return given | {"plans": list(given["plans"]), "terms": actions.Terms(**terms, milestones=asked)}


def _plan_page(request: Request, form: forms.PlanForm, steps: Any, **more: Any) -> HttpResponse:
    context = {"form": form, "steps": steps, "back_url": reverse("onboarding-plans"), **more}
    return render(request, "retention/onboarding/plan.html", context)


@require_POST
@needs("configure")
def switch_plan(request: Request, pk: int) -> HttpResponse:
    """Let a plan take no more accounts, or take them again."""
    plan = get_object_or_404(OnboardingPlan, pk=pk)
    if plan.is_active:
        actions.retire_plan(plan, at=request.now, by=request.user)
        words = _("“%(plan)s” takes no more accounts. Those in it go on.")
        offer_undo(request, words % {"plan": plan.name}, reverse("onboarding-plan-switch", args=[plan.pk]))
    else:
        actions.resume_plan(plan, at=request.now, by=request.user)
        messages.success(request, _("“%(plan)s” takes accounts again.") % {"plan": plan.name})
    return redirect("onboarding-plans")
