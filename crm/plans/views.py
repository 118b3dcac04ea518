"""Plans and features: read by everyone, changed by those who configure."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.lib.fields import refusals
from crm.plans import actions, forms
from crm.plans.models import Feature, Plan
from crm.staff.views import Request, needs


def plans(request: Request) -> HttpResponse:
    rows = Plan.objects.order_by("name", "pk").prefetch_related("features")
    return render(request, "crm/plans/plans.html", {"plans": rows, "may_configure": request.user.may("configure")})


def features(request: Request) -> HttpResponse:
    rows = Feature.objects.order_by("-is_key", "name", "pk")
    return render(
        request, "crm/plans/features.html", {"features": rows, "may_configure": request.user.may("configure")}
    )


@needs("configure")
def new_plan(request: Request) -> HttpResponse:
    form = forms.NewPlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.create_plan(**form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("The plan %(name)s is there.") % {"name": row.name})
            return redirect("plans")
    words = {"title": _("New plan"), "submit": _("Add the plan"), "back_url": reverse("plans")}
    return render(request, "crm/form.html", words | {"form": form})


@needs("configure")
def edit_plan(request: Request, pk: int) -> HttpResponse:
    plan = get_object_or_404(Plan, pk=pk)
    listed = plan.features.values_list("pk", flat=True)
    start = {"name": plan.name, "includes_everything": plan.includes_everything, "features": list(listed)}
    form = forms.PlanForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_plan(plan, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("plans")
    words = {"title": plan.name, "submit": _("Save the plan"), "back_url": reverse("plans")}
    return render(request, "crm/form.html", words | {"form": form})


@needs("configure")
def new_feature(request: Request) -> HttpResponse:
    form = forms.NewFeatureForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            row = actions.create_feature(**form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("The feature %(name)s is there. Map its events next.") % {"name": row.name})
            return redirect("features")
    words = {"title": _("New feature"), "submit": _("Add the feature"), "back_url": reverse("features")}
    return render(request, "crm/form.html", words | {"form": form})


@needs("configure")
def edit_feature(request: Request, pk: int) -> HttpResponse:
    feature = get_object_or_404(Feature, pk=pk)
    names = ("name", "is_key", "counts_amount", "unit", "threshold")
    form = forms.FeatureForm(request.POST or None, initial={name: getattr(feature, name) for name in names})
    if request.method == "POST" and form.is_valid():
        with refusals(form):
            actions.change_feature(feature, **form.cleaned_data, at=request.now, by=request.user)
            messages.success(request, _("Saved."))
            return redirect("features")
    words = {"title": feature.name, "submit": _("Save the feature"), "back_url": reverse("features")}
    return render(request, "crm/form.html", words | {"form": form})
